package agent

import (
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/api"
)

// What lies in a data directory: agent.lock, ledger, lease,
// node.token, logs/ of ended attempts, cache/ and tasks/ with one directory an
// attempt. In that of an attempt, the driver's directories and:
const (
	programName = "program" // the artifact that a process runs, or the module
	secretsName = "secrets"
	volumesName = "volumes" // scratch space, by position in Task.Volumes
)

// dirs are the places of a data directory.
type dirs struct{ root string }

func openDirs(root string) (dirs, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return dirs{}, fmt.Errorf("open the data directory: %w", err)
	}
	d := dirs{root}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return d, fmt.Errorf("create the data directory: %w", err)
	}
	// Mounts are of places and not of names, so that nobody can move them.
	if d.root, err = filepath.EvalSymlinks(root); err != nil {
		return d, fmt.Errorf("open the data directory: %w", err)
	}
	if err := os.MkdirAll(d.tasks(), 0o711); err != nil {
		return d, fmt.Errorf("create the data directory: %w", err)
	}
	return d, nil
}

func (d dirs) lock() string   { return filepath.Join(d.root, "agent.lock") }
func (d dirs) ledger() string { return filepath.Join(d.root, "ledger") }
func (d dirs) lease() string  { return filepath.Join(d.root, "lease") }
func (d dirs) token() string  { return filepath.Join(d.root, "node.token") }
func (d dirs) logs() string   { return filepath.Join(d.root, "logs") }
func (d dirs) cache() string  { return filepath.Join(d.root, "cache") }
func (d dirs) tasks() string  { return filepath.Join(d.root, "tasks") }

// task is the directory of an attempt: workload-task-index-try.
func (d dirs) task(a api.Attempt) string {
	return filepath.Join(d.tasks(), attemptName(a))
}

func attemptName(a api.Attempt) string {
	return fmt.Sprintf("%d-%d-%d-%d", a.Workload, a.Task, a.Index, a.Try)
}

// attemptOf reads the name that attemptName gave.
func attemptOf(name string) (a api.Attempt, ok bool) {
	n, err := fmt.Sscanf(name, "%d-%d-%d-%d", &a.Workload, &a.Task, &a.Index, &a.Try)
	return a, err == nil && n == 4 && name == attemptName(a)
}

// fresh makes the attempt's directory anew: what an earlier try to prepare it
// left there is removed.
func (d dirs) fresh(a api.Attempt) (string, error) {
	dir := d.task(a)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	// A driver that runs tasks as another user lets that one in.
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir, nil
}

// sweep removes the directories of attempts that nobody knows of: those that
// were being prepared, or deleted, when the agent died.
func (d dirs) sweep(known func(api.Attempt) bool) error {
	entries, err := os.ReadDir(d.tasks())
	if err != nil {
		return fmt.Errorf("look for old task directories: %w", err)
	}
	for _, e := range entries {
		a, ok := attemptOf(e.Name())
		if !ok || known(a) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.tasks(), e.Name())); err != nil {
			return fmt.Errorf("remove an old task directory: %w", err)
		}
	}
	return nil
}
