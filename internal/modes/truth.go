package modes

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// retained is how many finished workloads the truth's engine keeps: they would be copied for each
// world, and nobody asks for them.
const retained = 1

// truth is the run that all predictions are held against, and what was seen of it.
type truth struct {
	rows   []trace.Row
	fleet  rehearse.Fleet
	world  *twin.World
	runs   []calibrate.Run // in the order of their ends
	learnt *calibrate.Durations
	took   map[int]float64     // seconds from submission to end, by row, of those that are graded alone
	last   map[string]lastRuns // by user
}

// lastRuns is how long the last two completed jobs took, in s; -1 is none.
type lastRuns [2]float64

func newTruth(o *Options) (t *truth, err error) {
	t = &truth{rows: o.Rows, fleet: o.Fleet, took: map[int]float64{}, last: map[string]lastRuns{}}
	if t.world, err = twin.New(config(o, t.ended)); err != nil {
		return nil, err
	}
	n := 0
	return t, t.world.Begin(func() (twin.Arrival, bool) {
		if n++; n > len(t.rows) {
			return twin.Arrival{}, false
		}
		a := rehearse.Arrival(&t.rows[n-1], n)
		a.At = origin.Add(t.rows[n-1].Submit)
		return a, true
	})
}

func config(o *Options, observe func(twin.Ended)) twin.Config {
	return twin.Config{
		Nodes: o.Fleet.Runnable(), Sites: o.Fleet.Sites, Home: o.Fleet.Home, Strategy: o.Strategy, Start: origin, Retain: retained, Seed: 1,
		Observe: observe,
	}
}

// ended learns from a job that has ended: from one of its elements, which are alike.
func (t *truth) ended(e twin.Ended) {
	if e.Task != 0 || e.Index != 0 || e.Status != api.TaskSucceeded {
		return
	}
	row := &t.rows[e.Arrival]
	took := e.At.Sub(e.Submitted).Std().Seconds()
	t.took[e.Arrival] = took
	before, ok := t.last[row.User]
	if !ok {
		before = lastRuns{-1, -1}
	}
	t.last[row.User] = lastRuns{took, before[0]}
	run := calibrate.Run{
		Keys: keysOf(row), Took: row.Run.Std().Seconds(), // as long as it ran, on the reference node
		Submitted: e.Submitted.Sub(origin).Std().Seconds(), Ended: e.At.Sub(origin).Std().Seconds(),
	}
	t.runs = append(t.runs, run)
	if t.learnt != nil {
		t.learnt.Observe(run.Keys, run.Took)
	}
}

// tuned begins to learn for predictions, with what was seen already.
func (t *truth) tuned(by calibrate.Tuning) {
	t.learnt = calibrate.NewDurations(by)
	for i := range t.runs {
		t.learnt.Observe(t.runs[i].Keys, t.runs[i].Took)
	}
}

// keysOf names whose runs a job's run is like, the most alike first.
func keysOf(r *trace.Row) (keys []string) {
	shape := strconv.Itoa(int(r.Count)) + "x" + strconv.FormatInt(int64(r.Each.CPU), 10)
	for _, a := range r.Each.Accelerators {
		shape += "," + a.Kind + strconv.FormatInt(int64(a.Count), 10)
	}
	if r.User != "" {
		if r.Program != "" {
			keys = append(keys, "u/"+r.User+"/"+r.Program+"/"+shape, "u/"+r.User+"/"+r.Program)
		}
		keys = append(keys, "u/"+r.User+"//"+shape, "u/"+r.User)
	} else if r.Program != "" {
		keys = append(keys, "p/"+r.Program+"/"+shape, "p/"+r.Program)
	}
	return append(keys, "s/"+shape, "")
}

// rowOf is the row that a workload was made of; false of what a prediction made up.
func (t *truth) rowOf(w *api.Workload) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(w.Name, "job-"))
	return n - 1, err == nil && n >= 1 && n <= len(t.rows)
}

// view is the cell at the moment to which the truth has come.
func (t *truth) view(now api.Time) *view {
	st := *t.world.State()
	// Names of a trace's jobs never come back: what the engine remembers of runs by
	// name is of no use, and would be copied for each world.
	st.Histories, st.HistoryOrder = nil, nil
	return &view{truth: t, state: &st, now: now}
}

// full is what the fleet draws beyond idle when all of it is used, in W.
func (t *truth) full() (watts float64) {
	for i := range t.fleet.Nodes {
		n := &t.fleet.Nodes[i]
		watts += twin.Draws(n, pue(t.fleet.Sites, n.Site), n.Capacity.CPU)
	}
	return watts
}

func pue(sites []api.Site, name string) api.Milli {
	for i := range sites {
		if sites[i].Name == name {
			return sites[i].PUE
		}
	}
	return 0
}

// idleWatts is what the fleet draws when nothing runs.
func idleWatts(o *Options) (float64, error) {
	w, err := twin.New(config(o, nil))
	if err != nil {
		return 0, fmt.Errorf("the fleet: %w", err)
	}
	if err := w.Begin(func() (a twin.Arrival, ok bool) { return a, false }); err != nil {
		return 0, err
	}
	r, err := w.Advance(origin.Add(api.Second), nil)
	return r.Joules, err
}
