package rehearse

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// queued is work of two priorities that is more than four nodes can do at once, so that
// tasks wait, and stop for others.
func queued() (out Work) {
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 200 {
		w := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: "job-" + strconv.Itoa(i), Tenant: api.DefaultTenant, Priority: int32(r.IntN(3)),
			Tasks: []api.Task{{Name: "t", Driver: api.DriverNoop, Count: int32(1 + r.IntN(3)), Resources: api.Resources{CPU: api.Milli(250 * (1 + r.IntN(4)))}}},
		}
		w.Normalize()
		truth := twin.Truth{Waits: true, Each: make([]api.Duration, w.Tasks[0].Count)}
		for k := range truth.Each {
			truth.Each[k] = api.Duration(400+r.IntN(2000)) * api.Millisecond
		}
		out = append(out, twin.Arrival{At: api.Time(i*100+r.IntN(60)) * api.Time(api.Millisecond), Workload: w, Truth: []twin.Truth{truth}})
	}
	return out
}

// lived runs a world whose nodes take a time of chance over each thing, and tells of it
// what a journal would.
func lived(t *testing.T, work Work, seed uint64) *Past {
	t.Helper()
	f, err := LoadFleet("2x8,16Gi+2x2,16Gi")
	if err != nil {
		t.Fatal(err)
	}
	r, paths := rand.New(rand.NewPCG(seed, 9)), newPaths()
	past := &Past{Fleet: f, Work: work, Overhead: map[string]api.Duration{api.DriverNoop: 3 * api.Millisecond}}
	w, err := twin.New(twin.Config{
		Nodes: f.Nodes, Seed: 1, Retain: retained, Check: true,
		Delays: func(twin.Delay) api.Duration { return api.Duration(r.ExpFloat64() * float64(5*api.Millisecond)) },
		Watch: func(now api.Time, events []state.Event) {
			for _, ev := range events {
				if p, ok := ev.(*state.TaskPlaced); ok {
					paths.placed(p, api.DriverNoop, now)
				}
				paths.event(ev, now)
			}
		},
		Observe: func(e twin.Ended) { past.Ended = append(past.Ended, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(func() (a twin.Arrival, ok bool) {
		if len(work) == 0 {
			return a, false
		}
		a, work = work[0], work[1:]
		return a, true
	}, nil); err != nil {
		t.Fatal(err)
	}
	past.Delays = paths.delays()
	return past
}

// TestGradeWithTheDelaysThatWere: a twin that is told how long nodes took over tasks, one
// after the other, and neither over which nor where those were, does the same as they did.
// One that takes what is usual goes other ways, and so do two that draw them.
func TestGradeWithTheDelaysThatWere(t *testing.T) {
	for seed := range uint64(2) {
		past := lived(t, queued(), seed)
		runs := 0
		g, err := GradePast(t.Context(), past, GradeOptions{Pairs: 2, Done: func(n int) { runs = n }})
		if err != nil {
			t.Fatal(err)
		}
		if g.SameNode != 100 || g.CompletionMAPE != 0 || runs != 6 {
			t.Errorf("seed %d: %.1f %% on the same node, off by %.3f %%, in %d runs", seed, g.SameNode, g.CompletionMAPE, runs)
		}
		for name, m := range map[string]*Match{"usual": g.Usual, "drawn": g.Drawn, "two that are drawn": g.Apart} {
			if m.SameNode >= 99 || m.SameNode < 25 || m.CompletionMAPE == 0 || m.CompletionMAPE > 30 {
				t.Errorf("seed %d, %s: %+v", seed, name, *m)
			}
		}
	}
}

// TestDelaysOfAPast: what an attempt took besides running is divided at its run.
func TestDelaysOfAPast(t *testing.T) {
	ref := func(n uint64) api.TaskRef { return api.TaskRef{Workload: n} }
	attempt := func(n uint64) api.Attempt { return api.Attempt{TaskRef: ref(n), Try: 1} }
	end := func(n uint64, outcome api.Outcome, wall api.Duration) *state.TaskEnded {
		return &state.TaskEnded{Attempt: attempt(n), Result: &api.Result{Outcome: outcome, Wall: wall}}
	}
	p := newPaths()
	for _, at := range []struct {
		now api.Time
		ev  state.Event
	}{
		{0, &state.TaskPlaced{Ref: ref(1), Node: "a"}},
		{0, &state.TaskPlaced{Ref: ref(2), Node: "a"}},
		{0, &state.TaskPlaced{Ref: ref(3), Node: "a"}},
		{0, &state.TaskPlaced{Ref: ref(4), Node: "b"}},
		{0, &state.TaskPlaced{Ref: ref(5), Node: "b"}},
		{5, &state.TaskStarted{Attempt: attempt(1)}},
		{6, &state.TaskStarted{Attempt: attempt(3)}},
		{20, &state.TaskStop{Ref: ref(3)}},
		{27, end(3, api.OutcomeStopped, 14)},
		{28, end(2, api.OutcomeSucceeded, 25)},   // never reported as started
		{108, end(1, api.OutcomeSucceeded, 100)}, // 5 before, 3 after
		{109, &state.TasksLost{Node: "b", Refs: []api.TaskRef{ref(4)}}},
	} {
		if e, ok := at.ev.(*state.TaskPlaced); ok {
			p.placed(e, api.DriverNoop, at.now)
		}
		p.event(at.ev, at.now)
	}
	d := p.delays()
	next := d.replayed()
	ask := func(node string, k twin.DelayKind) api.Duration {
		return next(twin.Delay{Node: node, Driver: api.DriverNoop, Kind: k})
	}
	for _, want := range []struct {
		node string
		kind twin.DelayKind
		took api.Duration
	}{
		{"a", twin.DelayStart, 5},
		{"a", twin.DelayStart, 3},
		{"a", twin.DelayStart, 6},
		{"a", twin.DelayReport, 0},
		{"a", twin.DelayReport, 3}, // the second ended first
		{"a", twin.DelayStop, 7},
		{"b", twin.DelayStart, 5},
		{"b", twin.DelayStop, 7},  // nothing is known: what is usual
		{"a", twin.DelayStart, 5}, // none is left
	} {
		if got := ask(want.node, want.kind); got != want.took {
			t.Errorf("%+v: %d", want, got)
		}
	}
	for range 20 {
		if got := d.drawn(1)(twin.Delay{Node: "b", Driver: api.DriverNoop}); got < 3 || got > 6 {
			t.Errorf("%d was drawn", got)
		}
	}
}
