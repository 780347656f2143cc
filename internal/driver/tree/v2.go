package tree

import (
	"errors"
	"strconv"
	"time"
)

func setV2(dir string, l Limits) error {
	if l.Memory > 0 {
		if err := errors.Join(
			writeInt(dir, "memory.max", l.Memory),
			ignoreMissing(writeInt(dir, "memory.swap.max", 0)),
			writeInt(dir, "memory.oom.group", 1),
		); err != nil {
			return err
		}
	}
	if l.CPU > 0 { // microseconds of each period of 100 ms; the least is 1 ms
		quota := strconv.FormatInt(max(l.CPU*100, 1000), 10) + " 100000"
		if err := write(dir, "cpu.max", quota); err != nil {
			return err
		}
	}
	if l.Processes > 0 {
		return writeInt(dir, "pids.max", int64(l.Processes))
	}
	return nil
}

func freezeV2(dir string, frozen bool) error {
	want := int64(0)
	if frozen {
		want = 1
	}
	if err := writeInt(dir, "cgroup.freeze", want); err != nil {
		return err
	}
	return poll(func() (bool, error) {
		now, err := readKey(dir, "cgroup.events", "frozen")
		return now == want, err
	})
}

// killV2 uses cgroup.kill (Linux 5.14), and before that the freezer as
// version 1 does.
func killV2(dir string) (left int, err error) {
	pids, err := members(dir)
	if err != nil || len(pids) == 0 {
		return 0, ignoreMissing(err)
	}
	if write(dir, "cgroup.kill", "1") == nil {
		return len(pids), nil
	}
	if err := writeInt(dir, "cgroup.freeze", 1); err != nil {
		return 0, err
	}
	time.Sleep(time.Millisecond)
	pids, err = members(dir)
	for _, pid := range pids {
		kill(pid)
	}
	return len(pids), errors.Join(err, writeInt(dir, "cgroup.freeze", 0))
}

func usageV2(dir string) (u Usage, err error) {
	us, err := readKey(dir, "cpu.stat", "usage_usec")
	if err != nil {
		return Usage{}, err
	}
	u.CPU = time.Duration(us) * time.Microsecond
	pids, err := members(dir)
	if err != nil {
		return Usage{}, err
	}
	u.Processes = len(pids)
	// The memory controller may not be given to us.
	anon, anonErr := readKey(dir, "memory.stat", "anon")
	kills, killErr := readKey(dir, "memory.events", "oom_kill")
	u.Memory, u.OOMKills = anon, kills
	return u, errors.Join(ignoreMissing(anonErr), ignoreMissing(killErr))
}
