package respond_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/respond"
)

// cell is a made-up cell of nodes of 4 cores, 40 W idle and 120 W full: of a core 20 W.
// What runs on a node that is drained without grace stops after three seconds.
type cell struct {
	clock  time.Time
	nodes  []api.NodeView
	jobs   []api.WorkloadView
	on     map[string]string // node by task
	stops  map[string]time.Time
	drains []string
	fails  error

	holdable map[string]api.Duration // how long a job's task could stand still, by name
	still    map[string]bool
	restless api.Duration // after which a node that sleeps is awake again; 0: it is not

	elements       uint32   // of each job, 0 is one
	ended          []uint32 // of them
	stood, resumed []uint32
}

func newCell(nodes int) *cell {
	c := &cell{clock: time.Unix(1e9, 0), on: map[string]string{}, stops: map[string]time.Time{}}
	for i := range nodes {
		c.nodes = append(c.nodes, api.NodeView{Status: "ready", Node: api.Node{
			Name: fmt.Sprintf("n%d", i+1), Site: "s", Capacity: api.Resources{CPU: 4000}, Power: &api.PowerModel{Idle: 40_000, Full: 120_000},
		}})
	}
	return c
}

// run places a job of two cores, or what spoil makes of it.
func (c *cell) run(node, name string, spoil func(w *api.Workload)) {
	w := &api.Workload{Kind: api.KindJob, Name: name, Tasks: []api.Task{{Name: "main", Grace: 5 * api.Second, Resources: api.Resources{CPU: 2000}}}}
	if spoil != nil {
		spoil(w)
	}
	c.jobs = append(c.jobs, api.WorkloadView{ID: uint64(len(c.jobs) + 1), Name: name, Kind: w.Kind, Spec: w, Counts: api.Counts{Running: 1}})
	c.on[name] = node
}

func (c *cell) Nodes(context.Context) ([]api.NodeView, error) {
	out := append([]api.NodeView(nil), c.nodes...)
	for i := range out {
		if n := &out[i]; n.Status == "sleeping" && c.restless > 0 && api.Time(c.clock.UnixNano()) >= n.PowerSince.Add(c.restless) {
			n.Status = "draining"
		}
		for _, w := range c.jobs {
			if c.still[w.Name] && c.on[w.Name] == out[i].Name {
				out[i].Still.CPU += 2000
				out[i].Still.Accelerators = append(out[i].Still.Accelerators, w.Spec.Tasks[0].Resources.Accelerators...)
			}
			if stop, ends := c.stops[out[i].Name]; c.on[w.Name] == out[i].Name && (!ends || c.clock.Before(stop)) {
				out[i].Used.CPU += 2000
				out[i].Used.Accelerators = append(out[i].Used.Accelerators, w.Spec.Tasks[0].Resources.Accelerators...)
				out[i].Tasks++
			}
		}
	}
	return out, nil
}

func (c *cell) Sites(context.Context) ([]api.Site, error) {
	return []api.Site{{Name: "s", PUE: 1500}}, nil
}

func (c *cell) List(context.Context, client.ListOptions) iter.Seq2[api.WorkloadView, error] {
	return func(yield func(api.WorkloadView, error) bool) {
		for _, w := range c.jobs {
			w.Spec = nil
			if !yield(w, nil) {
				return
			}
		}
	}
}

func (c *cell) find(number string) *api.WorkloadView {
	for i := range c.jobs {
		if fmt.Sprintf("~%d", c.jobs[i].ID) == number {
			return &c.jobs[i]
		}
	}
	return nil
}

func (c *cell) Get(_ context.Context, number string) (api.WorkloadView, error) {
	return *c.find(number), nil
}

func (c *cell) Tasks(_ context.Context, number string, _ client.TaskOptions) iter.Seq2[api.TaskView, error] {
	return func(yield func(api.TaskView, error) bool) {
		w := c.find(number)
		at := api.TaskRef{Workload: w.ID}
		status, until := "running", api.Time(0)
		if d := c.holdable[w.Name]; d > 0 {
			until = api.Time(c.clock.UnixNano()).Add(d)
		}
		for at.Index = range max(c.elements, 1) {
			yield(api.TaskView{TaskRef: at, Status: status, Suspendable: until, Name: w.Name, TaskName: "main", Node: c.on[w.Name], Started: api.Time(c.clock.Add(-time.Hour).UnixNano())}, nil)
		}
	}
}

func (c *cell) Drain(_ context.Context, node string, d api.DrainRequest) error {
	c.drains = append(c.drains, fmt.Sprintf("%s %v %s", node, !d.Off, d.Grace))
	if c.fails != nil && !d.Off {
		return c.fails
	}
	for i := range c.nodes {
		switch {
		case c.nodes[i].Name != node:
		case d.Off:
			c.nodes[i].Status = "ready"
		default:
			c.nodes[i].Status = "draining"
			if d.Grace == 0 {
				c.stops[node] = c.clock.Add(3 * time.Second)
			}
		}
	}
	return nil
}

// indices are those of ranges, in their order.
func indices(list []api.Elements) (out []uint32) {
	for _, l := range list {
		for i := range l.Count {
			out = append(out, l.From+i)
		}
	}
	return out
}

// Power puts a node to sleep that holds nothing.
func (c *cell) Power(ctx context.Context, node string, r api.PowerRequest) error {
	list, _ := c.Nodes(ctx)
	for i := range list {
		if list[i].Name != node {
			continue
		}
		if r.Sleep && list[i].Tasks > 0 {
			return &client.Error{Status: http.StatusConflict}
		}
		if c.nodes[i].Status = "waking"; r.Sleep {
			c.nodes[i].Status, c.nodes[i].PowerSince = "sleeping", api.Time(c.clock.UnixNano())
		}
		c.drains = append(c.drains, fmt.Sprintf("%s %s", node, c.nodes[i].Status))
	}
	return nil
}

// Suspend fails for a job that is named so.
func (c *cell) Suspend(_ context.Context, number string, r api.SuspendRequest) (api.Applied, error) {
	w := c.find(number)
	if w.Name == "ended" || !r.Operator || c.elements == 0 && (len(r.Elements) != 1 || r.Elements[0] != (api.Elements{Task: "main", Count: 1})) {
		return api.Applied{}, fmt.Errorf("%s has ended", w.Name)
	}
	list := indices(r.Elements)
	for _, i := range c.ended {
		if slices.Contains(list, i) {
			return api.Applied{}, &client.Error{Status: http.StatusConflict}
		}
	}
	c.stood = append(c.stood, list...)
	c.drains = append(c.drains, fmt.Sprintf("%s still %s", w.Name, r.For))
	if c.still == nil {
		c.still = map[string]bool{}
	}
	c.still[w.Name] = true
	return api.Applied{}, nil
}

func (c *cell) Resume(_ context.Context, number string, r api.ResumeRequest) (api.Applied, error) {
	w := c.find(number)
	c.drains = append(c.drains, w.Name+" goes on")
	c.resumed = append(c.resumed, indices(r.Elements)...)
	delete(c.still, w.Name)
	return api.Applied{}, nil
}

func (c *cell) shell() respond.Shell {
	return respond.Shell{
		Now:   func() time.Time { return c.clock },
		Sleep: func(ctx context.Context, d time.Duration) error { c.clock = c.clock.Add(d); return ctx.Err() },
	}
}

var event = respond.Event{Percent: 10, Within: api.Minute, For: 10 * api.Minute}

// TestRespond: of a cell that draws 4·40 + 6 busy cores·20 W, times 1.5, a tenth is
// saved where it costs least, and afterwards all nodes take work again.
func TestRespond(t *testing.T) {
	c := newCell(4)
	c.run("n1", "web", func(w *api.Workload) { w.Kind = api.KindService })
	c.run("n2", "important", func(w *api.Workload) { w.Priority = 1000 })
	c.run("n3", "usual", nil)
	r, err := respond.Respond(t.Context(), c, event, c.shell())
	if err != nil {
		t.Fatal(err)
	}
	if base := 1.5 * (4*40 + 6*20); math.Abs(r.BaselineWatts-base) > 1e-6 || math.Abs(r.ReduceWatts-base/10) > 1e-6 {
		t.Errorf("it draws %g W, want %g", r.BaselineWatts, base)
	}
	if len(r.Stopped) != 1 || r.Stopped[0].Node != "n3" || !r.Exact || r.ShortWatts != 0 || r.Protected != 1 || r.Stopped[0].Watts != 60 || r.Stopped[0].Penalty != 2*2*(3600+600) {
		t.Errorf("%+v", r)
	}
	if r.ReachedSeconds == nil || *r.ReachedSeconds != 3 || math.Abs(*r.ReachedWatts-60) > 1e-6 || r.Seconds != 600 {
		t.Errorf("reached %v W after %v s of %g", r.ReachedWatts, r.ReachedSeconds, r.Seconds)
	}
	want := "n1 true 1d, n2 true 1d, n3 true 1d, n4 true 1d, n3 true 0s, n1 false 0s, n2 false 0s, n3 false 0s, n4 false 0s"
	if got := strings.Join(c.drains, ", "); got != want {
		t.Errorf("it did %s\nwant %s", got, want)
	}
}

// TestProtected tasks are left alone, also when what is asked for cannot be had then.
func TestProtected(t *testing.T) {
	for name, spoil := range map[string]func(w *api.Workload){
		"service":      func(w *api.Workload) { w.Kind = api.KindService },
		"system":       func(w *api.Workload) { w.Kind = api.KindSystem },
		"never":        func(w *api.Workload) { w.Preemption = api.PreemptNever },
		"deadline":     func(w *api.Workload) { w.Deadline = api.Hour },
		"gang":         func(w *api.Workload) { w.Gang = true },
		"at most once": func(w *api.Workload) { w.Tasks[0].AtMostOnce = true },
		"grace":        func(w *api.Workload) { w.Tasks[0].Grace = 2 * api.Minute },
		"old revision": func(w *api.Workload) { w.Tasks[0].Name = "other" },
	} {
		c := newCell(1)
		c.run("n1", "one", spoil)
		c.run("n1", "usual", nil)
		r, err := respond.Respond(t.Context(), c, event, c.shell())
		if err != nil || len(r.Stopped) != 0 || math.Abs(r.ShortWatts-r.ReduceWatts) > 1e-6 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		for _, d := range c.drains {
			if d == "n1 true 0s" {
				t.Errorf("%s: it is emptied", name)
			}
		}
	}
}

func TestDryRunDoesNothing(t *testing.T) {
	c := newCell(2)
	c.run("n1", "usual", nil)
	e := event
	e.DryRun = true
	if r, err := respond.Respond(t.Context(), c, e, c.shell()); err != nil || len(r.Stopped) != 1 || len(c.drains) != 0 {
		t.Errorf("%+v, %v, %v", r, err, c.drains)
	}
}

// TestSleepersAreHeld: a node that sleeps would be woken for what is stopped; one that an
// operator has drained before is left as it is.
func TestSleepersAreHeld(t *testing.T) {
	c := newCell(3)
	c.run("n1", "usual", nil)
	c.nodes[1].Status = "sleeping"
	c.nodes[2].Status, c.nodes[2].Drained = "sleeping", true
	if _, err := respond.Respond(t.Context(), c, event, c.shell()); err != nil {
		t.Fatal(err)
	}
	want := "n1 true 1d, n2 true 1d, n1 true 0s, n1 false 0s, n2 false 0s"
	if got := strings.Join(c.drains, ", "); got != want {
		t.Errorf("it did %s\nwant %s", got, want)
	}
}

// TestLifted: whatever goes wrong, nodes take work again; those that did not before are
// left as they are.
func TestLifted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx   context.Context
		fails error
	}{"interrupted": {ctx, nil}, "refused": {t.Context(), errors.New("no")}} {
		c := newCell(2)
		c.nodes[1].Status = "drained"
		c.run("n1", "usual", nil)
		c.fails = tc.fails
		if _, err := respond.Respond(tc.ctx, c, event, c.shell()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if c.nodes[0].Status != "ready" || c.nodes[1].Status != "drained" || c.drains[len(c.drains)-1] != "n1 false 0s" {
			t.Errorf("%s: %v", name, c.drains)
		}
	}
}

func TestEventsThatCannotBe(t *testing.T) {
	for _, e := range []respond.Event{
		{Percent: 0, Within: api.Minute, For: api.Hour},
		{Percent: 101, Within: api.Minute, For: api.Hour},
		{Percent: math.NaN(), Within: api.Minute, For: api.Hour},
		{Percent: 5, Within: 0, For: api.Hour},
		{Percent: 5, Within: api.Minute, For: 24 * api.Hour},
	} {
		if _, err := respond.Respond(t.Context(), newCell(1), e, newCell(1).shell()); err == nil {
			t.Errorf("%+v passes", e)
		}
	}
}

// TestHeldStill: a task that can be held still loses nothing by it, so that it is the
// cheaper way to the same power, also on a node that may not be emptied.
func TestHeldStill(t *testing.T) {
	c := newCell(2)
	c.run("n1", "web", func(w *api.Workload) { w.Kind = api.KindService })
	c.run("n1", "train", func(w *api.Workload) { w.Deadline = 10 * api.Hour })
	c.run("n2", "usual", nil)
	c.holdable = map[string]api.Duration{"web": api.Hour, "train": api.Hour, "late": 9 * api.Minute}
	r, err := respond.Respond(t.Context(), c, event, c.shell())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Stopped) != 0 || len(r.Suspended) != 1 || r.Suspended[0].Task != "train" || r.Suspended[0].Watts != 60 || r.Penalty != 2*2*600 || !r.Exact {
		t.Errorf("%+v", r)
	}
	if r.ReachedSeconds == nil || math.Abs(*r.ReachedWatts-60) > 1e-6 {
		t.Errorf("reached %v W after %v s", r.ReachedWatts, r.ReachedSeconds)
	}
	want := "n1 true 1d, n2 true 1d, train still 10m, train goes on, n1 false 0s, n2 false 0s"
	if got := strings.Join(c.drains, ", "); got != want {
		t.Errorf("it did %s\nwant %s", got, want)
	}
}

// TestNotHeldStill is what is protected, or has too little time for that; and one that
// ended meanwhile is told.
func TestNotHeldStill(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil   func(w *api.Workload)
		stands  api.Duration
		planned int
		missed  int
	}{
		"usual":    {nil, 10 * api.Minute, 1, 0},
		"ended":    {nil, 10 * api.Minute, 1, 1},
		"deadline": {func(w *api.Workload) { w.Deadline = api.Hour }, 9 * api.Minute, 0, 0},
		"never":    {func(w *api.Workload) { w.Preemption = api.PreemptNever }, api.Hour, 0, 0},
	} {
		c := newCell(1)
		c.run("n1", name, tc.spoil)
		c.run("n1", "web", func(w *api.Workload) { w.Kind = api.KindService })
		c.holdable = map[string]api.Duration{name: tc.stands}
		r, err := respond.Respond(t.Context(), c, event, c.shell())
		if err != nil || len(r.Suspended) != tc.planned || r.Missed != tc.missed || len(r.Stopped) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestNeverWorseThanStopping: with tasks that can be held still an event costs no more
// than without, and saves no less; nothing that is protected is touched.
func TestNeverWorseThanStopping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCell(rapid.IntRange(1, 4).Draw(t, "nodes"))
		c.holdable = map[string]api.Duration{}
		protected := map[string]bool{}
		for i := range c.nodes {
			for k := range rapid.IntRange(0, 2).Draw(t, "tasks") {
				name := fmt.Sprintf("j%d-%d", i, k)
				safe := rapid.IntRange(0, 3).Draw(t, "protected") == 0
				c.run(c.nodes[i].Name, name, func(w *api.Workload) {
					w.Priority = int32(rapid.IntRange(-500, 500).Draw(t, "priority"))
					if safe {
						w.Preemption = api.PreemptNever
						protected[c.nodes[i].Name], protected[name] = true, true
					}
				})
				c.holdable[name] = api.Duration(rapid.IntRange(0, 2).Draw(t, "stands")) * 10 * api.Minute
			}
		}
		e := event
		e.Percent, e.DryRun = rapid.Float64Range(1, 60).Draw(t, "percent"), true
		r, err := respond.Respond(context.Background(), c, e, c.shell())
		if err != nil {
			t.Fatal(err)
		}
		stands := c.holdable
		c.holdable = nil
		stops, err := respond.Respond(context.Background(), c, e, c.shell())
		if err != nil {
			t.Fatal(err)
		}
		if r.ShortWatts > stops.ShortWatts+1e-6 || r.ShortWatts > stops.ShortWatts-1e-6 && r.Penalty > stops.Penalty+1e-6 {
			t.Fatalf("held still %+v\nstopped alone %+v", r, stops)
		}
		emptied := map[string]bool{}
		for _, s := range r.Stopped {
			if emptied[s.Node] = true; protected[s.Node] {
				t.Fatalf("%s is emptied", s.Node)
			}
		}
		for _, s := range r.Suspended {
			if protected[s.Task] || stands[s.Task] < e.For || emptied[s.Node] {
				t.Fatalf("%s is held still", s.Task)
			}
		}
	})
}
