package engine_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// TestRecallChangesNothing: whether an engine remembers what it worked out for time-slicing
// or works it out anew for each element, it decides alike, to the byte, whatever happens.
func TestRecallChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pair{t: t, one: engine.New(state.New()), other: engine.New(state.New()), now: start}
		p.other.Forgetful()
		p.step(&engine.PutStrategy{Strategy: api.Strategy{Name: "patient", Slice: true, Slowdown: 60, Terms: []api.StrategyTerm{{Term: "latency", Weight: 1}}}},
			&engine.PutTenant{Tenant: p.tenant()}, p.node("a"), p.node("b"), p.signal("a"), p.signal("b"),
			&engine.PutSite{Site: api.Site{Name: "a", Layer: api.LayerCloud, Zone: "a"}}, &engine.PutSite{Site: api.Site{Name: "b", Layer: api.LayerCloud, Zone: "b"}})
		for i := range rapid.IntRange(3, 12).Draw(t, "steps") {
			p.now = p.now.Add(rapid.SampledFrom([]api.Duration{0, api.Second, 7 * api.Minute, api.Hour}).Draw(t, "pass"))
			in := p.reports()
			for n := range rapid.IntRange(0, 2).Draw(t, "jobs") {
				in = append(in, p.job(fmt.Sprint("j", i, "-", n)))
			}
			switch rapid.IntRange(0, 10).Draw(t, "news") {
			case 0:
				in = append(in, p.signal("a"))
			case 1:
				in = append(in, &engine.Silent{Node: "b"})
			case 2:
				in = append(in, &engine.Back{Node: "b"})
			case 3:
				in = append(in, &engine.PutSite{Site: api.Site{Name: "b", Layer: api.LayerCloud, Zone: "a"}})
			case 4:
				in = append(in, &engine.Cancel{Tenant: "lab", Name: fmt.Sprint("j", i-1, "-0")})
			case 5, 8, 9:
				in = append(in, p.suspend(fmt.Sprint("j", rapid.IntRange(0, i).Draw(t, "which"), "-0")))
			case 6: // it comes back at another site
				in = append(in, p.at("b", "a"))
			case 7:
				p.rebuild()
			}
			p.step(in...)
		}
	})
}

// pair is an engine that remembers and one that does not.
type pair struct {
	t          *rapid.T
	one, other *engine.Engine
	now        api.Time
	running    []given
	told       uint32 // reports so far
	rebuilt    bool   // the other one was, and has no reminders of what has passed
}

func (p *pair) step(in ...engine.Input) {
	for more := true; more; in = nil {
		raw := encodeAll(p.t, in)
		a, err := p.one.Step(p.now, decodeAll(p.t, raw))
		if err == nil {
			err = engine.Check(p.one, a)
		}
		b, other := p.other.Step(p.now, decodeAll(p.t, raw))
		if err != nil || other != nil {
			p.t.Fatalf("%v, %v", err, other)
		}
		if !bytes.Equal(eventBytes(p.t, a.Events), eventBytes(p.t, b.Events)) || a.More != b.More || a.Wake != b.Wake && !p.rebuilt {
			p.t.Fatalf("who remembers decides\n%s\nand who does not\n%s", show(a.Events), show(b.Events))
		}
		if why := p.one.HeldDiffers(); why != "" {
			p.t.Fatal(why)
		}
		p.running = append(p.running, placedIn(a.Events)...)
		more = a.More
	}
}

// reports begins, holds still and ends some of what was placed.
func (p *pair) reports() (in []engine.Input) {
	for _, g := range p.running {
		p.told++
		r := api.Report{Attempt: g.at, N: p.told, Kind: rapid.SampledFrom([]api.ReportKind{
			api.ReportStarted, api.ReportStarted, api.ReportSuspended, api.ReportResumed, api.ReportEnded, api.ReportEnded, api.ReportEnded,
		}).Draw(p.t, "kind")}
		if r.Kind == api.ReportEnded {
			r.Result = &api.Result{Outcome: rapid.SampledFrom([]api.Outcome{api.OutcomeSucceeded, api.OutcomeFailed}).Draw(p.t, "outcome"), Wall: api.Minute}
		}
		in = append(in, &engine.Reports{Node: g.node, Reports: []api.Report{r}})
	}
	return in
}

func (p *pair) suspend(name string) engine.Input {
	return &engine.Suspend{
		Tenant: "lab", Name: name, Operator: rapid.Bool().Draw(p.t, "operator"), Off: rapid.IntRange(0, 2).Draw(p.t, "off") == 0,
		For: rapid.SampledFrom([]api.Duration{30 * api.Minute, 3 * api.Hour}).Draw(p.t, "for"),
	}
}

// rebuild has the one that does not remember begin anew from what the other one knows.
func (p *pair) rebuild() {
	st, err := journal.DecodeState(stateBytes(p.t, p.one.State()))
	if err != nil {
		p.t.Fatalf("decode state: %v", err)
	}
	p.other, p.rebuilt = engine.New(st), true
	p.other.Forgetful()
}

func (p *pair) node(site string) engine.Input { return p.at(site, site) }

func (p *pair) at(name, site string) engine.Input {
	cpu := rapid.SampledFrom([]api.Milli{2000, 8000, 64_000}).Draw(p.t, "cpu")
	return &engine.Register{Node: api.Node{Name: name, Site: site, Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: cpu, Memory: 8 * api.GiB}, Power: &api.PowerModel{Idle: 40_000, Full: 440_000}}}
}

func (p *pair) signal(zone string) engine.Input {
	values := rapid.SliceOfN(rapid.Int64Range(0, 900_000), 30, 30).Draw(p.t, "values")
	return &engine.PutSignal{Signal: api.Signal{
		Kind: api.SignalCarbon, Zone: zone, Start: p.now - p.now%api.Time(api.Hour), Step: api.Hour, Values: values, Known: 30, Origin: "feed",
	}}
}

func (p *pair) tenant() api.Tenant {
	t := api.Tenant{Name: "lab", Budgets: []api.Budget{{Carbon: api.Mass(rapid.Int64Range(1_000_000, 100_000_000).Draw(p.t, "budget")), Window: api.Day}}}
	t.Normalize()
	return t
}

func (p *pair) job(name string) engine.Input {
	draw := func(label string, of ...api.Duration) api.Duration { return rapid.SampledFrom(of).Draw(p.t, label) }
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: name, Tenant: "lab", Strategy: rapid.SampledFrom([]string{"time-slicing", "patient", "carbon-budget"}).Draw(p.t, "strategy"),
		Objective: rapid.SampledFrom([]api.Objective{"", api.ObjectiveCarbon}).Draw(p.t, "objective"), Deadline: draw("deadline", 0, 2*api.Hour, 9*api.Hour, 26*api.Hour),
		Gang: rapid.IntRange(0, 5).Draw(p.t, "gang") == 0,
	}
	for i := range rapid.IntRange(1, 3).Draw(p.t, "tasks") {
		task := api.Task{
			Name: fmt.Sprint("t", i), Driver: api.DriverProcess, Command: []string{"x"}, Count: int32(rapid.IntRange(1, 12).Draw(p.t, "count")),
			Duration: draw("run", 0, 10*api.Minute, 70*api.Minute, 4*api.Hour), Resources: api.Resources{CPU: 500},
		}
		if i > 0 && rapid.Bool().Draw(p.t, "after") {
			task.After = []string{"t0"}
		}
		w.Tasks = append(w.Tasks, task)
	}
	w.Normalize()
	return &engine.Submit{Workload: w}
}

// BenchmarkSlicedArray places a job of 10,000 elements under time-slicing, for which no
// better hours come, so that each starts at once. Each asks when to run as those before it
// did: worked out for each element anew, a fifth as many are placed in a second.
func BenchmarkSlicedArray(b *testing.B) {
	for range b.N {
		b.StopTimer()
		e, now, spec := slicedArray(b)
		b.StartTimer()
		placed, spent := 0, time.Now()
		for in, more := []engine.Input{&engine.Submit{Workload: spec}}, true; more; in = nil {
			out, err := e.Step(now, in)
			if err != nil {
				b.Fatal(err)
			}
			placed, more = placed+len(placedIn(out.Events)), out.More
		}
		if placed != 10_000 {
			b.Fatalf("%d are placed", placed)
		}
		b.ReportMetric(float64(placed)/time.Since(spent).Seconds(), "placements/s")
	}
}

func slicedArray(b *testing.B) (*engine.Engine, api.Time, *api.Workload) {
	e, now := engine.New(state.New()), start-start%api.Time(api.Hour)
	values := make([]int64, 48)
	for i := range values {
		values[i] = int64(100_000 + 5000*i)
	}
	in := []engine.Input{
		&engine.PutSite{Site: api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"}},
		&engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: now, Step: api.Hour, Values: values, Known: 48, Origin: "feed"}},
	}
	for i := range 10 {
		in = append(in, &engine.Register{Node: api.Node{Name: fmt.Sprint("n", i), Site: "bonn", Drivers: []string{api.DriverProcess}, Capacity: api.Resources{CPU: 2_000_000, Memory: 4096 * api.GiB}}})
	}
	if _, err := e.Step(now, in); err != nil {
		b.Fatal(err)
	}
	spec := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "many", Strategy: "time-slicing", Objective: api.ObjectiveCarbon, Deadline: 40 * api.Hour,
		Tasks: []api.Task{{Name: "t", Driver: api.DriverProcess, Command: []string{"x"}, Count: 10_000, Duration: 3 * api.Hour, Resources: api.Resources{CPU: 1000}}},
	}
	spec.Normalize()
	return e, now, spec
}
