package engine

import (
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// BenchmarkStep takes separately named one-task jobs from submission to the end,
// in batches of 100, on cells of several sizes; tasks/s counts the time of Step and
// Check alone, without that of making the jobs. The bound is the allocation of the
// state that each task leaves behind, and with many nodes the scoring of each.
func BenchmarkStep(b *testing.B) {
	for _, nodes := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) { newLoad(nodes).run(b, nil) })
	}
}

// BenchmarkStepBesideBlocked is the same on 100 nodes, while 100,000 tasks wait for
// which there is no room: they cost a Step nearly nothing.
func BenchmarkStepBesideBlocked(b *testing.B) {
	for _, c := range []struct {
		strategy string
		shapes   int
	}{{"fixed-priority", 1}, {"fixed-priority", 1000}, {"fair-share", 1000}, {"backfill", 1}, {"backfill", 1000}} {
		shapes := c.shapes
		b.Run(fmt.Sprintf("order=%s/shapes=%d", c.strategy, shapes), func(b *testing.B) {
			l := newLoad(100)
			l.step(b, &PutSettings{Strategy: c.strategy})
			for i := range shapes {
				w := load(fmt.Sprint("blocked-", i))
				w.Tasks[0].Count = int32(100_000 / shapes)
				w.Tasks[0].Resources.CPU = 65_000 + api.Milli(i)
				l.step(b, &Submit{Workload: w})
			}
			l.run(b, nil)
		})
	}
}

// BenchmarkStepBesideRelated is the same on 2,000 nodes, while tasks of 300 shapes
// wait, each for a whole node on which there are some of those jobs, or none within its
// site: whatever is placed or ends changes what their relations read, and admits none.
func BenchmarkStepBesideRelated(b *testing.B) {
	app := map[string]string{"app": "load"}
	for _, c := range []struct {
		name  string
		wants api.Requirements
	}{
		{"near", api.Requirements{Near: []api.Relation{{Labels: app, Within: api.WithinNode}}}},
		{"apart", api.Requirements{Apart: []api.Relation{{Labels: app, Within: api.WithinSite}}}},
		{"spread", api.Requirements{Spread: []api.Spread{{Labels: app, Over: api.WithinSite, Skew: 1}}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := newLoad(2000)
			l.labels = app
			for i := range 2000 {
				n := *l.e.State().Nodes[fmt.Sprintf("node-%d", i)]
				n.Site = fmt.Sprint("site-", i%5)
				l.step(b, &Register{Node: n.Node})
			}
			fill := load("everywhere")
			fill.Labels = app
			fill.Tasks[0].Count, fill.Tasks[0].Requires.Apart = 2000, []api.Relation{{Within: api.WithinNode}}
			l.step(b, &Submit{Workload: fill})
			for i := range 300 {
				w := load(fmt.Sprint("blocked-", i))
				w.Tasks[0].Requires = c.wants
				w.Tasks[0].Resources.CPU = 64_000 - api.Milli(i%10)
				w.Tasks[0].Resources.Memory -= api.Bytes(i)
				l.step(b, &Submit{Workload: w})
			}
			l.run(b, nil)
		})
	}
}

// BenchmarkFollow folds the same work into a follower.
func BenchmarkFollow(b *testing.B) {
	var records [][]state.Event
	l := newLoad(100)
	f := NewFollower(state.New())
	fold := func(events []state.Event) {
		if err := f.Follow(l.now, events); err != nil {
			b.Fatal(err)
		}
	}
	fold(l.first)
	b.StopTimer()
	l.run(b, func(events []state.Event) { records = append(records, events) })
	b.ResetTimer()
	b.StartTimer()
	for _, events := range records {
		fold(events)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// pipeline submits jobs and reports them as ended.
type pipeline struct {
	e     *Engine
	now   api.Time
	first []state.Event
	next  int
	spent time.Duration // in Step and Check

	labels map[string]string // of the jobs
}

func newLoad(nodes int) *pipeline {
	l := &pipeline{e: New(state.New()), now: 1e18}
	for i := range nodes {
		out, _ := l.e.Step(l.now, []Input{&Register{Node: api.Node{
			Name: fmt.Sprintf("node-%d", i), Layer: api.LayerCloud, Drivers: []string{"noop"},
			Capacity: api.Resources{CPU: 64000, Memory: 256 * api.GiB},
		}}})
		l.first = append(l.first, out.Events...)
	}
	return l
}

func load(name string) *api.Workload {
	w := &api.Workload{Kind: api.KindJob, Name: name, Tasks: []api.Task{{
		Name: "main", Driver: "noop", Resources: api.Resources{CPU: 100, Memory: 64 * api.MiB},
	}}}
	w.Normalize()
	return w
}

func (l *pipeline) step(b *testing.B, in ...Input) []state.Event {
	l.now += api.Time(api.Millisecond)
	began := time.Now()
	out, err := l.e.Step(l.now, in)
	if err != nil {
		b.Fatal(err)
	}
	if err := Check(l.e, out); err != nil {
		b.Fatal(err)
	}
	l.spent += time.Since(began)
	return out.Events
}

func (l *pipeline) run(b *testing.B, keep func([]state.Event)) {
	const batch = 100
	b.ReportAllocs()
	b.ResetTimer()
	done := 0
	l.spent = 0
	for n := 0; n < b.N; n += batch {
		in := make([]Input, batch)
		for i := range in {
			w := load(fmt.Sprint("job-", l.next))
			w.Labels = l.labels
			in[i] = &Submit{Workload: w}
			l.next++
		}
		events := l.step(b, in...)
		if keep != nil {
			keep(events)
		}
		events = l.step(b, ended(events)...)
		if keep != nil {
			keep(events)
		}
		for _, ev := range events {
			if _, ok := ev.(*state.WorkloadFinished); ok {
				done++
			}
		}
	}
	if done < b.N {
		b.Fatalf("%d of %d tasks finished", done, b.N)
	}
	b.ReportMetric(float64(done)/l.spent.Seconds(), "tasks/s")
}

// ended reports every placed attempt as ended.
func ended(events []state.Event) (reports []Input) {
	for _, ev := range events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			reports = append(reports, &Reports{Node: p.Node, Reports: []api.Report{{
				Attempt: api.Attempt{TaskRef: p.Ref, Try: p.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Wall: 1000},
			}}})
		}
	}
	return reports
}

// BenchmarkBatteries plans the batteries of 1,000 sites, all at the hour at which their
// price steps on: two days of hours each, in as many Steps as that takes.
func BenchmarkBatteries(b *testing.B) {
	const sites = 1000
	now := 472_224 * api.Time(api.Hour)
	in := []Input{&Lead{Epoch: 1, Server: "bench"}}
	price := api.Signal{Kind: api.SignalPrice, Zone: "DE", Currency: "EUR", Step: api.Hour, Start: now, Origin: "bench"}
	for i := range 8 * 24 {
		price.Values = append(price.Values, int64(100_000+50_000*(i%24-12)+i*37%11))
	}
	in = append(in, &PutSignal{Signal: price})
	for i := range sites {
		name := fmt.Sprint("s", i)
		in = append(in, &Register{Node: api.Node{
			Name: "n" + name, Site: name, Layer: api.LayerEdge, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB},
		}}, &PutSite{Site: api.Site{
			Name: name, Layer: api.LayerEdge, Zone: "DE", Battery: &api.Battery{Capacity: 3.6e9 * 20, Charge: 5000, Efficiency: 900, Dispatch: api.DispatchCost},
		}})
	}
	e := New(state.New())
	settle := func(in []Input) (events, steps int) {
		for more := true; more; steps++ {
			out, err := e.Step(now, in)
			if err != nil {
				b.Fatal(err)
			}
			in, more = nil, out.More
			events += len(out.Events)
		}
		return events, steps
	}
	settle(in)
	hours := 0
	for b.Loop() {
		now = now.Add(api.Hour)
		if hours++; hours == 5*24 { // before the price ends
			b.StopTimer()
			price.Start += api.Time(hours) * api.Time(api.Hour)
			settle([]Input{&PutSignal{Signal: price}})
			hours = 0
			b.StartTimer()
		}
		events, steps := settle(nil)
		if events != sites {
			b.Fatalf("%d batteries were asked for something", events)
		}
		b.ReportMetric(float64(steps), "steps/hour")
	}
}
