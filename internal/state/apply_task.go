package state

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/profile"
)

func (s *State) applyTask(ev Event) error {
	switch e := ev.(type) {
	case *TasksReady:
		return s.ready(e)
	case *TasksLost:
		return s.lose(e)
	}
	ref, ok := refOf(ev)
	if !ok {
		return fmt.Errorf("event %T is unknown to this version", ev)
	}
	w, t := s.Task(ref)
	if t == nil {
		return fmt.Errorf("event %T: task %v is unknown", ev, ref)
	}
	switch e := ev.(type) {
	case *TaskPlaced:
		return s.place(w, t, e)
	case *TaskBooked:
		if t.Status != api.TaskPending || s.Nodes[e.Node] == nil {
			return fmt.Errorf("book node %q for task %v: it is %v", e.Node, e.Ref, t.Status)
		}
		t.Booking = &Booking{Node: e.Node, Devices: e.Devices, Victims: e.Victims, Since: s.Now}
	case *TaskUnbooked:
		t.Booking = nil
	case *TaskStarted:
		s.move(w, t, api.TaskRunning)
		if e.Attempt.Try == 1 {
			s.tally(w, true)
		}
		t.Started, t.Ports, t.PID, t.Reported = s.Now, e.Ports, e.PID, e.N
		if len(w.SpecOf(t).Checks) == 0 {
			s.healthy(w, t, true)
		}
	case *TaskHealth:
		t.Reported = e.N
		s.healthy(w, t, e.Healthy)
		if !e.Healthy {
			t.Reason = e.Detail
		}
	case *TaskStop:
		t.Reason = e.Reason
		s.wantStop(t, e.For)
	case *TaskEnded:
		s.enter(w, t, e)
		s.end(w, t, e)
	case *TaskSuspended:
		s.suspended(w, t, e)
	case *TaskCheckpointed:
	}
	return nil
}

func refOf(ev Event) (api.TaskRef, bool) {
	switch e := ev.(type) {
	case *TaskPlaced:
		return e.Ref, true
	case *TaskBooked:
		return e.Ref, true
	case *TaskUnbooked:
		return e.Ref, true
	case *TaskStarted:
		return e.Attempt.TaskRef, true
	case *TaskHealth:
		return e.Attempt.TaskRef, true
	case *TaskStop:
		return e.Ref, true
	case *TaskEnded:
		return e.Attempt.TaskRef, true
	case *TaskSuspended:
		return e.Attempt.TaskRef, true
	case *TaskCheckpointed:
		return e.Attempt.TaskRef, true
	}
	return api.TaskRef{}, false
}

func (s *State) ready(e *TasksReady) error {
	w := s.Workloads[e.Workload]
	if w == nil || int(e.Task) >= len(w.Groups) {
		return fmt.Errorf("tasks ready: workload %d has no task %d", e.Workload, e.Task)
	}
	g := &w.Groups[e.Task]
	for i := e.From; i < e.To; i++ {
		if t := g.Get(i); t != nil {
			t.Ready, t.NotBefore = s.Now, 0
			s.move(w, t, api.TaskPending)
		}
	}
	return nil
}

func (s *State) place(w *Workload, t *Task, e *TaskPlaced) error {
	n := s.Nodes[e.Node]
	if n == nil || w.Away() || t.Status != api.TaskPending || e.Try != t.Try+1 {
		return fmt.Errorf("place task %v try %d on node %q: it is %v after try %d", e.Ref, e.Try, e.Node, t.Status, t.Try)
	}
	t.Try, t.Node, t.Decision, t.Devices, t.Epoch = e.Try, e.Node, e.Decision, e.Devices, s.Epoch
	t.Placed, t.Started, t.Ended, t.Reported, t.PID = s.Now, 0, 0, 0, 0
	t.Stop, t.Ports, t.Reason, t.Healthy, t.HealthyAt = StopNothing, nil, "", false, 0
	t.Slice, t.Still, t.Stood, t.Stills = nil, 0, 0, nil
	t.Size = w.sizeOf(t)
	s.promise(w, e.Expects, 1)
	t.Expects = e.Expects
	s.move(w, t, api.TaskPlaced)
	s.sited(w, n.Site)
	n.hold(t, w.SpecOf(t))
	s.touch(t)
	if w.Status == api.WorkloadPending {
		w.Status = api.WorkloadRunning
	}
	s.Totals.Placed++
	return nil
}

func (s *State) end(w *Workload, t *Task, e *TaskEnded) {
	t.Fails, t.Losses = e.Fails, e.Losses
	t.Reason, t.NotBefore = e.Reason, e.NotBefore
	t.Ended = s.Now
	held := t.Status.Holds()
	s.settle(w, t, e.Next)
	if e.Attempt.Try != t.Try {
		t.takeBack(held)
	} else if e.Attempt.Try == t.LostTry {
		t.LostTry, t.LostNode = 0, ""
	}
	if e.N != 0 {
		t.Reported = e.N
	}
	if e.Result != nil {
		t.Result = e.Result
		if e.Result.Outcome == api.OutcomeSucceeded && w.Spec.Kind == api.KindJob {
			s.learn(w, t, e)
			s.succeeded(e.Result.Wall)
		}
	}
	if e.Remove {
		w.drop(t)
	}
}

// takeBack makes an attempt that had been given up the last one again: its
// result counts. The attempt that it overtook may still report its end.
func (t *Task) takeBack(held bool) {
	t.Try, t.LostTry = t.LostTry, t.Try
	t.Node, t.LostNode = t.LostNode, t.Node
	if !held {
		t.LostTry, t.LostNode = 0, ""
	}
}

// drop takes an element out of its group.
func (w *Workload) drop(t *Task) {
	g := &w.Groups[t.Ref.Task]
	if i, ok := g.find(t.Ref.Index); ok {
		g.Tasks = slices.Delete(g.Tasks, i, i+1)
		w.count(t.Status, -1)
	}
}

// duplicate counts a final report after the first. Its attempt needs no answer
// any more, so the same report is not counted twice.
func (s *State) duplicate(e *ReportDuplicate) {
	s.Totals.Duplicates++
	_, t := s.Task(e.Attempt.TaskRef)
	switch {
	case t == nil:
	case t.LostTry == e.Attempt.Try:
		t.LostTry, t.LostNode = 0, ""
	case t.Try == e.Attempt.Try:
		t.Reported = e.N
	}
}

func (s *State) learn(w *Workload, t *Task, e *TaskEnded) {
	r, run := e.Result, e.Result.Wall
	if n := s.Nodes[t.Node]; n != nil {
		run = profile.Normalise(run, n.Speed)
	}
	out := api.Bytes(0)
	for i := range r.Outputs {
		out += r.Outputs[i].Size
	}
	s.observe(w, int(t.Ref.Task), profile.Run{Time: run, Machine: e.Machine, Output: out})
}

func (s *State) lose(e *TasksLost) error {
	for _, ref := range e.Refs {
		w, t := s.Task(ref)
		if t == nil {
			return fmt.Errorf("lose task %v on node %s: it is unknown", ref, e.Node)
		}
		t.Reason, t.Ended = e.Reason, s.Now
		t.LostTry, t.LostNode = t.Try, t.Node
		s.Totals.Lost++
		s.settle(w, t, e.Next)
		if e.Remove {
			w.drop(t)
		}
	}
	return nil
}

// settle moves a task to a status in which it holds no node.
func (s *State) settle(w *Workload, t *Task, to api.TaskStatus) {
	s.release(t)
	s.promise(w, t.Expects, -1)
	t.Expects = nil
	t.Stop = StopNothing
	t.Healthy = false
	if to == api.TaskPending {
		t.Ready = s.Now
	}
	if to.Final() && !t.Status.Final() {
		g := &w.Groups[t.Ref.Task]
		g.Open--
		if to == api.TaskSucceeded {
			g.Good++
		}
		s.Totals.Ended++
	}
	if to.Final() {
		t.Suspension = nil
	}
	if to.Final() && t.Ended == 0 {
		t.Ended = s.Now
	}
	s.move(w, t, to)
}

func (s *State) move(w *Workload, t *Task, to api.TaskStatus) {
	if to != api.TaskPending {
		t.Booking = nil
	}
	w.count(t.Status, -1)
	t.Status = to
	w.count(to, 1)
}

// count adds to the counts of a workload, and to the load of all.
func (w *Workload) count(st api.TaskStatus, d int32) {
	c := &w.Counts
	switch st {
	case api.TaskPending, api.TaskBackoff:
		w.load.Pending += int64(d)
	case api.TaskPlaced, api.TaskRunning, api.TaskSuspended, api.TaskCheckpointed:
		w.load.Held += int64(d)
	}
	switch st {
	case api.TaskWaiting:
		c.Waiting += d
	case api.TaskPending, api.TaskBackoff:
		c.Pending += d
	case api.TaskPlaced:
		c.Placed += d
	case api.TaskRunning, api.TaskSuspended, api.TaskCheckpointed:
		c.Running += d
	case api.TaskSucceeded:
		c.Succeeded += d
	case api.TaskFailed:
		c.Failed += d
	case api.TaskCancelled:
		c.Cancelled += d
	}
}

func (s *State) healthy(w *Workload, t *Task, ok bool) {
	if ok && !t.Healthy {
		t.HealthyAt = s.Now
		if t.Revision == w.Revision {
			w.Progress = s.Now
		}
	}
	t.Healthy = ok
}

func (s *State) wantStop(t *Task, why StopFor) {
	t.Stop = why
	s.touch(t)
}

// touch gives the node's assignment set a new version because of t.
func (s *State) touch(t *Task) {
	if n := s.Nodes[t.Node]; n != nil {
		n.Version++
		t.Version = n.Version
	}
}

// release frees the capacity that a task holds.
func (s *State) release(t *Task) {
	n := s.Nodes[t.Node]
	if n == nil || n.Held[t.Ref] == nil {
		return
	}
	w := s.Workloads[t.Ref.Workload]
	delete(n.Held, t.Ref)
	n.Used = minus(n.Used, w.SpecOf(t).Resources)
	if len(n.Held) == 0 {
		n.Idle = s.Now
	}
	s.touch(t)
}

func (n *Node) hold(t *Task, spec *api.Task) {
	n.Held[t.Ref] = t
	n.Used = plus(n.Used, spec.Resources)
}

func plus(a, b api.Resources) api.Resources {
	return api.Resources{
		CPU: a.CPU + b.CPU, Memory: a.Memory + b.Memory, Storage: a.Storage + b.Storage, Bandwidth: a.Bandwidth + b.Bandwidth,
	}
}

func minus(a, b api.Resources) api.Resources {
	return api.Resources{
		CPU: a.CPU - b.CPU, Memory: a.Memory - b.Memory, Storage: a.Storage - b.Storage, Bandwidth: a.Bandwidth - b.Bandwidth,
	}
}
