package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// maxInlineSum bounds what the outputs of one attempt take inside its report.
const maxInlineSum = 64 << 10

// A badOutput is an output that is not as the task promised: the task failed.
type badOutput struct {
	reason string
	err    error
}

func (b *badOutput) Error() string { return b.err.Error() }
func (b *badOutput) Unwrap() error { return b.err }

func missing(format string, args ...any) error {
	return &badOutput{"output missing", fmt.Errorf(format, args...)}
}

// collector gathers the outputs of one attempt.
type collector struct {
	dir    string
	owner  uint32 // of the output directory, which is the task's user
	store  Store
	inline int // bytes so far
	values []api.Value
	sum    api.Bytes
}

// collect stores all outputs of a task that ended well.
func (n *node) collect(ctx context.Context, as *api.Assignment) ([]api.Value, api.Bytes, error) {
	c := &collector{dir: n.dirs.task(as.Attempt), store: n.store}
	root, err := os.OpenRoot(filepath.Join(c.dir, driver.Out))
	if err != nil {
		return nil, 0, missing("the output directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	if info, err := root.Stat("."); err == nil {
		c.owner = ownerOf(info)
	}
	for i := range as.Task.Outputs {
		o := &as.Task.Outputs[i]
		if o.Stdout {
			err = c.stdout(ctx, o)
		} else {
			err = c.file(ctx, root, o)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("output %q: %w", o.Name, err)
		}
	}
	return c.values, c.sum, nil
}

// file takes a file of the output directory. A symbolic link in the task's hands
// leads nowhere: not out of the directory, and not as the last step at all.
func (c *collector) file(ctx context.Context, root *os.Root, o *api.Output) error {
	f, err := root.OpenFile(o.Path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && o.Optional {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return missing("the task left no file %q in its output directory", o.Path)
	}
	if err != nil {
		return missing("%w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return missing("%q is not a regular file", o.Path)
	}
	// A hard link gives a file that only its owner and the agent may read.
	if ownerOf(info) != c.owner {
		return missing("%q belongs to another user than the output directory: a link to a file of the node is no output", o.Path)
	}
	return c.take(ctx, o.Name, filepath.Base(o.Path), f)
}

func ownerOf(info fs.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return 0
}

// stdout takes the task's standard output, all of which must have been kept;
// an optional one is left out when it was not.
func (c *collector) stdout(ctx context.Context, o *api.Output) error {
	err := c.take(ctx, o.Name, "stdout", &logReader{dir: c.dir})
	if errors.Is(err, errLogCut) && o.Optional {
		return nil
	}
	return err
}

// take puts small contents into the report and others into the store.
func (c *collector) take(ctx context.Context, name, base string, r io.ReadSeeker) error {
	head, err := io.ReadAll(io.LimitReader(r, api.MaxInline+1))
	if err != nil {
		return err
	}
	v := api.Value{Name: name, File: base, Size: api.Bytes(len(head)), Inline: head}
	if len(head) > api.MaxInline || c.inline+len(head) > maxInlineSum {
		v.Inline = nil
		if v.Digest, v.Size, err = c.push(ctx, r); err != nil {
			return err
		}
	}
	c.inline += len(v.Inline)
	c.sum += v.Size
	c.values = append(c.values, v)
	return nil
}

// push names the contents by their digest first, because the store wants to know
// before it takes them.
func (c *collector) push(ctx context.Context, r io.ReadSeeker) (api.Digest, api.Bytes, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	size, err := io.Copy(hash, r)
	if err != nil {
		return "", 0, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	d := api.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil)))
	// The wrapper keeps the transport from closing what is ours.
	err = c.store.Push(ctx, d, api.Bytes(size), io.LimitReader(r, size))
	if errors.Is(err, ErrRefused) {
		err = &badOutput{"output refused", err}
	}
	return d, api.Bytes(size), err
}

var errLogCut = errors.New("the task wrote more to its standard output than is kept: raise maxLog, or write a file")

// logReader reads a task's standard output from its beginning.
type logReader struct {
	dir string
	at  int64
}

func (l *logReader) Read(p []byte) (int, error) {
	n, from, err := driver.ReadLog(l.dir, driver.Stdout, l.at, p)
	if n > 0 && from != l.at {
		return 0, &badOutput{"output limit", errLogCut}
	}
	l.at += int64(n)
	return n, err
}

// Seek implements io.Seeker for the beginning only.
func (l *logReader) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.New("a log is read from its beginning")
	}
	l.at = 0
	return 0, nil
}
