package tree

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHZ is the unit of the times in /proc/PID/stat; Linux shows 100 per
// second to programs on every architecture that Go runs on.
const userHZ = 100

// plain finds the tree without groups: what descends from the worker, or,
// when the worker is gone, what is in the session of the task.
func (t *Tree) plain() ([]Stat, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	if w, ok := all[t.Worker.PID]; ok && w.Start == t.Worker.Start && w.State != 'Z' {
		return descendants(all, t.Worker.PID), nil
	}
	return session(all, t.Session), nil
}

func processes() (map[int]Stat, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	all := make(map[int]Stat, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if s, err := ReadStat(pid); err == nil {
				all[pid] = s
			}
		}
	}
	return all, err
}

func descendants(all map[int]Stat, root int) (found []Stat) {
	children := map[int][]int{}
	for pid, s := range all {
		children[s.Parent] = append(children[s.Parent], pid)
	}
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		found = append(found, all[queue[0]])
		queue = append(queue, children[queue[0]]...)
	}
	return found
}

func session(all map[int]Stat, leader Process) (found []Stat) {
	if leader.PID == 0 {
		return nil
	}
	// A leader with another start time is a stranger who got the number,
	// which the kernel gives away only when nobody is left in the session.
	if l, ok := all[leader.PID]; ok && l.Start != leader.Start {
		return nil
	}
	for _, s := range all {
		if s.Session == leader.PID {
			found = append(found, s)
		}
	}
	return found
}

// killPlain stops everything before it kills, so that nothing forks on.
func (t *Tree) killPlain() (left int, err error) {
	if err := t.signalStill(true); err != nil {
		return 0, err
	}
	found, err := t.plain()
	for _, s := range found {
		if s.State != 'Z' { // a zombie waits for its parent and holds nothing
			left++
			kill(s.PID)
		}
	}
	return left, err
}

// freezePlain stops all of the tree or nothing. A tree without a process has none yet, or none
// any more: only a control group would hold still what is born in it later.
func (t *Tree) freezePlain(frozen bool) error {
	if !frozen {
		return t.signalStill(false)
	}
	err := poll(func() (bool, error) {
		if err := t.signalStill(true); err != nil {
			return false, err
		}
		return t.standing()
	})
	if err != nil {
		_ = t.signalStill(false)
	}
	return err
}

// standing tells whether there are processes and all have obeyed a SIGSTOP.
func (t *Tree) standing() (bool, error) {
	found, err := t.plain()
	for _, s := range found {
		if s.State == 'Z' {
			continue
		}
		if still, err := Standing(s.PID); err != nil || !still {
			return false, err
		}
	}
	return len(found) > 0, err
}

// signalStill stops or continues the tree until no process escapes it.
func (t *Tree) signalStill(stop bool) error {
	sig := syscall.SIGCONT
	if stop {
		sig = syscall.SIGSTOP
	}
	seen := map[Process]bool{}
	return poll(func() (bool, error) {
		found, err := t.plain()
		fresh := 0
		for _, s := range found {
			if p := (Process{s.PID, s.Start}); !seen[p] && s.State != 'Z' {
				seen[p] = true
				fresh++
				_ = syscall.Kill(s.PID, sig)
				if stop {
					leaveKernel(s.PID)
				}
			}
		}
		return fresh == 0, err
	})
}

// leaveKernel gives a process that waits uninterruptibly a moment to leave the kernel, before
// its children are told to stop as well: a parent between vfork and exec wakes only when the
// child has gone on, and until it wakes its other threads do not hear of the signal.
func leaveKernel(pid int) {
	_ = pollFor(20*time.Millisecond, func() (bool, error) {
		states, err := threadStates(pid)
		return !strings.Contains(states, "D"), err
	})
}

func (t *Tree) usagePlain() (u Usage, err error) {
	found, err := t.plain()
	for _, s := range found {
		u.CPU += s.CPU
		u.Memory += s.RSS
		u.Processes += s.Threads
	}
	return u, err
}

// PIDs lists the processes of the tree.
func (t *Tree) PIDs() ([]int, error) {
	if dirs := t.Dirs(); len(dirs) > 0 {
		return members(dirs[0])
	}
	found, err := t.plain()
	pids := make([]int, len(found))
	for i, s := range found {
		pids[i] = s.PID
	}
	return pids, err
}

func ticks(n uint64) time.Duration { return time.Duration(n) * time.Second / userHZ }
