package rehearse

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Past is what a cell's records tell: the work that came, how long it really ran,
// and the nodes that there were.
type Past struct {
	Fleet Fleet
	Work  Work
	// LeftOut counts workloads that cannot be replayed: services and systems,
	// which do not end by themselves, and jobs of which a task never ended.
	LeftOut int
	Records int
	// Began is when the first job of Work came.
	Began api.Time
	// Came are the last 255 jobs that came, but for runs of schedules.
	Came []Came
	// Took is what was measured of each job of Work.
	Took []Took
	// Settings, Strategies and Tenants are those of the last record.
	Settings   state.Settings
	Strategies map[string]api.Strategy
	Tenants    map[string]api.Tenant
	// Ended is what became of each element, in the order of the work.
	Ended []twin.Ended
	// Overhead is, by driver, the median time that elements took from their
	// placement to their recorded end beyond what they ran.
	Overhead map[string]api.Duration
	// Delays are what Overhead is made of.
	Delays *Delays
	// News is what the cell heard of signals: what it knew at first, then each news.
	News []twin.News

	measured []measured
	startup  map[string]twin.Startup
}

// ReadPast collects the jobs of a cell's records, from the first record on. Nodes
// and sites are those of the last one.
func ReadPast(ctx context.Context, entries iter.Seq2[journal.Entry, error]) (*Past, error) {
	return ReadRecent(ctx, state.New(), journal.Link{}, entries)
}

// ReadRecent collects the jobs that came after a record of the cell, at which it
// stood as base says. The entries are those after it.
func ReadRecent(ctx context.Context, base *state.State, at journal.Link, entries iter.Seq2[journal.Entry, error]) (*Past, error) {
	p := newPastReader(base)
	if err := eachRecord(ctx, at, entries, p.record); err != nil {
		return nil, fmt.Errorf("read the cell's past: %w", err)
	}
	return p.past(), nil
}

// eachRecord hands over the records behind a link that are proven to follow it, in
// order, up to a torn end.
func eachRecord(ctx context.Context, at journal.Link, entries iter.Seq2[journal.Entry, error], take func(*journal.Record) error) error {
	var torn *journal.TornError
	for v, err := range journal.Verify(entries, journal.NewVerifier(at)) {
		if errors.As(err, &torn) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = take(&v.Record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type pastReader struct {
	jobs    map[uint64]*pastJob
	order   []uint64 // of their submission
	nodes   map[string]api.Node
	sites   map[string]api.Site
	leftOut int
	records int
	has     recentSettings
	// overheads of drivers, see Past
	overheads map[string][]api.Duration
	measured  []measured
	seen      map[string]bool // node, driver and program that ran there
	news      []twin.News
	paths     paths
	came      []Came
}

// pastJob is a job and how long its elements ran.
type pastJob struct {
	at   api.Time
	spec *api.Workload
	runs []map[uint32]api.Duration // by task, by element
	bad  []map[uint32]bool
	out  []api.Bytes             // by task, the most that an element left behind
	ran  []map[uint32]twin.Ended // Started is the placement's time here
	took Took
}

func (p *pastReader) record(r *journal.Record) error {
	events, err := r.DecodeEvents()
	if err != nil {
		return fmt.Errorf("record %d: %w", r.N, err)
	}
	p.records++
	for _, ev := range events {
		p.has.event(ev)
		p.paths.event(ev, api.Time(r.Now))
		switch ev := ev.(type) {
		case *state.NodeRegistered:
			p.nodes[ev.Node.Name] = ev.Node
		case *state.NodeRemoved:
			delete(p.nodes, ev.Node)
		case *state.SignalPut:
			p.heard(&ev.Signal, api.Time(r.Now))
		case *state.SitePut:
			p.sites[ev.Site.Name] = ev.Site
		case *state.WorkloadSubmitted:
			p.submitted(ev, api.Time(r.Now))
		case *state.TaskPlaced:
			p.placed(ev, api.Time(r.Now))
		case *state.TaskStarted:
			p.began(ev, api.Time(r.Now))
		case *state.WorkloadFinished:
			p.finished(ev, api.Time(r.Now))
		case *state.TaskEnded:
			p.ended(ev, api.Time(r.Now))
		}
	}
	return nil
}

func (p *pastReader) submitted(ev *state.WorkloadSubmitted, at api.Time) {
	switch {
	case ev.Spec.Kind != api.KindJob:
		p.leftOut++
		return
	case ev.NextRun != 0:
		return // its runs are workloads of their own
	}
	if ev.Parent == 0 {
		p.came = append(p.came[max(0, len(p.came)+1-mostCame):], Came{At: at, Job: ev.ID})
	}
	j := &pastJob{at: at, spec: ev.Spec, runs: make([]map[uint32]api.Duration, len(ev.Spec.Tasks)), bad: make([]map[uint32]bool, len(ev.Spec.Tasks)), ran: make([]map[uint32]twin.Ended, len(ev.Spec.Tasks)), out: make([]api.Bytes, len(ev.Spec.Tasks))}
	for i := range j.runs {
		j.runs[i], j.bad[i], j.ran[i] = map[uint32]api.Duration{}, map[uint32]bool{}, map[uint32]twin.Ended{}
	}
	p.jobs[ev.ID] = j
	p.order = append(p.order, ev.ID)
}

// placed notes where an element went last.
func (p *pastReader) placed(ev *state.TaskPlaced, now api.Time) {
	j := p.jobs[ev.Ref.Workload]
	if j != nil && int(ev.Ref.Task) < len(j.ran) {
		p.paths.placed(ev, j.spec.Tasks[ev.Ref.Task].Driver, now)
		j.ran[ev.Ref.Task][ev.Ref.Index] = twin.Ended{Task: ev.Ref.Task, Index: ev.Ref.Index, Node: ev.Node, Submitted: j.at, Started: now}
	}
}

// ended learns a run time: that of the attempt which decided the element's fate,
// as it would be on a node of speed 1000.
func (p *pastReader) ended(ev *state.TaskEnded, now api.Time) {
	j := p.jobs[ev.Attempt.Workload]
	if j == nil || ev.Result == nil || int(ev.Attempt.Task) >= len(j.runs) || !ev.Next.Final() {
		return
	}
	task, index := ev.Attempt.Task, ev.Attempt.Index
	ran := j.ran[task][index]
	ran.At, ran.Status = now, ev.Next
	j.ran[task][index] = ran
	driver := j.spec.Tasks[task].Driver
	if len(p.overheads[driver]) < maxOverheads {
		p.overheads[driver] = append(p.overheads[driver], max(now.Sub(ran.Started)-ev.Result.Wall, 0))
	}
	p.measure(ev, j, &ran, now)
	wall := ev.Result.Wall
	if n, ok := p.nodes[ran.Node]; ok && n.Speed > 0 && !waits(driver) {
		wall = api.Duration(float64(wall) * float64(n.Speed) / 1000)
	}
	j.runs[task][index] = wall
	j.bad[task][index] = ev.Next == api.TaskFailed
	j.out[task] = max(j.out[task], ev.Result.BytesOut)
}

// waits says that a driver's tasks do not compute.
func waits(driver string) bool { return driver == api.DriverNoop }

// maxOverheads bounds what a median is taken of.
const maxOverheads = 100_000

func (p *pastReader) past() *Past {
	out := &Past{
		Fleet: Fleet{Home: p.has.settings.Home}, LeftOut: p.leftOut, Records: p.records, Overhead: map[string]api.Duration{},
		Settings: p.has.settings, Strategies: p.has.strategies, Tenants: p.has.tenants,
	}
	for driver, list := range p.overheads {
		slices.Sort(list)
		out.Overhead[driver] = list[len(list)/2]
	}
	out.News = p.news
	out.Delays, out.Came = p.paths.delays(), p.came
	out.measured, out.startup = p.measured, p.startups(out.Overhead)
	for _, name := range slices.Sorted(keys(p.nodes)) {
		out.Fleet.Nodes = append(out.Fleet.Nodes, p.nodes[name])
	}
	for _, name := range slices.Sorted(keys(p.sites)) {
		out.Fleet.Sites = append(out.Fleet.Sites, p.sites[name])
	}
	for i, id := range p.order {
		a, ok := p.jobs[id].arrival(i)
		if !ok {
			out.LeftOut++
			continue
		}
		for t := range p.jobs[id].ran {
			for index := range uint32(len(a.Truth[t].Each)) {
				e := p.jobs[id].ran[t][index]
				e.Arrival = len(out.Work)
				out.Ended = append(out.Ended, e)
			}
		}
		out.Work = append(out.Work, a)
		out.Took = append(out.Took, p.jobs[id].took)
	}
	if len(out.Work) > 0 {
		out.Began = out.Work[0].At
	}
	out.Work.fromZero()
	return out
}

func keys[K comparable, V any](m map[K]V) iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// arrival is false when an element never ended.
func (j *pastJob) arrival(n int) (twin.Arrival, bool) {
	w := *j.spec
	w.Name = fmt.Sprintf("job-%d", n)
	w.Schedule = nil
	a := twin.Arrival{At: j.at, Workload: &w}
	for t := range w.Tasks {
		count := uint32(max(w.Tasks[t].Count, 1))
		truth := twin.Truth{Each: make([]api.Duration, count), Waits: waits(w.Tasks[t].Driver), Out: j.out[t]}
		if p := w.Tasks[t].Artifact; p != nil {
			truth.Program = p.Size
		}
		for i := range w.Tasks[t].Inputs {
			truth.In += w.Tasks[t].Inputs[i].Size
		}
		for i := range count {
			d, ok := j.runs[t][i]
			if !ok {
				return a, false
			}
			truth.Each[i] = d
			truth.Fails = truth.Fails || j.bad[t][i]
		}
		a.Truth = append(a.Truth, truth)
	}
	return a, true
}
