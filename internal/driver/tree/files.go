package tree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func write(dir, name, value string) error {
	// Not os.WriteFile: the files of a control group must not be created.
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func writeInt(dir, name string, v int64) error { return write(dir, name, strconv.FormatInt(v, 10)) }

// writeLimit writes a limit where the controller is there; 0 means none.
func writeLimit(dir, name string, v int64, none string) error {
	switch {
	case dir == "":
		return nil
	case v == 0:
		return write(dir, name, none)
	}
	return writeInt(dir, name, v)
}

func read(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSpace(string(b)), err
}

func readInt(dir, name string) (int64, error) {
	s, err := read(dir, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}

// readKey reads a file of lines "key value"; a key that is missing is 0.
func readKey(dir, name, key string) (int64, error) {
	s, err := read(dir, name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(s) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, nil
}

func members(dir string) ([]int, error) {
	s, err := read(dir, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, field := range strings.Fields(s) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, "cgroup.procs"), err)
		}
		if pid > 0 { // 0: a process outside our pid namespace
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// kill ignores errors: the process may be gone already, and who counts the
// members afterwards sees whether it is.
func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// poll asks until the answer is yes, for two seconds.
func poll(done func() (bool, error)) error { return pollFor(2*time.Second, done) }

func pollFor(limit time.Duration, done func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the kernel did not do it within %s", limit)
		}
		time.Sleep(wait)
	}
}
