package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestWhatIsNamedTwice: elements that a command names several times are suspended once, so
// that a command is never more work than the job is large.
func TestWhatIsNamedTwice(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, submit(holdable("job", 100)))
	in := &engine.Suspend{Tenant: "default", Name: "job", For: api.Hour}
	for i := range uint32(api.MaxElements - 2) {
		in.Elements = append(in.Elements, api.Elements{Task: "main", From: i % 40})
	}
	in.Elements = append(in.Elements, api.Elements{Task: "main", From: 30, Count: 5}, api.Elements{Task: "main"})
	puts := func() (put []state.SuspensionPut) {
		out, err := w.engine.Step(w.now, []engine.Input{in})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range out.Events {
			if v, ok := ev.(*state.SuspensionPut); ok {
				put = append(put, *v)
			}
		}
		return put
	}
	if put := puts(); len(put) != 1 || put[0].From != 0 || put[0].To != 100 {
		t.Errorf("%d events suspend elements: %+v", len(put), put)
	}
	in.Off, in.Elements = true, []api.Elements{{Task: "main", From: 60, Count: 10}, {Task: "main", From: 10, Count: 10}, {Task: "main", From: 15, Count: 5}}
	if put := puts(); len(put) != 2 || put[0].From != 10 || put[0].To != 20 || put[1].From != 60 || put[1].To != 70 {
		t.Errorf("elements 10 to 19 and 60 to 69 go on by %+v", put)
	}
}

// TestSuspendedOften: whoever suspends and resumes over and over leaves no heap of timers
// behind, and the last word counts, also for an engine that was rebuilt.
func TestSuspendedOften(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, submit(holdable("job", 3)))
	before := w.engine.Reminders()
	for i := range 50 {
		w.step(t, &engine.Suspend{Tenant: "default", Name: "job", For: 2*api.Hour + api.Duration(i)*api.Second})
		w.step(t, &engine.Suspend{Tenant: "default", Name: "job", Off: true})
	}
	w.step(t, &engine.Suspend{Tenant: "default", Name: "job", For: 3 * api.Hour})
	w.step(t, &engine.Suspend{Tenant: "default", Name: "job", For: api.Hour, Elements: []api.Elements{{Task: "main", From: 2, Count: 1}}})
	if n := w.engine.Reminders() - before; n > 2 {
		t.Errorf("%d timers remind of two ends", n)
	}
	suspended := func() (n int) {
		for _, e := range w.engine.State().Workloads[1].Groups[0].Tasks {
			if e.Suspension != nil {
				n++
			}
		}
		return n
	}
	for _, want := range []struct {
		after api.Duration
		left  int
	}{{api.Hour - 1, 3}, {1, 2}, {2*api.Hour - 1, 2}, {1, 0}} {
		w.now = w.now.Add(want.after)
		w.step(t)
		if n := suspended(); n != want.left {
			t.Errorf("%v later %d elements are suspended instead of %d", want.after, n, want.left)
		}
		w.rebuild(t)
	}
	if n := w.engine.Reminders(); n > before {
		t.Errorf("%d timers are left", n)
	}
}
