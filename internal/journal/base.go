package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// baseName is a snapshot in the archive.
const baseName = "base-%020d.zst"

// Bases are the snapshots that stand between the segments, for reading: states
// from which a part of the archive can be replayed without what came before it.
func (a *Archive) Bases() *Snapshots { return &Snapshots{dir: a.dir, name: baseName} }

// retire removes a snapshot, or moves it to the archive.
func (s *Snapshots) retire(n uint64) error {
	path := s.Path(n)
	if s.archive == nil {
		return os.Remove(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	wanted, err := s.archive.wants(n, info.Size())
	var damaged *ArchiveError
	if err != nil && !errors.As(err, &damaged) {
		return err
	}
	if !wanted {
		return os.Remove(path)
	}
	if err := os.Rename(path, filepath.Join(s.archive.dir, fmt.Sprintf(baseName, n))); err != nil {
		return err
	}
	return errors.Join(syncDir(s.archive.dir), syncDir(s.dir))
}

// wants tells whether a snapshot of that size is worth keeping: when the records
// since the last one kept take more room than it does. So the snapshots at most
// double the archive, and going back reads about as much again as a snapshot.
func (a *Archive) wants(n uint64, size int64) (bool, error) {
	bases, err := a.Bases().List()
	if err != nil {
		return false, err
	}
	last := uint64(0)
	if len(bases) > 0 {
		last = bases[len(bases)-1]
	}
	segments, err := a.Segments()
	if err != nil {
		return false, err
	}
	since := int64(0)
	for _, s := range segments {
		if s.First() > last && s.Last.N <= n {
			since += s.Bytes
		}
	}
	return since > size, nil
}

// continues tells whether a snapshot in the archive stands at this place.
func (a *Archive) continues(at Link) bool {
	snap, err := a.Bases().Load(at.N)
	return err == nil && snap.At == at
}

// SetAside renames the files that hold record n or later ones, so that the archive
// ends before them. They are not read any more.
func (a *Archive) SetAside(n uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	segments, err := names(a.dir, "segment-")
	if err != nil {
		return fmt.Errorf("set a part of the archive aside: %w", err)
	}
	bases, err := names(a.dir, "base-")
	if err != nil {
		return fmt.Errorf("set a part of the archive aside: %w", err)
	}
	for _, name := range append(segments, bases...) {
		var first, last uint64
		if !scanName(name, segmentName, &first, &last) && !scanName(name, baseName, &last) || last < n {
			continue
		}
		if err := os.Rename(filepath.Join(a.dir, name), filepath.Join(a.dir, "aside-"+name)); err != nil {
			return fmt.Errorf("set a part of the archive aside: %w", err)
		}
	}
	return syncDir(a.dir)
}
