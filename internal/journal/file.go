package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// tempPrefix marks files that a crash left half written; they are removed on open.
const tempPrefix = ".writing-"

// openDir creates a directory and clears what a crash left there.
func openDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// draft is a file that appears under its name only when it is whole and on disk.
type draft struct {
	f   *os.File
	zip *zstd.Encoder
}

func newDraft(dir string) (*draft, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return nil, err
	}
	zip, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return &draft{f, zip}, nil
}

// publish syncs the file, gives it its name, and syncs the directory, after which
// it survives a loss of power.
func (d *draft) publish(name string) error {
	dir := filepath.Dir(d.f.Name())
	if err := d.f.Sync(); err != nil {
		return err
	}
	if err := d.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(d.f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// discard removes a draft; after publish it does nothing.
func (d *draft) discard() {
	if d.zip != nil {
		_ = d.zip.Close()
	}
	_ = d.f.Close()
	_ = os.Remove(d.f.Name())
}

// copyFile copies a file to a directory, where it appears only when it is whole.
func copyFile(from, dir, name string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return err
	}
	d := draft{f: f}
	defer d.discard()
	if _, err := io.Copy(f, src); err != nil {
		return err
	}
	return d.publish(name)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// window bounds the memory that compressing and reading back take, in bytes.
const window = 1 << 20

// unzip reads what a draft compressed. Close it.
func unzip(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8*window))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// names lists the files of a directory with a prefix and ".zst", by name.
func names(dir, prefix string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		if strings.HasPrefix(f.Name(), prefix) && strings.HasSuffix(f.Name(), ".zst") && f.Type().IsRegular() {
			out = append(out, f.Name())
		}
	}
	return out, nil
}

// scanName reads the numbers out of a file name, and only out of exactly that.
func scanName(name, format string, numbers ...*uint64) bool {
	args, values := make([]any, len(numbers)), make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = n
	}
	if _, err := fmt.Sscanf(name, format, args...); err != nil {
		return false
	}
	for i, n := range numbers {
		values[i] = *n
	}
	return fmt.Sprintf(format, values...) == name
}
