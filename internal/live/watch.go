package live

import (
	"context"
	"iter"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// happened is what one record changed, with the specification that each event is
// about: its workload may be forgotten by the time somebody looks.
type happened struct {
	seq    uint64
	at     api.Time
	events []state.Event
	specs  []*api.Workload
	size   int // bytes of the record
}

// ring keeps the latest changes for watches: so many, and no more than ringBytes of
// records, however large the specifications in them are.
type ring struct {
	keep   int // events
	from   uint64
	list   []happened
	events int
	bytes  int
}

const ringBytes = 32 << 20

func (r *ring) add(h happened) {
	if len(h.events) == 0 {
		return
	}
	r.list = append(r.list, h)
	r.events += len(h.events)
	r.bytes += h.size
	drop := 0
	for (r.events > r.keep || r.bytes > ringBytes) && drop < len(r.list)-1 {
		r.events -= len(r.list[drop].events)
		r.bytes -= r.list[drop].size
		r.from = r.list[drop].seq
		r.list[drop] = happened{}
		drop++
	}
	r.list = r.list[drop:]
}

// maxWatched is how many records are taken from the ring at once.
const maxWatched = 64

// after gives the next changes after a sequence; false when some of them are not
// kept any more.
func (r *ring) after(seq uint64) ([]happened, bool) {
	if seq < r.from {
		return nil, false
	}
	at, _ := slices.BinarySearchFunc(r.list, seq+1, func(h happened, s uint64) int {
		if h.seq < s {
			return -1
		}
		return 1
	})
	return slices.Clone(r.list[at:min(at+maxWatched, len(r.list))]), true
}

// Watch implements httpapi.Cell.
func (c *Cell) Watch(ctx context.Context, from uint64) iter.Seq2[api.WatchEvent, error] {
	return func(yield func(api.WatchEvent, error) bool) {
		for {
			var next []happened
			kept := true
			err := c.shadow.until(ctx, func() bool {
				next, kept = c.shadow.ring.after(from)
				return len(next) > 0 || !kept
			})
			if err != nil {
				if ctx.Err() == nil {
					yield(api.WatchEvent{}, err)
				}
				return
			}
			c.shadow.mu.RUnlock()
			if !kept {
				yield(api.WatchEvent{}, httpapi.ErrWatchGap)
				return
			}
			for i := range next {
				if !show(&next[i], yield) {
					return
				}
				from = next[i].seq
			}
		}
	}
}

func show(h *happened, yield func(api.WatchEvent, error) bool) bool {
	for i, ev := range h.events {
		e := describe(ev, h.specs[i])
		e.Seq, e.At = h.seq, h.at
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// specOf is the specification that an event is about; nil when it is about no
// workload, or about one that is not known.
func (s *shadow) specOf(ev state.Event) *api.Workload {
	id := uint64(0)
	switch e := ev.(type) {
	case *state.WorkloadSubmitted:
		return e.Spec
	case *state.WorkloadRevised:
		return e.Spec
	case *state.WorkloadRescaled:
		return e.Spec
	case *state.WorkloadStopping:
		id = e.ID
	case *state.WorkloadFinished:
		id = e.ID
	case *state.HandoverOffered:
		id = e.ID
	case *state.HandoverAccepted:
		id = e.ID
	case *state.HandoverRefused:
		id = e.ID
	case *state.HandoverReported:
		id = e.ID
	case *state.HandoverLost:
		id = e.ID
	case *state.RunScheduled:
		id = e.ID
	case *state.RevisionStable:
		id = e.ID
	case *state.ReplicasAdded:
		id = e.ID
	case *state.ServiceScaled:
		id = e.ID
	case *state.TaskResized:
		id = e.ID
	case *state.TasksReady:
		id = e.Workload
	case *state.TasksDeferred:
		id = e.Workload
	case *state.SuspensionPut:
		id = e.Workload
	case *state.TasksLost:
		if len(e.Refs) > 0 {
			id = e.Refs[0].Workload
		}
	case *state.ShapeRefused:
		id = e.Ref.Workload
	default:
		if ref, ok := refOf(ev); ok {
			id = ref.Workload
		}
	}
	if w := s.engine.State().Workloads[id]; w != nil {
		return w.Spec
	}
	return nil
}

// refOf is the element that an event is about.
func refOf(ev state.Event) (api.TaskRef, bool) {
	switch e := ev.(type) {
	case *state.TaskPlaced:
		return e.Ref, true
	case *state.TaskStarted:
		return e.Attempt.TaskRef, true
	case *state.TaskHealth:
		return e.Attempt.TaskRef, true
	case *state.TaskStop:
		return e.Ref, true
	case *state.TaskEnded:
		return e.Attempt.TaskRef, true
	case *state.ReportDuplicate:
		return e.Attempt.TaskRef, true
	case *state.TaskSuspended:
		return e.Attempt.TaskRef, true
	case *state.TaskSliced:
		return e.Ref, true
	case *state.TaskCheckpointed:
		return e.Attempt.TaskRef, true
	}
	return api.TaskRef{}, false
}
