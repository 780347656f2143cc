package state

import (
	"fmt"
	"slices"

	"drover.dev/api"
)

// Slicing is what time-slicing has decided: which tasks wait for better hours. What of
// them runs in turns says Task.Slice.
type Slicing struct {
	Waits map[uint64]*Waits `cbor:"1,keyasint,omitempty"` // by workload; replaced, never changed
	From  uint64            `cbor:"2,keyasint,omitempty"` // a look at all workloads goes on behind this one
	At    *api.TaskRef      `cbor:"3,keyasint,omitempty"` // and, of the next one, at this element; replaced, never changed
	Again uint64            `cbor:"4,keyasint,omitempty"` // at its end it begins anew, up to this workload; 0: it is over
	To    uint64            `cbor:"5,keyasint,omitempty"` // it ends with this workload; 0: with the last
	Hour  api.Time          `cbor:"6,keyasint,omitempty"` // the last one for which there was a look without news; 0: none yet
}

// Waits are the tasks of a workload that wait for better hours, by their position.
type Waits struct {
	Tasks map[uint16]api.Deferral `cbor:"1,keyasint"`
}

// Slice is the stretch of time that a running element is in.
type Slice struct {
	Pause bool     `cbor:"1,keyasint,omitempty"` // it is to stand still
	Since api.Time `cbor:"2,keyasint,omitempty"`
	Until api.Time `cbor:"3,keyasint,omitempty"` // when the next one begins; 0: it is the last
	Saves int32    `cbor:"4,keyasint,omitempty"` // per cent of what is left, against going on
}

// TasksDeferred lets all elements of a task that are pending wait, or go on (Wait nil).
type TasksDeferred struct {
	Workload uint64        `cbor:"1,keyasint"`
	Task     uint16        `cbor:"2,keyasint,omitempty"`
	Wait     *api.Deferral `cbor:"3,keyasint,omitempty"`
}

// SlicingLooked says how far a look at all that time-slicing decides has come.
type SlicingLooked struct {
	From uint64       `cbor:"1,keyasint,omitempty"` // it goes on behind this workload
	At   *api.TaskRef `cbor:"2,keyasint,omitempty"` // and, of the next one, at this element; without both it is over
	// Again and To are those of Slicing.
	Again uint64 `cbor:"3,keyasint,omitempty"`
	To    uint64 `cbor:"4,keyasint,omitempty"`
	// Hour is the one for which it began, without news of a signal; 0: it is for no hour.
	Hour api.Time `cbor:"5,keyasint,omitempty"`
}

// TaskSliced begins a stretch of time in which an element stands still, or runs.
type TaskSliced struct {
	Ref   api.TaskRef `cbor:"1,keyasint"`
	Slice Slice       `cbor:"2,keyasint"`
}

// Kind implements Event.
func (*TasksDeferred) Kind() Kind { return KindTasksDeferred }

// Kind implements Event.
func (*SlicingLooked) Kind() Kind { return KindSlicingLooked }

// Kind implements Event.
func (*TaskSliced) Kind() Kind { return KindTaskSliced }

func (s *State) applySlicing(ev Event) (mine bool, err error) {
	switch e := ev.(type) {
	case *TasksDeferred:
		return true, s.deferTasks(e)
	case *SlicingLooked:
		l := s.slicing()
		l.From, l.At, l.Again, l.To = e.From, e.At, e.Again, e.To
		l.Hour = max(l.Hour, e.Hour)
		return true, nil
	case *TaskSliced:
		_, t := s.Task(e.Ref)
		if t == nil || !t.Status.Holds() {
			return true, fmt.Errorf("slice task %v: it holds no node", e.Ref)
		}
		slice := e.Slice
		slice.Since = s.Now
		t.Slice = &slice
		s.touch(t)
		return true, nil
	}
	return s.applyClearing(ev)
}

// Looking reports whether a look at all workloads is under way.
func (s *Slicing) Looking() bool { return s != nil && (s.From != 0 || s.At != nil) }

func (s *State) slicing() *Slicing {
	if s.Slicing == nil {
		s.Slicing = &Slicing{Waits: map[uint64]*Waits{}}
	}
	return s.Slicing
}

func (s *State) deferTasks(e *TasksDeferred) error {
	w := s.Workloads[e.Workload]
	if w == nil || int(e.Task) >= len(w.Groups) {
		return fmt.Errorf("defer task %d of workload %d: there is none", e.Task, e.Workload)
	}
	tasks := map[uint16]api.Deferral{}
	if old := s.slicing().Waits[e.Workload]; old != nil {
		for at, wait := range old.Tasks { // order-free: a copy
			tasks[at] = wait
		}
	}
	if delete(tasks, e.Task); e.Wait != nil {
		tasks[e.Task] = *e.Wait
	}
	if len(tasks) == 0 {
		delete(s.Slicing.Waits, e.Workload)
		return nil
	}
	s.Slicing.Waits[e.Workload] = &Waits{Tasks: tasks}
	return nil
}

// undefer forgets what a workload waits for that has ended.
func (s *State) undefer(id uint64) {
	if s.Slicing != nil {
		delete(s.Slicing.Waits, id)
	}
}

// Deferred is for what a task waits, nil when its elements may be placed.
func (s *State) Deferred(workload uint64, task uint16) *api.Deferral {
	if s.Slicing == nil || s.Slicing.Waits[workload] == nil {
		return nil
	}
	if d, ok := s.Slicing.Waits[workload].Tasks[task]; ok {
		return &d
	}
	return nil
}

// SortedDeferred returns the workloads with tasks that wait for better hours, in order.
func (s *State) SortedDeferred() []uint64 {
	if s.Slicing == nil {
		return nil
	}
	return sortedKeys(s.Slicing.Waits)
}

// SortedTasks returns the positions of the tasks that wait.
func (w *Waits) SortedTasks() []uint16 { return sortedKeys(w.Tasks) }

// suspended notes that an attempt began to stand still on its node, or went on.
func (s *State) suspended(w *Workload, t *Task, e *TaskSuspended) {
	t.Reported = max(t.Reported, e.N)
	if e.Resumed {
		if t.Still != 0 {
			t.stood(Stood{From: t.Still, To: s.Now, Owner: t.Suspension.each().Owner != nil})
		}
		t.Still = 0
		s.move(w, t, api.TaskRunning)
		return
	}
	t.Still = s.Now
	s.move(w, t, api.TaskSuspended)
}

// MaxStills bounds the times of which it is kept when an attempt stood still. What was
// before them is of hours of which the signals are hardly kept.
const MaxStills = 64

// Stood is a stretch of time in which an attempt was suspended.
type Stood struct {
	From  api.Time `cbor:"1,keyasint"`
	To    api.Time `cbor:"2,keyasint"`
	Owner bool     `cbor:"3,keyasint,omitempty"` // its owner had it suspended, and pays for the room
}

// Stills are stretches of time in their order.
type Stills []Stood

// All are the stretches, none of nil.
func (s *Stills) All() []Stood {
	if s == nil {
		return nil
	}
	return *s
}

// stood notes a stretch in which an element stood still.
func (t *Task) stood(v Stood) {
	if v.To <= v.From {
		return
	}
	t.Stood += v.To.Sub(v.From)
	list := append(slices.Clone(t.Stills.All()), v)
	if len(list) > MaxStills { // those that are paid for stay longest
		at := max(slices.IndexFunc(list, func(s Stood) bool { return !s.Owner }), 0)
		list = slices.Delete(list, at, at+1)
	}
	all := Stills(list)
	t.Stills = &all
}

// StoodBy is how long the present attempt of an element has stood still by a moment.
func (t *Task) StoodBy(now api.Time) api.Duration {
	if t.Still != 0 {
		return t.Stood + max(now.Sub(t.Still), 0)
	}
	return t.Stood
}
