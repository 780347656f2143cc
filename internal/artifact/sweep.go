package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// Swept counts what a sweep removed.
type Swept struct {
	Artifacts int
	Bytes     int64
}

// Sweep removes every artifact that live does not know and that was last put
// before olderThan. That age protects artifacts that are stored but not yet
// referred to: it must be longer than any upload takes to be announced.
// It removes what it can and returns the errors of the rest.
func (f *Files) Sweep(live func(Digest) bool, olderThan time.Time) (Swept, error) {
	var s Swept
	var failed []error
	err := f.each(func(d Digest, _ Info) error {
		if live(d) {
			return nil
		}
		n, err := f.removeOlder(d, olderThan)
		if err != nil {
			failed = append(failed, err)
		} else if n >= 0 {
			s.Artifacts++
			s.Bytes += n
		}
		return nil
	})
	if err = errors.Join(append(failed, err)...); err != nil {
		return s, fmt.Errorf("sweep artifacts: %w", err)
	}
	return s, nil
}

// removeOlder gives the bytes it freed, or -1 when the artifact stays.
func (f *Files) removeOlder(d Digest, olderThan time.Time) (int64, error) {
	f.publish.Lock()
	defer f.publish.Unlock()
	_, _, p := shards(d)
	info, err := f.root.Lstat(p)
	if err != nil || !info.ModTime().Before(olderThan) {
		return -1, ignoreMissing(err)
	}
	if err := f.root.Remove(p); err != nil {
		return -1, ignoreMissing(err)
	}
	return info.Size(), nil
}

// each visits every complete artifact in the order of the digests.
func (f *Files) each(visit func(Digest, Info) error) error {
	return fs.WalkDir(f.root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return ignoreMissing(err)
		}
		if e.IsDir() && p == "tmp" {
			return fs.SkipDir
		}
		d, err := Parse(scheme + path.Base(p))
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		return visit(d, Info{Size: info.Size(), Modified: info.ModTime()})
	})
}
