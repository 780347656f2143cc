package tree

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// The controllers of version 1 that a tree uses. Each may be missing but
// freezer, which holds the tree together.
func controllers() []string { return []string{"freezer", "memory", "pids", "cpu", "cpuacct"} }

func setV1(dirs map[string]string, l Limits) error {
	return errors.Join(
		setMemoryV1(dirs["memory"], l.Memory),
		setCPUV1(dirs["cpu"], l.CPU),
		writeLimit(dirs["pids"], "pids.max", int64(l.Processes), "max"),
	)
}

func setMemoryV1(dir string, bytes int64) error {
	if dir == "" || bytes == 0 {
		return nil
	}
	if err := writeInt(dir, "memory.limit_in_bytes", bytes); err != nil {
		return err
	}
	// Memory and swap together; missing where the kernel does not count swap.
	return ignoreMissing(writeInt(dir, "memory.memsw.limit_in_bytes", bytes))
}

// setCPUV1 gives a share of each period of 100 ms; the kernel's least is 1 ms.
func setCPUV1(dir string, milli int64) error {
	if milli == 0 {
		return nil
	}
	return writeLimit(dir, "cpu.cfs_quota_us", max(milli*100, 1000), "-1")
}

func freezeV1(dir string, frozen bool) error {
	state := "THAWED"
	if frozen {
		state = "FROZEN"
	}
	return poll(func() (bool, error) {
		// Written again each time: a fork during the freeze can undo it.
		if err := write(dir, "freezer.state", state); err != nil {
			return false, err
		}
		now, err := read(dir, "freezer.state")
		return now == state, err
	})
}

// killV1 signals while the group is frozen: nothing can fork, and no pid of a
// frozen process can be given to another.
func killV1(dirs map[string]string) (left int, err error) {
	dir := dirs["freezer"]
	if err := write(dir, "freezer.state", "FROZEN"); err != nil {
		return 0, ignoreMissing(err)
	}
	time.Sleep(time.Millisecond)
	pids, err := members(dir)
	for _, pid := range pids {
		kill(pid)
	}
	return len(pids), errors.Join(err, write(dir, "freezer.state", "THAWED"))
}

func usageV1(dirs map[string]string) (u Usage, err error) {
	pids, err := members(dirs["freezer"])
	if err != nil {
		return Usage{}, err
	}
	u.Processes = len(pids)
	if dir := dirs["cpuacct"]; dir != "" {
		var ns int64
		ns, err = readInt(dir, "cpuacct.usage")
		u.CPU = time.Duration(ns)
	}
	if dir := dirs["memory"]; dir != "" && err == nil {
		if u.Memory, err = readKey(dir, "memory.stat", "total_rss"); err == nil {
			u.OOMKills, err = readKey(dir, "memory.oom_control", "oom_kill")
		}
	}
	return u, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
