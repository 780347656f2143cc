package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/journal"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
)

const (
	// maxAsked bounds the jobs of a round; what it costs is mostly the worlds.
	maxAsked = 1000
	// farBehind is how many records the mirror may lack for its predictions to be of
	// what is to come.
	farBehind = 1000
	// leastRest is the shortest time between two rounds.
	leastRest = 50 * time.Millisecond
)

// predict makes rounds of predictions, one at a time, within the budget.
func (m *Mirror) predict(ctx context.Context) {
	for {
		select {
		case <-m.wake:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if err := m.round(ctx); err != nil && ctx.Err() == nil {
			m.cfg.Log.Error("nothing could be foreseen", "error", err)
		}
		took := time.Since(began)
		m.mu.Lock()
		m.busy += took
		m.mu.Unlock()
		rest := time.Duration(float64(took) * (1 - m.cfg.Budget) / m.cfg.Budget)
		select {
		case <-time.After(max(rest, leastRest)):
		case <-ctx.Done():
			return
		}
	}
}

// asked is what a round begins with: a state that stands still, and who is asked about.
type asked struct {
	jobs    []uint64
	pieces  [][]byte // of the state
	record  uint64
	now     api.Time
	naive   map[uint64]took // what persistence says, of those of which it says something
	besides map[string][]rehearse.Besides
	runs    rehearse.Alike
	came    []rehearse.Came
}

// ask takes the jobs that have come; false when there is nothing to do now.
func (m *Mirror) ask() (q asked, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == nil || m.last > m.chain.At().N+farBehind {
		return q, false, nil
	}
	q.jobs, m.arrived = m.arrived, nil
	q.jobs = slices.DeleteFunc(q.jobs, func(id uint64) bool {
		w := m.state.Workloads[id]
		switch {
		case w == nil || w.Status.Final():
			m.memory.Count.TooLate++
			return true
		case w.Away():
			m.memory.Count.Endless++
			return true
		}
		return false
	})
	if more := len(q.jobs) - maxAsked; more > 0 {
		m.memory.Count.TooMany += uint64(more)
		q.jobs = q.jobs[:maxAsked]
	}
	if len(q.jobs) == 0 {
		return q, false, nil
	}
	m.memory.Count.Rounds++
	q.record, q.now, q.naive = m.chain.At().N, m.state.Now, map[uint64]took{}
	for _, id := range q.jobs {
		if t, known := m.memory.Last.of(m.state.Workloads[id].Spec); known {
			q.naive[id] = t
		}
	}
	q.besides, q.runs, q.came = m.memory.besides(), m.memory.runs(), slices.Clone(m.memory.Came)
	q.pieces, err = journal.EncodePieces(m.state)
	return q, true, err
}

// round predicts what has come since the last one.
func (m *Mirror) round(ctx context.Context) error {
	q, ok, err := m.ask()
	if err != nil || !ok {
		return err
	}
	st, err := journal.DecodeState(slices.Concat(q.pieces...))
	if err != nil {
		return fmt.Errorf("copy the state: %w", err)
	}
	q.runs.Inform(st)
	got, err := rehearse.Await(ctx, rehearse.Waiting{
		State: st, Now: q.now, Jobs: q.jobs, Besides: q.besides, Came: q.came, Seeds: m.cfg.Seeds, Horizon: m.cfg.Ahead, Workers: 1,
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range got {
		a := &got[i]
		w := st.Workloads[a.Job]
		if m.memory.Jobs[a.Job] == nil { // it has ended meanwhile: this foretells nothing
			m.memory.Count.TooLate++
			continue
		}
		p := &grade.Prediction{
			ID: a.Job, Tenant: w.Spec.Tenant, Name: w.Spec.Name, Origin: grade.OfMirror, Record: q.record, Made: q.now, Submitted: w.Submitted,
			Began: a.Began, Start: a.Start, End: a.End, Run: a.Run, Round: m.memory.Count.Rounds,
		}
		if len(w.Profiles) > 0 {
			p.Class = string(w.Profiles[0].Class)
		}
		p.New = unknown(w)
		if t, known := q.naive[a.Job]; known {
			persist(p, t)
		}
		m.conform.Adjust(p)
		m.note(p)
		m.keep(&entry{Made: p})
	}
	return nil
}

// unknown reports whether no run is known of one of a workload's tasks, and it does not
// say how long it runs.
func unknown(w *state.Workload) bool {
	for i := range w.Spec.Tasks {
		if w.Spec.Tasks[i].Duration == 0 && (i >= len(w.Profiles) || w.Profiles[i].Samples == 0) {
			return true
		}
	}
	return false
}

// persist says beside a prediction what persistence says.
func persist(p *grade.Prediction, t took) {
	start := p.Began
	if start == 0 {
		start = max(p.Submitted.Add(t.Wait), p.Made)
		p.NaiveStart = start
	}
	p.NaiveRun = max(t.Run, 1)
	p.NaiveEnd = max(start.Add(t.Run), p.Made)
}

// share is how much of one processor predictions have taken.
func (m *Mirror) share() float64 {
	return m.busy.Seconds() / max(cmp.Or(m.now().Sub(m.started), time.Second).Seconds(), 1)
}
