package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// TestAttemptsCannotRunLongerThanTheyWereThere: a node that says its attempt ran for ten
// years, seconds after it got it, fills no book with them.
func TestAttemptsCannotRunLongerThanTheyWereThere(t *testing.T) {
	n := bigNode("liar")
	n.Power = &api.PowerModel{Idle: 100_000, Full: 300_000}
	b := newBulk(t, n)
	b.step(submit(jobOf("job", 1)))
	at := b.placed[0].at
	b.step(&engine.Reports{Node: "liar", Reports: []api.Report{
		{Attempt: at, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: api.MaxDuration, CPU: api.MaxDuration, Energy: 1 << 62}},
	}})
	book := b.e.State().Books[api.DefaultTenant]
	if most := api.Microjoules(2 * 60 * 300_000_000); book == nil || book.Modelled <= 0 || book.Modelled > most || book.Measured != 0 {
		t.Errorf("the book is %+v; at most two minutes at 300 W, %d µJ, can be true", book, most)
	}
}

// TestTookInTheHoursItRan: a job that is held still over dirty hours is booked at the clean
// ones in which it ran, also by an engine that took over while it stood still; and what
// begins anew knows nothing of the attempt before it.
func TestTookInTheHoursItRan(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}},
		&engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: start - start%api.Time(api.Hour), Step: api.Hour, Values: []int64{1000, 900_000, 900_000, 900_000, 900_000, 1000, 1000, 1000}, Known: 8, Origin: "feed"}},
		&engine.Register{Node: api.Node{Name: "n1", Site: "bonn", Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}, Power: &api.PowerModel{Idle: 40_000, Full: 100_000}}})
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job",
		Tasks: []api.Task{{Name: "t", Driver: api.DriverProcess, Command: []string{"x"}, Resources: api.Resources{CPU: 1000}}},
	}
	spec.Normalize()
	id := w.engine.State().NextID
	w.step(t, &engine.Submit{Workload: spec})
	w.settle(t)
	_, task := w.engine.State().Task(api.TaskRef{Workload: id})
	report := func(try, n uint32, kind api.ReportKind, r *api.Result) {
		w.step(t, &engine.Reports{Node: "n1", Reports: []api.Report{{Attempt: api.Attempt{TaskRef: task.Ref, Try: try}, N: n, Kind: kind, Result: r}}})
		w.settle(t)
		_, task = w.engine.State().Task(task.Ref)
	}
	hour := start - start%api.Time(api.Hour) // it is 13 minutes past
	report(1, 1, api.ReportStarted, nil)
	w.now = hour.Add(40 * api.Minute)
	report(1, 2, api.ReportSuspended, nil)
	w.rebuild(t)
	w.now = hour.Add(5*api.Hour + api.Minute)
	report(1, 3, api.ReportResumed, nil)
	w.now = w.now.Add(20 * api.Minute)
	report(1, 4, api.ReportSuspended, nil)
	w.rebuild(t)
	w.now = w.now.Add(api.Minute)
	report(1, 5, api.ReportEnded, &api.Result{Outcome: api.OutcomeFailed, Wall: 45 * api.Minute})
	// A core of four at 100 W, for three quarters of an hour: 18.75 Wh.
	f := task.Took
	if f == nil || f.Carbon == nil {
		t.Fatalf("nothing is booked: %+v", f)
	}
	if f.Energy != 67_500_000_000 || *f.Carbon != 18_750 {
		t.Fatalf("it took %+v, %d µg; 18.75 Wh at 1 g/kWh are 18750 µg", f, *f.Carbon)
	}
	w.now = w.now.Add(api.Hour)
	w.step(t)
	w.settle(t)
	if _, task = w.engine.State().Task(task.Ref); task.Try != 2 || task.Stills != nil || task.Still != 0 || task.Stood != 0 {
		t.Errorf("the second attempt begins as %+v", task)
	}
}
