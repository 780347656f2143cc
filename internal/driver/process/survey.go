package process

import (
	"math"
	"os"
	"strconv"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/worker"
	"golang.org/x/sys/unix"
)

// survey looks at what a task has on disk, beside the watch: a million files
// must not delay an order. It spends at most a tenth of the time on it.
type survey struct {
	task   *worker.Task
	spaces []worker.Space
	found  chan *driver.Exit // gets one answer for each begin: how the task ends, or nil
	busy   bool
	next   time.Time
	began  time.Time
}

func newSurvey(t *worker.Task) *survey {
	s := &survey{task: t, found: make(chan *driver.Exit, 1)}
	for _, space := range worker.Spaces(t.Spec) {
		if space.Limit > 0 {
			s.spaces = append(s.spaces, space)
		}
	}
	return s
}

// begin looks again when it is time to; the answer comes from found.
func (s *survey) begin() {
	now := time.Now()
	if s.busy || len(s.spaces) == 0 || now.Before(s.next) {
		return
	}
	s.busy, s.began = true, now
	go func() { s.found <- s.look() }()
}

// ended takes note of an answer.
func (s *survey) ended() {
	now := time.Now()
	s.busy, s.next = false, now.Add(10*now.Sub(s.began))
}

// look counts everything once, and gives the end of a task that has too much.
func (s *survey) look() *driver.Exit {
	for _, space := range s.spaces {
		used := space.Used()
		if space.Reason == driver.OutputLimit {
			used.Bytes += s.unlinked(space)
		}
		if e := space.Full(used); e != nil {
			return e
		}
	}
	return nil
}

// unlinked counts the files that have no name any more and that only the task's
// descriptors keep on the disk: no walk finds them. All of them count as output,
// also those of a scratch volume.
func (s *survey) unlinked(space worker.Space) (bytes int64) {
	var home unix.Stat_t
	if unix.Stat(space.Dirs[0], &home) != nil {
		return 0
	}
	pids, err := s.task.Tree.PIDs()
	if err != nil {
		return 0
	}
	seen := map[uint64]bool{}
	for _, pid := range pids {
		eachOpen(pid, func(st *unix.Stat_t) bool {
			if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 0 && st.Dev == home.Dev && !seen[st.Ino] {
				seen[st.Ino] = true
				bytes += st.Blocks * 512
			}
			return bytes <= space.Limit
		})
	}
	return bytes
}

// eachOpen visits the open files of a process, as long as visit wants more.
func eachOpen(pid int, visit func(*unix.Stat_t) bool) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return // it ended
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(int(dir.Fd()), name, &st, 0) == nil && !visit(&st) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// largestFile is the size in bytes that no file of the task may reach; 0 is
// none. It is an early bound: what the task has in all is counted by the survey.
func largestFile(s driver.Spec) (most int64) {
	for _, m := range s.Mounts {
		if m.Size == 0 && !m.ReadOnly {
			return 0 // a directory of the node has no bound
		}
	}
	for _, space := range worker.Spaces(s) {
		if space.Limit == 0 {
			return 0
		}
		most = max(most, min(space.Limit, math.MaxInt64-1))
	}
	return most + 1 // so that a file which was cut shows as over the limit
}
