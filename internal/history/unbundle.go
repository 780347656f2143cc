package history

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"drover.dev/internal/journal"
)

// Bundle is a bundle opened for reading.
type Bundle struct {
	Source
	Manifest Manifest
	zip      *zip.ReadCloser
	temp     string
}

// ErrNoBundle says that a file is not a bundle.
var ErrNoBundle = errors.New("it is not a bundle of drover debug bundle")

// ErrBrokenBundle says that a bundle is not whole, or was not made by Drover.
var ErrBrokenBundle = errors.New("the bundle is damaged")

// OpenBundle opens a bundle. What it holds is judged like a journal: nothing of it
// is believed that its chain does not prove.
func OpenBundle(path, temp string) (*Bundle, error) {
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("open %s: %w", path, ErrNoBundle)
	}
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	b := &Bundle{zip: z}
	if err := b.open(temp); err != nil {
		return nil, errors.Join(fmt.Errorf("open the bundle %s: %w", path, err), b.Close())
	}
	return b, nil
}

func (b *Bundle) open(temp string) (err error) {
	text, err := readPart(&b.zip.Reader, partManifest, maxBundleText)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoBundle
	}
	if err == nil {
		err = json.Unmarshal(text, &b.Manifest)
	}
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", ErrBrokenBundle, partManifest, err)
	}
	if b.Manifest.Format != BundleFormat {
		return fmt.Errorf("it has format %d, this build reads %d: use the drover that is as new as it (%.80q)", b.Manifest.Format, BundleFormat, b.Manifest.Version)
	}
	if b.temp, err = os.MkdirTemp(temp, "drover-bundle-"); err != nil {
		return err
	}
	b.Snapshots = journal.ReadSnapshots(b.temp)
	if b.Manifest.Base > 0 {
		if err := b.unpackSnapshot(b.Snapshots.Path(b.Manifest.Base)); err != nil {
			return fmt.Errorf("%w: unpack the snapshot: %w", ErrBrokenBundle, err)
		}
	}
	b.Begin = max(b.Manifest.Base, 1)
	b.Journal = packed{&b.zip.Reader}
	return nil
}

// unpackSnapshot writes the snapshot to a file. It is compressed in its own way, so
// that it takes no more room there than in the bundle.
func (b *Bundle) unpackSnapshot(path string) error {
	i := slices.IndexFunc(b.zip.File, func(f *zip.File) bool { return f.Name == partSnapshot })
	if i < 0 || b.zip.File[i].Method != zip.Store {
		return errors.New("there is none, or it is not as drover packs it")
	}
	from, err := b.zip.File[i].Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	snap, err := b.Snapshots.Load(b.Manifest.Base)
	if err == nil {
		_, err = journal.DecodeState(snap.Data)
	}
	return err
}

// Close removes what was unpacked.
func (b *Bundle) Close() error {
	err := b.zip.Close()
	if b.temp == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(b.temp))
}

func readPart(z *zip.Reader, name string, limit int64) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}

// packed are the records of a bundle. They are unpacked as they are read, one at a
// time: a bundle may hold much more than it is large.
type packed struct{ zip *zip.Reader }

// Read implements Reader. A sequence is a record's place in the bundle.
func (p packed) Read(_ context.Context, from uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		f, err := p.zip.Open(partRecords)
		if err != nil {
			yield(journal.Entry{}, fmt.Errorf("%w: read its records: %w", ErrBrokenBundle, err))
			return
		}
		defer f.Close()
		r, size := bufio.NewReaderSize(f, 1<<20), 0
		for seq := uint64(1); ; seq++ {
			b, err := unpack(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if size += len(b); err == nil && (size > maxBundleBytes || seq > maxBundleRecords) {
				err = errors.New("there are more than a bundle may hold")
			}
			if err != nil {
				yield(journal.Entry{}, fmt.Errorf("%w: read its record %d: %w", ErrBrokenBundle, seq, err))
				return
			}
			if seq >= from && !yield(journal.Entry{Seq: seq, Data: b}, nil) {
				return
			}
		}
	}
}

// unpack reads one record; io.EOF is a good end.
func unpack(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > journal.MaxRecord {
		return nil, fmt.Errorf("it has %d bytes, at most %d may be, and at least 1", n, journal.MaxRecord)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("it is cut off: %w", io.ErrUnexpectedEOF)
	}
	if _, err := journal.Decode(b); err != nil {
		return nil, err
	}
	return b, nil
}

// Open opens a bundle or a stopped server's directory.
func Open(ctx context.Context, path string) (src *Source, cell string, end func() error, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", nil, err
	}
	if !info.IsDir() {
		b, err := OpenBundle(path, "")
		if err != nil {
			return nil, "", nil, err
		}
		return &b.Source, b.Manifest.Cell, b.Close, nil
	}
	inner := filepath.Join(path, "server") // as drover dev has it
	if info, err := os.Stat(inner); err == nil && info.IsDir() {
		path = inner
	}
	d, err := OpenDir(ctx, path, "", nil)
	if err != nil {
		return nil, "", nil, err
	}
	return &d.Source, d.Cell, d.Close, nil
}
