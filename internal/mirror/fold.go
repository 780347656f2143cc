package mirror

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/journal"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
)

// fold brings the mirror one record on. m.mu is held. After an error the state is
// nobody's: no checkpoint is made of it, so that a later start does not go on from it.
func (m *Mirror) fold(r *journal.Record, fresh bool) (err error) {
	defer func() { m.broken = m.broken || err != nil }()
	events, err := r.DecodeEvents()
	if err != nil {
		return fmt.Errorf("fold record %d: %w", r.N, err)
	}
	now := api.Time(r.Now)
	m.state.Now = max(m.state.Now, now)
	for _, ev := range events {
		m.notice(ev, now, fresh)
		if err := m.state.Apply(now, ev); err != nil {
			return fmt.Errorf("fold record %d: %w", r.N, err)
		}
	}
	m.unsaved++
	return nil
}

// notice learns from an event that the state is about to take in.
func (m *Mirror) notice(ev state.Event, now api.Time, fresh bool) {
	switch ev := ev.(type) {
	case *state.WorkloadSubmitted:
		m.came(ev, now, fresh)
	case *state.TaskStarted:
		if j := m.memory.Jobs[ev.Attempt.Workload]; j != nil && j.Started == 0 {
			j.Started = now
		}
	case *state.TaskEnded:
		m.taskEnded(ev, now)
	case *state.WorkloadFinished:
		m.finished(ev, now)
	}
}

// came takes a workload down for prediction, unless it came before the mirror began.
func (m *Mirror) came(ev *state.WorkloadSubmitted, now api.Time, fresh bool) {
	if !endsByItself(ev) {
		m.memory.Count.Endless++
		return
	}
	m.memory.Jobs[ev.ID] = &job{}
	if ev.Parent == 0 { // runs of a schedule come in each world by themselves
		m.memory.came(ev.ID, now)
	}
	switch {
	case !fresh || ev.ID <= m.handled: // it is folded again, after a checkpoint
	case len(m.arrived) >= maxArrived:
		m.memory.Count.TooMany++
	default:
		m.arrived = append(m.arrived, ev.ID)
		m.wakeUp()
	}
}

// wakeUp has a round made, once the one before has ended.
func (m *Mirror) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// taskEnded learns how long a task took besides running.
func (m *Mirror) taskEnded(ev *state.TaskEnded, now api.Time) {
	w, t := m.state.Task(ev.Attempt.TaskRef)
	if t == nil || ev.Result == nil || t.Try != ev.Attempt.Try || t.Started == 0 || t.Started < t.Placed || !ev.Next.Final() {
		return
	}
	name := w.Spec.Tasks[ev.Attempt.Task].Driver
	d := m.memory.Times[name]
	if d == nil {
		d = &driver{}
		m.memory.Times[name] = d
	}
	run := ev.Result.Wall
	n := m.state.Nodes[t.Node]
	if n != nil && ev.Next == api.TaskSucceeded {
		m.memory.Window.Note(rehearse.Attempt{
			At: now, Job: w.Spec.Name, Task: w.SpecOf(t), Node: &n.Node, Home: m.state.Settings.Home, Result: ev.Result, Took: now.Sub(t.Placed),
		})
	}
	if n != nil && n.Speed > 0 {
		run = api.Duration(float64(run) * float64(n.Speed) / 1000)
	}
	d.add(run, rehearse.Besides{Before: t.Started.Sub(t.Placed), After: max(now.Sub(t.Started)-ev.Result.Wall, 0)})
}

// finished is where the truth arrives.
func (m *Mirror) finished(ev *state.WorkloadFinished, now api.Time) {
	w, j := m.state.Workloads[ev.ID], m.memory.Jobs[ev.ID]
	delete(m.memory.Jobs, ev.ID)
	if w == nil || j == nil {
		return
	}
	whole := ev.Status == api.WorkloadSucceeded || ev.Status == api.WorkloadFailed
	if whole && j.Started != 0 {
		m.memory.Last.add(w.Spec, took{Wait: j.Started.Sub(w.Submitted), Run: now.Sub(j.Started)})
	}
	if !whole {
		if m.drop(ev.ID) {
			m.keep(&entry{Dropped: ev.ID})
		}
		return
	}
	for _, origin := range [...]grade.Origin{grade.OfMirror, grade.OfPlan} {
		if p := m.open[grade.Key{ID: ev.ID, Origin: origin}]; p != nil {
			m.grade(p, j.Started, now)
		}
	}
}

// grade closes a prediction with the truth.
func (m *Mirror) grade(p *grade.Prediction, started, ended api.Time) {
	g := &grade.Graded{Prediction: *p, Started: started, Ended: ended}
	m.learn(g)
	m.keep(&entry{Graded: g})
}

// keep appends to the store; the mirror goes on without it.
func (m *Mirror) keep(e *entry) {
	if err := m.store.add(e); err != nil && !m.full {
		m.full = true
		m.cfg.Log.Error("predictions are not kept at the moment", "error", err)
	} else if err == nil {
		m.full = false
	}
}
