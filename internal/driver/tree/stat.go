package tree

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Stat is what the kernel tells of one process.
type Stat struct {
	PID, Parent, Session int
	State                byte   // 'R', 'S', 'D', 'T', 'Z' and so on
	Start                uint64 // clock ticks since boot
	CPU                  time.Duration
	RSS                  int64 // bytes
	Threads              int
}

// ReadStat reads /proc/PID/stat: see proc_pid_stat(5).
func ReadStat(pid int) (Stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, err
	}
	s, err := parseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
	}
	s.PID = pid
	return s, nil
}

// parseStat counts fields after the last ')': a program may choose a name
// with spaces and parentheses.
func parseStat(b []byte) (Stat, error) {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 22 || len(fields[0]) != 1 {
		return Stat{}, fmt.Errorf("%d fields in %.80q", len(fields), b)
	}
	var bad error
	field := func(n int) uint64 { // numbered as in the manual: state is 3
		v, err := strconv.ParseUint(string(fields[n-3]), 10, 64)
		if err != nil {
			bad = err
		}
		return v
	}
	s := Stat{
		State:   fields[0][0],
		Parent:  int(field(4)),
		Session: int(field(6)),
		CPU:     ticks(field(14)) + ticks(field(15)),
		Threads: int(field(20)),
		Start:   field(22),
		RSS:     int64(field(24)) * int64(os.Getpagesize()),
	}
	return s, bad
}

// Standing reports whether no thread of a process that was told to stop runs any more: each
// obeys in its own time. One that waits in the kernel, uninterruptibly, obeys before it leaves
// it; the wait may be for a child that is stopped too, between its vfork and its exec, and
// then does not end. What is gone stands.
func Standing(pid int) (bool, error) {
	states, err := threadStates(pid)
	return strings.Trim(states, "TtZXD") == "", err
}

// AwaitStanding returns when the process has obeyed a SIGSTOP with all its
// threads, so that from then on it uses no CPU; an error after two seconds.
func AwaitStanding(pid int) error {
	return poll(func() (bool, error) { return Standing(pid) })
}

// threadStates gives a letter for each thread of a process, none when it is gone.
func threadStates(pid int) (string, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return "", ignoreMissing(err)
	}
	states := make([]byte, 0, len(threads))
	for _, t := range threads {
		b, err := os.ReadFile(dir + "/" + t.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		s, err := parseStat(b)
		if err != nil {
			return "", fmt.Errorf("read %s/%s/stat: %w", dir, t.Name(), err)
		}
		states = append(states, s.State)
	}
	return string(states), nil
}

// Self identifies the calling process.
func Self() (Process, error) {
	s, err := ReadStat(os.Getpid())
	return Process{PID: s.PID, Start: s.Start}, err
}
