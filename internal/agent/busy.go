package agent

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// busy measures, every ten seconds, how full what the node's tasks share with all else
// there is: the machine, and each control group that limits the agent. Where /proc is
// missing nothing is said.
type busy struct {
	root string

	mu     sync.Mutex
	due    time.Time
	at     time.Time // of the last measurement
	ticks  use
	groups map[string]time.Duration // CPU time of each group that is limited, by folder
}

// filled is how much of something is used; of 0: it is not known.
type filled struct{ used, of int64 }

// fuller is the one of which the larger part is used.
func fuller(a, b filled) filled {
	switch {
	case b.of <= 0:
		return a
	case a.of <= 0 || float64(b.used)/float64(b.of) > float64(a.used)/float64(a.of):
		return b
	}
	return a
}

// take measures when it is time; nil else, and the first time, from which the next counts.
func (b *busy) take(now time.Time) *api.Busy {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.due) {
		return nil
	}
	first, span := b.at.IsZero(), now.Sub(b.at)
	b.due, b.at = now.Add(sampleEvery), now
	cpu, memory := b.cpu(span), b.memory()
	if first || cpu.of <= 0 && memory.of <= 0 {
		return nil
	}
	return &api.Busy{CPU: api.Milli(cpu.used), OfCPU: api.Milli(cpu.of), Memory: api.Bytes(memory.used), OfMemory: api.Bytes(memory.of)}
}

// cpu is what was used since the last measurement, that long ago.
func (b *busy) cpu(span time.Duration) (most filled) {
	before := b.ticks
	b.ticks.root = b.root
	busy, total, cores := b.ticks.ticks()
	if b.ticks.busy, b.ticks.total = busy, total; total > before.total && before.total > 0 {
		all := int64(cores) * 1000
		most = filled{int64(float64(busy-before.busy) / float64(total-before.total) * float64(all)), all}
	}
	groups := map[string]time.Duration{}
	eachGroup(b.root, "cpu", func(dir string) {
		quota, used, ok := int64(quotaOf(dir)), time.Duration(0), false
		if quota > 0 {
			used, ok = groupCPU(dir)
		}
		if !ok {
			return
		}
		groups[dir] = used
		if was, known := b.groups[dir]; known && span > 0 && used >= was {
			most = fuller(most, filled{int64(float64(used-was) / float64(span) * 1000), quota})
		}
	})
	b.groups = groups
	return most
}

// groupCPU is the CPU time that a control group has used.
func groupCPU(dir string) (time.Duration, bool) {
	if us, ok := field(filepath.Join(dir, "cpu.stat"), "usage_usec"); ok && us <= math.MaxInt64/1000 {
		return time.Duration(us) * time.Microsecond, true
	}
	ns, err := strconv.ParseInt(readLine(filepath.Join(dir, "cpuacct.usage")), 10, 64)
	return time.Duration(ns), err == nil && ns >= 0
}

// memory is what is used now.
func (b *busy) memory() filled {
	total, free := int64(meminfo(b.root, "MemTotal:")), int64(meminfo(b.root, "MemAvailable:"))
	most := filled{max(total-free, 0), total}
	if free == 0 { // an old kernel, which does not tell
		most = filled{}
	}
	eachGroup(b.root, "memory", func(dir string) {
		for _, names := range [2][3]string{
			{"memory.max", "memory.current", "inactive_file"},
			{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
		} {
			limit, err := strconv.ParseInt(readLine(filepath.Join(dir, names[0])), 10, 64)
			if err != nil || limit <= 0 || total > 0 && limit >= total {
				continue // no limit, or none that matters
			}
			held, err := strconv.ParseInt(readLine(filepath.Join(dir, names[1])), 10, 64)
			if err != nil || held < 0 {
				continue
			}
			idle, _ := field(filepath.Join(dir, "memory.stat"), names[2]) // files that are read again when they are needed
			most = fuller(most, filled{max(held-idle, 0), limit})
		}
	})
	return most
}

// field reads a number of a file with a name and a number a line.
func field(path, name string) (int64, bool) {
	for line := range strings.Lines(readLine(path)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil && n >= 0
		}
	}
	return 0, false
}
