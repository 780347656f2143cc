package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
)

// Dir is the data directory of a stopped server, for reading. Not a byte of it is
// changed: JetStream, which repairs what it opens, is given a copy of its files.
type Dir struct {
	Source
	Path string
	Cell string       // "" when there is no journal
	Seen journal.Seen // what the server acknowledged last

	lock *os.File
	temp string
	bus  *bus.Server
	nc   *nats.Conn
}

// ErrNoDir says that a directory is not a server's.
var ErrNoDir = errors.New("it is not the data directory of a server")

// ErrNoJournal says that a server's directory does not hold its journal.
var ErrNoJournal = errors.New("it holds no journal (bus/jetstream): a journal on an outside NATS server is verified by the audit of its servers")

// ErrRunning says that a server has the directory.
var ErrRunning = errors.New("a server runs on it: stop it first, or ask it (--server)")

// OpenDir opens a data directory and keeps servers out of it until Close. temp is
// where the copy of the journal goes; "" is the system's place.
func OpenDir(ctx context.Context, path, temp string, log *slog.Logger) (*Dir, error) {
	d := &Dir{Path: path}
	if err := d.open(ctx, temp, log); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

func (d *Dir) open(ctx context.Context, temp string, log *slog.Logger) (err error) {
	d.lock, err = os.Open(filepath.Join(d.Path, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoDir
	}
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrRunning
		}
		return fmt.Errorf("lock it: %w", err)
	}
	d.Archive = journal.ReadArchive(filepath.Join(d.Path, "archive"))
	d.Snapshots = journal.ReadSnapshots(filepath.Join(d.Path, "snapshots"))
	if d.Seen, err = journal.ReadWitness(filepath.Join(d.Path, "head")); err != nil {
		return err
	}
	return d.openJournal(ctx, temp, log)
}

// openJournal starts JetStream on a copy of the journal's files.
func (d *Dir) openJournal(ctx context.Context, temp string, log *slog.Logger) (err error) {
	from := filepath.Join(d.Path, "bus", "jetstream")
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return ErrNoJournal
	}
	if d.temp, err = os.MkdirTemp(temp, "drover-journal-"); err != nil {
		return fmt.Errorf("copy the journal: %w", err)
	}
	if err := copyTree(from, filepath.Join(d.temp, "jetstream")); err != nil {
		return fmt.Errorf("copy the journal to %s: %w: free some space there or name another place", d.temp, err)
	}
	const noLimit = 1 << 50
	if d.bus, err = bus.Start(ctx, bus.Options{StoreDir: d.temp, MaxStore: noLimit, Unsynced: true, Logger: log}); err != nil {
		return err
	}
	if d.nc, err = bus.Connect(ctx, bus.Dial{Server: d.bus, Logger: log}); err != nil {
		return err
	}
	cells, err := journal.Cells(ctx, d.nc)
	if err != nil {
		return err
	}
	if len(cells) > 1 {
		return fmt.Errorf("it holds the journals of %d cells, %q: that is not a server's directory", len(cells), cells)
	}
	d.Cell = append(cells, "")[0]
	d.Journal, err = journal.OpenStream(ctx, d.nc, journal.StreamOptions{Cell: cmp.Or(d.Cell, "none")})
	return err
}

// copyTree copies files and directories, but not hidden ones: JetStream is about
// to remove those.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel, err2 := filepath.Rel(from, p)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if e.IsDir() {
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		}
		return copyFile(p, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// Close lets the directory go and removes the copy.
func (d *Dir) Close() error {
	if d.nc != nil {
		d.nc.Close()
	}
	if d.bus != nil {
		d.bus.Stop()
	}
	var errs []error
	if d.temp != "" {
		errs = append(errs, os.RemoveAll(d.temp))
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
