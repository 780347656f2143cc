package artifact

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// DefaultMaxSize is the limit on one artifact when Options names none: 4 GiB.
const DefaultMaxSize = 4 << 30

// Options configures a store of files.
type Options struct {
	// MaxSize is the largest artifact in bytes; 0 means DefaultMaxSize.
	MaxSize int64
}

// Files is a Store in a directory: tmp/ holds what is being written, aa/bb/
// (the first digits of the digest) what is complete. One process owns it.
//
// Every path is opened beneath an os.Root, so no symbolic link planted in the
// directory leads a reader or writer out of it; Verify finds one that leads
// from one artifact to another.
type Files struct {
	dir     string
	root    *os.Root
	lock    *os.File
	maxSize int64
	// publish keeps a sweep from removing what a Put has just renewed.
	publish sync.Mutex
}

var _ Store = (*Files)(nil)

// OpenFiles opens or creates the store in dir and removes the half-written
// files of a process that died. ErrInUse when another process has it open.
func OpenFiles(dir string, o Options) (*Files, error) {
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("create artifact store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open artifact store: %w", err)
	}
	f := &Files{dir: dir, root: root, maxSize: cmp.Or(o.MaxSize, DefaultMaxSize)}
	if err := f.own(); err != nil {
		root.Close()
		return nil, fmt.Errorf("open artifact store %s: %w", dir, err)
	}
	return f, nil
}

func (f *Files) own() error {
	lock, err := f.root.OpenFile("lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return ErrInUse
	}
	f.lock = lock
	return f.clearTemp()
}

func (f *Files) clearTemp() error {
	entries, err := fs.ReadDir(f.root.FS(), "tmp")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := f.root.RemoveAll("tmp/" + e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the directory up. Readers that are open stay good.
func (f *Files) Close() error {
	return errors.Join(f.lock.Close(), f.root.Close())
}

// Put implements Store with one sync of the file and one of its directory.
func (f *Files) Put(ctx context.Context, r io.Reader, want Digest) (Digest, int64, error) {
	d, n, err := f.put(ctx, r, want)
	if err != nil {
		return "", 0, fmt.Errorf("put artifact: %w", noSpace(err))
	}
	return d, n, nil
}

func (f *Files) put(ctx context.Context, r io.Reader, want Digest) (Digest, int64, error) {
	if want != "" {
		if _, err := Parse(string(want)); err != nil {
			return "", 0, err
		}
	}
	name := "tmp/" + rand.Text()
	tmp, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o400)
	if err != nil {
		return "", 0, err
	}
	d, n, err := f.fill(ctx, tmp, r, want)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = f.commit(name, d)
	}
	if err != nil {
		return "", 0, errors.Join(err, ignoreMissing(f.root.Remove(name)))
	}
	return d, n, nil
}

// fill writes, hashes and syncs; what is not wanted is not worth a sync.
func (f *Files) fill(ctx context.Context, tmp *os.File, r io.Reader, want Digest) (Digest, int64, error) {
	h := sha256.New()
	limited := io.LimitReader(&ctxReader{ctx, r}, f.maxSize+1)
	n, err := io.Copy(io.MultiWriter(tmp, h), limited)
	switch got := digestOf(h); {
	case err != nil:
		return "", 0, err
	case n > f.maxSize:
		return "", 0, &TooLargeError{Limit: f.maxSize}
	case want != "" && want != got:
		return "", 0, &MismatchError{Want: want, Got: got}
	default:
		return got, n, tmp.Sync()
	}
}

func (f *Files) commit(tmp string, d Digest) error {
	f.publish.Lock()
	defer f.publish.Unlock()
	outer, inner, path := shards(d)
	if _, err := f.root.Lstat(inner); errors.Is(err, fs.ErrNotExist) {
		if err := f.root.MkdirAll(inner, 0o700); err != nil {
			return err
		}
		if err := errors.Join(f.syncDir("."), f.syncDir(outer)); err != nil {
			return err
		}
	}
	if err := f.root.Rename(tmp, path); err != nil {
		return err
	}
	return f.syncDir(inner)
}

func (f *Files) syncDir(name string) error {
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open implements Store. It does not read the content: see Verify.
func (f *Files) Open(_ context.Context, d Digest) (io.ReadSeekCloser, int64, error) {
	file, info, err := f.open(d)
	if err != nil {
		return nil, 0, fmt.Errorf("open artifact %.80s: %w", d, err)
	}
	return file, info.Size(), nil
}

func (f *Files) open(d Digest) (*os.File, fs.FileInfo, error) {
	if _, err := Parse(string(d)); err != nil {
		return nil, nil, err
	}
	_, _, path := shards(d)
	file, err := f.root.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, notFound(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file: %s", info.Mode())
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// Path gives the file that holds d, for readers that need a path, as a driver
// does for a module. The file is read-only and must stay as it is.
func (f *Files) Path(ctx context.Context, d Digest) (string, error) {
	if _, err := f.Stat(ctx, d); err != nil {
		return "", err
	}
	_, _, path := shards(d)
	return filepath.Join(f.dir, path), nil
}

// Stat implements Store.
func (f *Files) Stat(_ context.Context, d Digest) (Info, error) {
	file, info, err := f.open(d)
	if err != nil {
		return Info{}, fmt.Errorf("stat artifact %.80s: %w", d, err)
	}
	return Info{Size: info.Size(), Modified: info.ModTime()}, file.Close()
}

// Delete implements Store.
func (f *Files) Delete(_ context.Context, d Digest) error {
	if _, err := Parse(string(d)); err != nil {
		return fmt.Errorf("delete artifact: %w", err)
	}
	_, _, path := shards(d)
	if err := ignoreMissing(f.root.Remove(path)); err != nil {
		return fmt.Errorf("delete artifact %s: %w", d, err)
	}
	return nil
}

// Verify reads the whole artifact and returns a *MismatchError when the disk
// no longer holds what was put.
func (f *Files) Verify(ctx context.Context, d Digest) error {
	file, _, err := f.open(d)
	if err != nil {
		return fmt.Errorf("verify artifact %.80s: %w", d, err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, file}); err != nil {
		return fmt.Errorf("verify artifact %s: %w", d, err)
	}
	if got := digestOf(h); got != d {
		return &MismatchError{Want: d, Got: got}
	}
	return nil
}

// touch sets the time of an artifact, which orders sweeps and evictions.
func (f *Files) touch(d Digest, t time.Time) error {
	_, _, path := shards(d)
	return notFound(f.root.Chtimes(path, t, t))
}

func shards(d Digest) (outer, inner, path string) {
	h := d.Hex()
	outer = h[:2]
	inner = outer + "/" + h[2:4]
	return outer, inner, inner + "/" + h
}

// ctxReader ends a copy soon after its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
