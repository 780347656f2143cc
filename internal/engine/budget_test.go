package engine_test

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// budgeted is a cell with one node of 1 EUR an hour for all of its 4 cores, and a tenant
// that may spend 0.0084 EUR a day: what two tasks are foreseen to take.
type budgeted struct {
	*testing.T
	e   *engine.Engine
	now api.Time
}

func newBudgeted(t *testing.T, then string) *budgeted {
	b := &budgeted{t, engine.New(state.New()), 1_772_323_200_000_000_000} // midnight
	tenant := api.Tenant{Name: "lab", Budgets: []api.Budget{{Money: &api.Money{Micro: 8_400, Currency: "EUR"}, Window: api.Day, Then: then}}}
	tenant.Normalize()
	b.step(
		&engine.Register{Node: api.Node{
			Name: "n1", Drivers: []string{"noop"}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB},
			Price: &api.Money{Micro: 1_000_000, Currency: "EUR"},
		}},
		&engine.PutTenant{Tenant: tenant},
	)
	return b
}

func (b *budgeted) step(in ...engine.Input) engine.Output {
	b.Helper()
	b.now = b.now.Add(api.Second)
	out, err := b.e.Step(b.now, in)
	if err == nil {
		err = engine.Check(b.e, out)
	}
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// submit asks for a job of one core that is foreseen to take 0.004166 EUR: a minute, since
// nothing is known of it.
func (b *budgeted) submit(name string) state.Answer {
	b.Helper()
	w := api.Workload{Kind: api.KindJob, Name: name, Tenant: "lab", Tasks: []api.Task{{
		Name: "t", Driver: "noop", Resources: api.Resources{CPU: 1000},
	}}}
	w.Normalize()
	return b.step(&engine.Submit{Workload: &w}).Answers[0]
}

func (b *budgeted) status(id uint64) api.TaskStatus {
	_, t := b.e.State().Task(api.TaskRef{Workload: id})
	return t.Status
}

func (b *budgeted) end(id uint64, wall api.Duration) {
	b.Helper()
	a := api.Attempt{TaskRef: api.TaskRef{Workload: id}, Try: 1}
	b.step(&engine.Reports{Node: "n1", Reports: []api.Report{{
		Attempt: a, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: wall},
	}}})
}

func TestBudgetDefers(t *testing.T) {
	b := newBudgeted(t, "")
	one, two, three := b.submit("a").ID, b.submit("b").ID, b.submit("c").ID
	if b.status(one) != api.TaskPlaced || b.status(two) != api.TaskPlaced || b.status(three) != api.TaskPending {
		t.Fatalf("%v %v %v, want two placed and one waiting", b.status(one), b.status(two), b.status(three))
	}
	x := b.e.Explain(b.e.State().Task(api.TaskRef{Workload: three}))
	if !strings.Contains(x.Task.Reason, "budget of tenant lab, 0.0084 EUR each 1d: 0.008332 EUR is spent or promised, and 0.004166 EUR more is needed") {
		t.Errorf("it waits because %q", x.Task.Reason)
	}
	b.now = b.now.Add(30 * api.Minute)
	b.end(one, 30*api.Second) // it took half of what was foreseen
	if b.status(three) != api.TaskPending {
		t.Error("half of what one takes is not enough for another")
	}
	b.now = b.now.Add(30 * api.Minute)
	b.end(two, api.Second)
	if b.status(three) != api.TaskPlaced {
		t.Errorf("it waits though there is money again: %+v", b.e.StandingOf("lab"))
	}
}

func TestBudgetOfTheNextWindow(t *testing.T) {
	b := newBudgeted(t, "")
	one, two := b.submit("a").ID, b.submit("b").ID
	b.now = b.now.Add(2 * api.Hour)
	b.end(one, 2*api.Minute) // twice what was foreseen
	three := b.submit("c").ID
	if v := b.e.StandingOf("lab")[0]; v.Spent != 8_333 || v.Promised != 4_166 || v.Over != 4_099 || v.Held == 0 {
		t.Errorf("what the truth added is not said: %+v", v)
	}
	b.now = b.now.Add(api.Hour)
	b.end(two, api.Minute)
	if b.status(three) != api.TaskPending {
		t.Fatal("it was placed beyond the budget")
	}
	b.now = b.now.Add(24 * api.Hour)
	b.step()
	if v := b.e.StandingOf("lab")[0]; b.status(three) != api.TaskPlaced || v.Spent != 0 {
		t.Errorf("a new day helps nothing: %+v", v)
	}
}

func TestBudgetRefuses(t *testing.T) {
	b := newBudgeted(t, api.BudgetRefuse)
	b.submit("a")
	b.submit("b")
	a := b.submit("c")
	if a.Code != state.CodeConflict || !strings.Contains(a.Message, "budget of tenant lab") || !strings.Contains(a.Message, "2026-03-02T00:00:00Z") {
		t.Errorf("%+v", a)
	}
}

func TestBudgetWarns(t *testing.T) {
	b := newBudgeted(t, api.BudgetWarn)
	b.submit("a")
	b.submit("b")
	if three := b.submit("c").ID; b.status(three) != api.TaskPlaced {
		t.Error("a budget that only warns stopped it")
	}
	if v := b.e.StandingOf("lab")[0]; v.Over != 4_098 {
		t.Errorf("it does not say that it is exceeded: %+v", v)
	}
}
