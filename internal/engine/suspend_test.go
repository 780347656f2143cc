package engine_test

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// holdable is a job that can be held still.
func holdable(name string, count int32) *api.Workload {
	return jobOf(name, count, func(w *api.Workload) {
		w.Tasks[0].Driver, w.Tasks[0].Command = api.DriverProcess, []string{"work"}
		w.Tasks[0].Resources.CPU = 1000
	})
}

// TestRoomIsPaidFor: what stands still at its owner's wish costs the price of its node as
// when it runs; what the operator has stand still does not.
func TestRoomIsPaidFor(t *testing.T) {
	for name, tc := range map[string]struct {
		operator bool
		micro    int64 // of 1 a core and hour
	}{"owner": {false, 4_000_000}, "operator": {true, 2_000_000}} {
		w := newWorld(engine.MaxBatch)
		n := nodeOf("n1", 4000)
		n.Drivers, n.Price = []string{api.DriverProcess}, &api.Money{Micro: 4_000_000, Currency: "EUR"}
		w.step(t, &engine.Register{Node: n}, submit(holdable("job", 1)))
		at := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}
		after := func(d api.Duration, in engine.Input) {
			w.now = w.now.Add(d)
			w.step(t, in)
			w.rebuild(t)
		}
		said := func(no uint32, kind api.ReportKind) *engine.Reports {
			r := api.Report{Attempt: at, N: no, Kind: kind}
			if kind == api.ReportEnded {
				r.Result = &api.Result{Wall: 2 * api.Hour}
			}
			return &engine.Reports{Node: "n1", Reports: []api.Report{r}}
		}
		hold := &engine.Suspend{Tenant: api.DefaultTenant, Name: "job", For: 2 * api.Hour, Operator: tc.operator}
		after(0, said(1, api.ReportStarted))
		after(api.Hour, hold)
		after(0, said(2, api.ReportSuspended))
		after(2*api.Hour, said(3, api.ReportResumed)) // its time is over
		after(api.Hour, said(4, api.ReportEnded))
		_, task := w.engine.State().Task(at.TaskRef)
		if task.Took == nil || task.Took.Cost == nil || task.Took.Cost.Micro != tc.micro {
			t.Errorf("%s: it took %+v, want %d", name, task.Took, tc.micro)
		}
		if a := w.answers; len(a) > 0 && a[0].Code != state.CodeOK {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestOwnersPausesAreCounted: so many stretches are remembered, and no more are begun.
func TestOwnersPausesAreCounted(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	n := nodeOf("n1", 4000)
	n.Drivers = []string{api.DriverProcess}
	w.step(t, &engine.Register{Node: n}, submit(holdable("job", 1)))
	at, no := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}, uint32(0)
	say := func(kind api.ReportKind) {
		no++
		w.now = w.now.Add(api.Second)
		w.step(t, &engine.Reports{Node: "n1", Reports: []api.Report{{Attempt: at, N: no, Kind: kind}}})
	}
	say(api.ReportStarted)
	refused := 0
	for range state.MaxStills {
		w.step(t, &engine.Suspend{Tenant: api.DefaultTenant, Name: "job", For: api.Hour})
		if w.answers[0].Code == state.CodeConflict {
			refused++
			continue
		}
		say(api.ReportSuspended)
		w.now = w.now.Add(api.Second)
		w.step(t, &engine.Suspend{Tenant: api.DefaultTenant, Name: "job", Off: true})
		say(api.ReportResumed)
	}
	w.step(t, &engine.Suspend{Tenant: api.DefaultTenant, Name: "job", For: api.Hour, Operator: true})
	if refused == 0 || w.answers[0].Code != state.CodeOK {
		t.Errorf("%d of %d were refused, and the operator's was answered %+v", refused, state.MaxStills, w.answers[0])
	}
}

// TestSuspensionsEnd: whatever was suspended and resumed of an array, by whom and in what
// order, none stands still beyond what was asked for last, and all of it ends by itself,
// also for engines that were rebuilt in between.
func TestSuspensionsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const elements = 6
		w := newWorld(engine.MaxBatch)
		n := nodeOf("n1", 3000)
		n.Drivers = []string{api.DriverProcess}
		w.step(t, &engine.Register{Node: n}, submit(holdable("job", elements)))
		var until [elements][2]api.Time
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			from, count := rapid.IntRange(0, elements-1).Draw(t, "from"), rapid.IntRange(0, elements).Draw(t, "count")
			in := &engine.Suspend{
				Tenant: api.DefaultTenant, Name: "job", For: api.Duration(rapid.IntRange(1, 40).Draw(t, "for")) * api.Second,
				Operator: rapid.Bool().Draw(t, "operator"), Off: rapid.IntRange(0, 2).Draw(t, "off") == 0,
				Elements: []api.Elements{{Task: "main", From: uint32(from), Count: uint32(count)}},
			}
			who, to := 0, elements
			if in.Operator {
				who = 1
			}
			if count > 0 {
				to = min(from+count, elements)
			}
			w.now = w.now.Add(api.Duration(rapid.IntRange(0, 20).Draw(t, "pause")) * api.Second)
			w.step(t, in)
			for i := from; i < to; i++ {
				until[i][who] = w.now.Add(in.For)
				if in.Off {
					until[i][who] = 0
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "rebuild") == 0 {
				w.rebuild(t)
			}
			for i, tk := range w.engine.State().Workloads[1].Groups[0].Tasks {
				if want := max(until[i][0], until[i][1]) > w.now; want != (tk.Suspension != nil) {
					t.Fatalf("element %d is suspended: %v, at %v of %v", i, tk.Suspension != nil, w.now, until[i])
				}
			}
		}
		w.now = w.now.Add(api.Minute)
		w.step(t)
		placed := 0
		for _, tk := range w.engine.State().Workloads[1].Groups[0].Tasks {
			if tk.Suspension != nil {
				t.Fatalf("element %d is suspended still", tk.Ref.Index)
			}
			if tk.Status == api.TaskPlaced {
				placed++
			}
		}
		if placed != 3 {
			t.Fatalf("%d elements are placed where 3 have room", placed)
		}
	})
}
