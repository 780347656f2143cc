package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// DefaultSegment is how many bytes of records go into one segment, before compression.
const DefaultSegment = 64 << 20

// ArchiveError means that a segment is missing or is not what was written.
type ArchiveError struct {
	Path  string
	From  uint64 // the first record of the file, or the first one missing
	N     uint64 // the first record that cannot be had
	Cause error
}

// Error says where and what to do.
func (e *ArchiveError) Error() string {
	return e.What() + ". Restore the file from a copy; the journal is not affected, only histories are"
}

// What says where it is damaged.
func (e *ArchiveError) What() string {
	return fmt.Sprintf("the archive %s is damaged at record %d: %v", e.Path, e.N, e.Cause)
}

// Advice is the other thing to do about it.
func (e *ArchiveError) Advice() string {
	return fmt.Sprintf("start the server with --accept-loss-from %d, which sets the archive aside from record %d to the snapshot and records that it did; the state stands", e.From, e.From)
}

// Unwrap gives the cause.
func (e *ArchiveError) Unwrap() error { return e.Cause }

// Archive keeps in a directory the records that the journal no longer holds: files
// of consecutive records, each length-prefixed, compressed with zstd, with a
// trailer that chains the file to the one before it. Records are archived before
// the journal is truncated.
type Archive struct {
	dir     string
	segment int
	mu      sync.Mutex // one Add at a time
}

// Segment is one file of an archive.
type Segment struct {
	Prev  Link // the record before the first
	Last  Link
	Bytes int64 // size of the file
	path  string
}

// First is the number of the first record.
func (s *Segment) First() uint64 { return s.Prev.N + 1 }

const (
	segmentName  = "segment-%020d-%020d.zst"
	frameLen     = 4
	segmentMagic = "DRVSEGM1"
)

// OpenArchive uses a directory, creating it if needed. Segments are cut at so many
// bytes of records; 0 is DefaultSegment.
func OpenArchive(dir string, segment int) (*Archive, error) {
	if err := openDir(dir); err != nil {
		return nil, fmt.Errorf("open the archive in %s: %w", dir, err)
	}
	if segment <= 0 {
		segment = DefaultSegment
	}
	return &Archive{dir: dir, segment: segment}, nil
}

// ReadArchive is for reading alone: nothing in the directory is changed.
func ReadArchive(dir string) *Archive { return &Archive{dir: dir} }

// Segments lists the files, oldest first, after checking that each is followed by
// the next. It reads their trailers only. Beside an [ArchiveError] come the files
// before it.
func (a *Archive) Segments() ([]Segment, error) {
	files, err := names(a.dir, "segment-")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the archive: %w", err)
	}
	var out []Segment
	for _, name := range files {
		var first, last uint64
		if !scanName(name, segmentName, &first, &last) {
			continue
		}
		s, err := readTrailer(filepath.Join(a.dir, name))
		if err == nil && (s.First() != first || s.Last.N != last) {
			err = errors.New("the file's name does not fit its contents")
		}
		if err != nil {
			return out, &ArchiveError{Path: filepath.Join(a.dir, name), From: first, N: first, Cause: err}
		}
		if n := len(out); n > 0 && out[n-1].Last != s.Prev && !a.continues(s.Prev) {
			before := out[n-1].Last.N
			return out, &ArchiveError{
				Path: a.dir, From: before + 1, N: before + 1,
				Cause: fmt.Errorf("%s does not follow record %d", name, before),
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// End is the last record that the archive holds or that one of its snapshots
// stands at.
func (a *Archive) End() (Link, error) {
	all, err := a.Segments()
	if err != nil {
		return Link{}, err
	}
	var end Link
	if n := len(all); n > 0 {
		end = all[n-1].Last
	}
	bases, err := a.Bases().List()
	if err != nil || len(bases) == 0 || bases[len(bases)-1] <= end.N {
		return end, err
	}
	last := bases[len(bases)-1]
	snap, err := a.Bases().Load(last)
	if err != nil {
		return Link{}, &ArchiveError{Path: a.Bases().Path(last), From: last, N: last, Cause: err}
	}
	return snap.At, nil
}

// Check reads every file that holds record from or later ones.
func (a *Archive) Check(from uint64) error {
	all, err := a.Segments()
	for i := range all {
		if all[i].Last.N < from {
			continue
		}
		if err := all[i].Check(); err != nil {
			return err
		}
	}
	return err
}

// Rebase has the archive go on after a snapshot, whatever of the records before
// it is missing: an accepted loss.
func (a *Archive) Rebase(s *Snapshots, n uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := copyFile(s.Path(n), a.dir, fmt.Sprintf(baseName, n))
	if err != nil {
		return fmt.Errorf("begin the archive anew at record %d: %w", n, err)
	}
	return nil
}

// Add archives the records among a journal's entries that follow the archive's end,
// up to number upto, and returns the archive's new end. Records that it already has
// are passed over, so a call that was interrupted can be repeated. After an error
// the archive ends at a whole segment.
func (a *Archive) Add(entries iter.Seq2[Entry, error], upto uint64) (Link, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	end, err := a.End()
	if err != nil {
		return Link{}, err
	}
	if upto <= end.N {
		return end, nil
	}
	w := writer{archive: a, end: end}
	defer w.discard()
	if err := w.addAll(Verify(entries, NewVerifier(end)), upto); err != nil {
		return w.end, fmt.Errorf("archive the records %d to %d: %w", end.N+1, upto, err)
	}
	return w.end, nil
}

// writer cuts records into segments.
type writer struct {
	archive *Archive
	end     Link // of the segments that are published
	at      Link // of the draft
	draft   *draft
	size    int
}

func (w *writer) addAll(records iter.Seq2[Verified, error], upto uint64) error {
	for v, err := range records {
		var torn *TornError
		if errors.As(err, &torn) {
			break
		}
		if err != nil {
			return err
		}
		if v.Record.N > upto {
			break
		}
		if err := w.add(v); err != nil {
			return err
		}
		if v.Record.N == upto {
			break
		}
	}
	if err := w.cut(); err != nil {
		return err
	}
	if w.end.N < upto {
		return fmt.Errorf("the journal ends at record %d", w.end.N)
	}
	return nil
}

func (w *writer) add(v Verified) (err error) {
	if w.draft == nil {
		if w.draft, err = newDraft(w.archive.dir); err != nil {
			return err
		}
		w.at, w.size = w.end, 0
	}
	if _, err := w.draft.zip.Write(binary.BigEndian.AppendUint32(nil, uint32(len(v.Data)))); err != nil {
		return err
	}
	if _, err := w.draft.zip.Write(v.Data); err != nil {
		return err
	}
	w.at = Link{N: v.Record.N, Hash: v.Hash}
	if w.size += frameLen + len(v.Data); w.size >= w.archive.segment {
		return w.cut()
	}
	return nil
}

// cut ends the draft, if there is one, and publishes it as a segment.
func (w *writer) cut() error {
	if w.draft == nil {
		return nil
	}
	if err := w.draft.zip.Close(); err != nil {
		return err
	}
	if _, err := w.draft.f.Write(trailer(w.end, w.at)); err != nil {
		return err
	}
	name := fmt.Sprintf(segmentName, w.end.N+1, w.at.N)
	if err := w.draft.publish(name); err != nil {
		return err
	}
	w.draft = nil
	end := w.end
	w.end = w.at
	return w.archive.check(filepath.Join(w.archive.dir, name), end, w.at)
}

func (w *writer) discard() {
	if w.draft != nil {
		w.draft.discard()
	}
}

// check reads a segment back: what it holds is about to be truncated elsewhere.
func (a *Archive) check(path string, prev, last Link) error {
	s, err := readTrailer(path)
	if err == nil && (s.Prev != prev || s.Last != last) {
		err = errors.New("it reads back different")
	}
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Read yields the archived records from number from, each entry's Seq being its
// record's number. It holds one record in memory, and proves each by the chain; a
// damaged segment ends it with an [ArchiveError] after the last good record.
func (a *Archive) Read(from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		all, fault := a.Segments()
		for _, s := range all {
			if s.Last.N < from {
				continue
			}
			more := true
			err := s.each(func(e Entry) bool {
				more = e.Seq < from || yield(e, nil)
				return more
			})
			if err != nil {
				yield(Entry{}, fmt.Errorf("read the archive: %w", err))
			}
			if err != nil || !more {
				return
			}
		}
		if fault != nil {
			yield(Entry{}, fmt.Errorf("read the archive: %w", fault))
		}
	}
}
