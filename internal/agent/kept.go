package agent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// maxKept bounds how many ended attempts' logs a node keeps.
const maxKept = 1000

// kept holds the logs of attempts that are otherwise forgotten, so that people
// can still read them: the latest ones, within bounds on number and size.
type kept struct {
	root  string
	limit int64 // bytes

	mu    sync.Mutex
	list  []keptLog // oldest first
	total int64
}

type keptLog struct {
	id   api.Attempt
	size int64
}

// openKept takes over what an earlier agent kept.
func openKept(root string, limit api.Bytes) (*kept, error) {
	k := &kept{root: root, limit: int64(limit)}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of kept logs: %w", err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("read the directory of kept logs: %w", err)
	}
	age := map[api.Attempt]int64{}
	for _, e := range entries {
		id, ok := attemptOf(e.Name())
		info, err := e.Info()
		if !ok || err != nil {
			continue
		}
		age[id] = info.ModTime().UnixNano()
		size := logSize(k.dir(id))
		k.list, k.total = append(k.list, keptLog{id, size}), k.total+size
	}
	slices.SortFunc(k.list, func(a, b keptLog) int { return cmp.Compare(age[a.id], age[b.id]) })
	return k, k.trim()
}

// dir is what driver.ReadLog reads an attempt's kept logs from.
func (k *kept) dir(id api.Attempt) string { return filepath.Join(k.root, attemptName(id)) }

// keep moves the logs out of an attempt's directory, if it has any.
func (k *kept) keep(id api.Attempt, taskDir string) error {
	if _, err := os.Lstat(filepath.Join(taskDir, driver.Logs)); err != nil {
		return nil // a task without a directory, such as one of the driver noop
	}
	size := logSize(taskDir)
	if err := os.MkdirAll(k.dir(id), 0o700); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(taskDir, driver.Logs), filepath.Join(k.dir(id), driver.Logs)); err != nil {
		return err
	}
	k.mu.Lock()
	k.list, k.total = append(k.list, keptLog{id, size}), k.total+size
	k.mu.Unlock()
	return k.trim()
}

// trim removes the oldest logs beyond the bounds.
func (k *kept) trim() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for len(k.list) > maxKept || k.total > k.limit && len(k.list) > 0 {
		old := k.list[0]
		errs = append(errs, os.RemoveAll(k.dir(old.id)))
		k.list, k.total = k.list[1:], k.total-old.size
	}
	return errors.Join(errs...)
}

// logSize adds up the log files of a task directory.
func logSize(taskDir string) (size int64) {
	entries, err := os.ReadDir(filepath.Join(taskDir, driver.Logs))
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
	}
	return size
}

// logDir is where an attempt's logs are now: in its own directory, or among the
// kept ones. The error is fs.ErrNotExist when they are nowhere.
func (n *node) logDir(id api.Attempt) (string, error) {
	for _, dir := range []string{n.dirs.task(id), n.kept.dir(id)} {
		if _, err := os.Lstat(filepath.Join(dir, driver.Logs)); err == nil {
			return dir, nil
		}
	}
	return "", fs.ErrNotExist
}
