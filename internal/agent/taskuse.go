package agent

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// How often running attempts are measured, and how long that may take at most: a
// heartbeat waits for it. What is left over has its turn the next time.
const (
	sampleEvery  = 10 * time.Second
	sampleBudget = 20 * time.Millisecond
)

// sampler measures what running attempts use, a few at a time. The zero sampler is
// ready.
type sampler struct {
	mu    sync.Mutex
	due   time.Time
	after api.Attempt // the last one measured
	seen  map[api.Attempt]measured
}

// measured is an attempt's CPU time at a moment.
type measured struct {
	cpu time.Duration
	at  time.Time
}

// gauge is a handle of a driver that can tell what a task uses.
type gauge interface{ Usage() (driver.Usage, error) }

// taskUse is what some of the node's attempts use, when it is time to look.
func (n *node) taskUse() []api.TaskUse {
	n.energy.tick()
	n.mu.Lock()
	handles := maps.Clone(n.handles)
	n.mu.Unlock()
	return n.sampler.take(handles, time.Now)
}

// take measures attempts in turn. The first look at one tells only its CPU time so
// far, from which the next one counts.
func (s *sampler) take(handles map[api.Attempt]driver.Handle, now func() time.Time) (out []api.TaskUse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begin := now()
	if begin.Before(s.due) {
		return nil
	}
	s.due = begin.Add(sampleEvery)
	maps.DeleteFunc(s.seen, func(id api.Attempt, _ measured) bool { return handles[id] == nil })
	for _, id := range s.turn(handles) {
		if len(out) == api.MaxTaskUses || now().Sub(begin) > sampleBudget {
			break
		}
		s.after = id
		if m, ok := handles[id].(gauge); ok {
			if u, err := m.Usage(); err == nil { // else it has just ended
				out = s.add(out, id, u, now())
			}
		}
	}
	return out
}

// turn lists the attempts in order, beginning after the last one measured.
func (s *sampler) turn(handles map[api.Attempt]driver.Handle) []api.Attempt {
	list := slices.SortedFunc(maps.Keys(handles), compareAttempts)
	at, found := slices.BinarySearchFunc(list, s.after, compareAttempts)
	if found {
		at++
	}
	return append(list[at:len(list):len(list)], list[:at]...)
}

func (s *sampler) add(out []api.TaskUse, id api.Attempt, u driver.Usage, at time.Time) []api.TaskUse {
	if s.seen == nil {
		s.seen = map[api.Attempt]measured{}
	}
	before, known := s.seen[id]
	s.seen[id] = measured{u.CPU, at}
	if span := at.Sub(before.at); known && span > 0 && u.CPU >= before.cpu {
		out = append(out, api.TaskUse{
			Attempt: id, CPU: api.Milli(int64(u.CPU-before.cpu) * 1000 / int64(span)), Memory: api.Bytes(max(u.Memory, 0)),
		})
	}
	return out
}

func compareAttempts(a, b api.Attempt) int {
	return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Try, b.Try))
}
