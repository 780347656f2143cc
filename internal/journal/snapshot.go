package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// MaxSnapshot is the largest snapshot, in bytes before compression.
const MaxSnapshot = 1 << 30

// ErrNoSnapshot means that none was ever saved here.
var ErrNoSnapshot = errors.New("there is no snapshot")

// Snapshot is a state as it was after a record.
type Snapshot struct {
	At   Link
	Data []byte
	// Skipped says, when this was loaded, which newer ones were damaged.
	Skipped []error
}

// Snapshots keeps the newest few snapshots in a directory, one file each:
// a header (magic, record number, record hash, size, SHA-256 over header and data)
// and the data compressed with zstd.
type Snapshots struct {
	dir     string
	name    string // of the files, as a format
	keep    int
	archive *Archive   // gets some of those that are not kept; nil: none
	mu      sync.Mutex // one Save at a time
}

const (
	snapshotName  = "snapshot-%020d.zst"
	snapshotMagic = "DRVSNAP1"
	snapshotHead  = len(snapshotMagic) + 8 + sha256.Size + 8 // before the checksum
)

// OpenSnapshots uses a directory, creating it if needed, and keeps that many
// snapshots in it; at least 2, so that one damaged file does not cost the state.
func OpenSnapshots(dir string, keep int) (*Snapshots, error) {
	if err := openDir(dir); err != nil {
		return nil, fmt.Errorf("open the snapshots in %s: %w", dir, err)
	}
	return &Snapshots{dir: dir, name: snapshotName, keep: max(keep, 2)}, nil
}

// ReadSnapshots is for reading alone: nothing in the directory is changed.
func ReadSnapshots(dir string) *Snapshots { return &Snapshots{dir: dir, name: snapshotName} }

// RetireTo has the archive keep some of the snapshots that are not kept here, so
// that going back far does not begin at the first record. Call it before Save.
func (s *Snapshots) RetireTo(a *Archive) { s.archive = a }

// Save returns once the snapshot is on disk and was read back equal; only then may
// the journal be truncated. Then it removes the oldest ones over the number to keep.
// The data may come in pieces.
func (s *Snapshots) Save(at Link, data ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for _, piece := range data {
		size += len(piece)
	}
	if size > MaxSnapshot {
		return fmt.Errorf("save the snapshot at record %d: it has %d bytes, at most %d may be", at.N, size, MaxSnapshot)
	}
	name, head := fmt.Sprintf(s.name, at.N), snapshotHeader(at, size)
	sum := sumOf(head, data...)
	head = append(head, sum[:]...)
	if err := s.write(name, head, data); err != nil {
		return fmt.Errorf("save the snapshot at record %d in %s: %w", at.N, s.dir, err)
	}
	if err := s.check(name, head); err != nil {
		return errors.Join(fmt.Errorf("save the snapshot at record %d: %w: check the disk", at.N, err),
			os.Remove(filepath.Join(s.dir, name)))
	}
	return s.prune()
}

func (s *Snapshots) write(name string, head []byte, data [][]byte) error {
	d, err := newDraft(s.dir)
	if err != nil {
		return err
	}
	defer d.discard()
	if _, err := d.f.Write(head); err != nil {
		return err
	}
	for _, piece := range data {
		if _, err := d.zip.Write(piece); err != nil {
			return err
		}
	}
	if err := d.zip.Close(); err != nil {
		return err
	}
	return d.publish(name)
}

// check reads a snapshot back, without holding it: it must have this header, with
// the checksum, and the data of that checksum.
func (s *Snapshots) check(name string, want []byte) error {
	f, head, err := s.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := unzip(f)
	if err != nil {
		return err
	}
	defer z.Close()
	h := sha256.New()
	h.Write(head[:snapshotHead])
	if _, err := io.Copy(h, z); err != nil {
		return err
	}
	if !bytes.Equal(head, want) || !bytes.Equal(h.Sum(nil), want[snapshotHead:]) {
		return errors.New("it reads back different")
	}
	return nil
}

// open gives a file, and its header, behind which the file stands.
func (s *Snapshots) open(name string) (*os.File, []byte, error) {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, snapshotHead+sha256.Size)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the header is cut off: %w", err), f.Close())
	}
	return f, head, nil
}

func snapshotHeader(at Link, size int) []byte {
	b := append(make([]byte, 0, snapshotHead+sha256.Size), snapshotMagic...)
	b = binary.BigEndian.AppendUint64(b, at.N)
	b = append(b, at.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(size))
}

func sumOf(head []byte, data ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(head)
	for _, piece := range data {
		h.Write(piece)
	}
	h.Sum(sum[:0])
	return sum
}

// List gives the record numbers of the snapshots, oldest first, unchecked.
func (s *Snapshots) List() ([]uint64, error) {
	prefix, _, _ := strings.Cut(s.name, "%")
	files, err := names(s.dir, prefix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	var out []uint64
	for _, name := range files {
		var n uint64
		if scanName(name, s.name, &n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// LoadNewest gives the newest snapshot that is whole, and in Skipped what was wrong
// with newer ones. Without any snapshot the error is ErrNoSnapshot; if all are
// damaged it is not, because then something is lost.
func (s *Snapshots) LoadNewest() (Snapshot, error) {
	all, err := s.List()
	if err != nil {
		return Snapshot{}, err
	}
	if len(all) == 0 {
		return Snapshot{}, fmt.Errorf("load a snapshot from %s: %w", s.dir, ErrNoSnapshot)
	}
	var skipped []error
	for _, n := range slices.Backward(all) {
		snap, err := s.load(fmt.Sprintf(s.name, n))
		if err == nil {
			snap.Skipped = skipped
			return snap, nil
		}
		skipped = append(skipped, fmt.Errorf("the snapshot at record %d is damaged: %w", n, err))
	}
	return Snapshot{}, fmt.Errorf("load a snapshot from %s: none of %d is whole: restore one from a copy, or remove them all, and the whole archive and journal are replayed: %w",
		s.dir, len(all), errors.Join(skipped...))
}

// Load gives the snapshot at record n.
func (s *Snapshots) Load(n uint64) (Snapshot, error) {
	snap, err := s.load(fmt.Sprintf(s.name, n))
	if err != nil {
		return Snapshot{}, fmt.Errorf("load the snapshot at record %d: %w", n, err)
	}
	return snap, nil
}

// Path is the file of the snapshot at record n.
func (s *Snapshots) Path(n uint64) string { return filepath.Join(s.dir, fmt.Sprintf(s.name, n)) }

func (s *Snapshots) load(name string) (Snapshot, error) {
	f, head, err := s.open(name)
	if err != nil {
		return Snapshot{}, err
	}
	defer f.Close()
	data, err := readZipped(f, binary.BigEndian.Uint64(head[snapshotHead-8:]))
	if err != nil {
		return Snapshot{}, err
	}
	if sum := sumOf(head[:snapshotHead], data); !bytes.Equal(sum[:], head[snapshotHead:]) {
		return Snapshot{}, errors.New("the checksum differs")
	}
	snap := Snapshot{At: Link{N: binary.BigEndian.Uint64(head[8:])}, Data: data}
	copy(snap.At.Hash[:], head[16:])
	if !bytes.Equal(head[:snapshotHead], snapshotHeader(snap.At, len(data))) || fmt.Sprintf(s.name, snap.At.N) != name {
		return Snapshot{}, errors.New("the header does not fit the file")
	}
	return snap, nil
}

// readZipped reads data of a size that is announced, and is taken at its word only
// as far as the data goes.
func readZipped(r io.Reader, size uint64) ([]byte, error) {
	if size > MaxSnapshot {
		return nil, fmt.Errorf("more than %d bytes", MaxSnapshot)
	}
	z, err := unzip(r)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	data := bytes.NewBuffer(make([]byte, 0, min(size, trusted)+bytes.MinRead))
	if n, err := data.ReadFrom(io.LimitReader(z, int64(size)+1)); err != nil {
		return nil, err
	} else if uint64(n) > size {
		return nil, fmt.Errorf("more than the %d bytes that were written", size)
	}
	return data.Bytes(), nil
}

// trusted is how much memory is taken because a header says so.
const trusted = 256 << 20

func (s *Snapshots) prune() error {
	all, err := s.List()
	if err != nil {
		return err
	}
	for _, n := range all[:max(0, len(all)-s.keep)] {
		if err := s.retire(n); err != nil {
			return fmt.Errorf("remove the old snapshot at record %d: %w", n, err)
		}
	}
	return nil
}
