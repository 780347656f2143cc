package respond_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/respond"
)

// sleeps lets a node of the cell fall asleep in a time and draw 10 W then.
func (c *cell) sleeps(node int, down api.Duration) {
	c.nodes[node].Node.Sleep = &api.Sleep{Draw: 10_000, Down: down, Up: api.Minute}
}

// TestNodesSleep: idle nodes that can sleep cost nobody anything; a node that is emptied
// sleeps when it is empty, if that is in time; all are woken afterwards.
func TestNodesSleep(t *testing.T) {
	for name, tc := range map[string]struct {
		percent float64
		down    api.Duration
		stopped []respond.Stop
		reached float64
		did     string
	}{
		"the idle one is enough": {
			20, 10 * api.Second,
			[]respond.Stop{{Node: "n2", Watts: 45, Seconds: 12, Sleeps: true}},
			10,
			"n2 true 0s, n2 sleeping, n2 waking",
		},
		"and one that is emptied": {60, 10 * api.Second, []respond.Stop{
			{Node: "n1", Tasks: 1, Watts: 105, Seconds: 19, Penalty: 2 * 2 * (3600 + 600), Sleeps: true},
			{Node: "n2", Watts: 45, Seconds: 12, Sleeps: true},
		}, 13, "n1 true 0s, n2 true 0s, n2 sleeping, n1 sleeping, n2 waking, n1 waking"},
		"not in time": {20, api.Minute, []respond.Stop{{Node: "n1", Tasks: 1, Watts: 60, Seconds: 7, Penalty: 2 * 2 * (3600 + 600)}}, 3, "n1 true 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell(2)
			c.run("n1", "usual", nil)
			c.sleeps(0, tc.down)
			c.sleeps(1, tc.down)
			e := event
			e.Percent = tc.percent
			r, err := respond.Respond(t.Context(), c, e, c.shell())
			if err != nil || !reflect.DeepEqual(r.Stopped, tc.stopped) || r.ShortWatts != 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.ReachedSeconds == nil || *r.ReachedSeconds != tc.reached {
				t.Errorf("reached %v W after %v s", r.ReachedWatts, r.ReachedSeconds)
			}
			want := "n1 true 1d, n2 true 1d, " + tc.did + ", n1 false 0s, n2 false 0s"
			if got := strings.Join(c.drains, ", "); got != want {
				t.Errorf("it did %s\nwant %s", got, want)
			}
		})
	}
}

// TestNodesThatDoNotStayAsleep: what was reached by a node that falls asleep and is awake
// again before the time is over was not reached.
func TestNodesThatDoNotStayAsleep(t *testing.T) {
	for restless, reached := range map[api.Duration]float64{0: 45, 10 * api.Minute: 45, 20 * api.Second: 0} {
		c := newCell(2)
		c.run("n1", "usual", nil)
		c.sleeps(1, 10*api.Second)
		c.restless = restless
		e := event
		e.Percent = 20
		r, err := respond.Respond(t.Context(), c, e, c.shell())
		if err != nil || r.ReachedWatts == nil || *r.ReachedWatts != reached || (r.ReachedSeconds != nil) != (reached > 0) {
			t.Errorf("awake again after %s: %+v, %v", restless, r, err)
		}
	}
}

// TestNodesThatTakeNoWorkNow: nodes that take no work when an event begins, and may before it
// is over, are kept from it, too; one that is overloaded is emptied and does not sleep.
func TestNodesThatTakeNoWorkNow(t *testing.T) {
	c := newCell(2)
	c.run("n1", "usual", nil)
	c.run("n2", "other", nil)
	c.sleeps(0, 10*api.Second)
	c.sleeps(1, 10*api.Second)
	c.nodes[0].Status, c.nodes[1].Status = "overloaded", "emptying"
	e := event
	e.Percent = 60
	r, err := respond.Respond(t.Context(), c, e, c.shell())
	want := []respond.Stop{{Node: "n1", Tasks: 1, Watts: 60, Seconds: 7, Penalty: 2 * 2 * (3600 + 600)}}
	if err != nil || !reflect.DeepEqual(r.Stopped, want) || r.Protected != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := strings.Join(c.drains, ", "); got != "n1 true 1d, n2 true 1d, n1 true 0s, n1 false 0s, n2 false 0s" {
		t.Errorf("it did %s", got)
	}
}

// TestAcceleratorsStandStill: what a task that is held still saves is what its cores and
// its devices draw beyond idle, and no other task's.
func TestAcceleratorsStandStill(t *testing.T) {
	c := newCell(1)
	c.nodes[0].Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"A100"}, Count: 2000}}
	c.nodes[0].Power.Devices = []api.DevicePower{{Kind: "gpu", Idle: 50_000, Full: 400_000}}
	c.run("n1", "train", func(w *api.Workload) {
		w.Tasks[0].Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 1000}}
	})
	c.run("n1", "web", func(w *api.Workload) { w.Kind = api.KindService })
	c.holdable = map[string]api.Duration{"train": api.Hour}
	e := event
	e.Percent = 60
	r, err := respond.Respond(t.Context(), c, e, c.shell())
	if err != nil || len(r.Suspended) != 1 || math.Abs(r.Suspended[0].Watts-1.5*(40+350)) > 1e-6 {
		t.Fatalf("%+v, %v", r, err)
	}
	if base := 1.5 * (40 + 2*50 + 80 + 350); math.Abs(r.BaselineWatts-base) > 1e-6 {
		t.Errorf("it draws %g W, want %g", r.BaselineWatts, base)
	}
	if r.ReachedWatts == nil || math.Abs(*r.ReachedWatts-1.5*390) > 1e-6 {
		t.Errorf("reached %v", r.ReachedWatts)
	}
}

// TestPartOfABatch: of the elements of a job that are asked for together only those go on
// that have ended.
func TestPartOfABatch(t *testing.T) {
	c := newCell(1)
	c.run("n1", "web", func(w *api.Workload) { w.Kind = api.KindService })
	c.run("n1", "array", func(w *api.Workload) { w.Tasks[0].Resources.CPU = 200 })
	c.holdable = map[string]api.Duration{"array": api.Hour}
	c.elements, c.ended = 9, []uint32{3, 8}
	e := event
	e.Percent = 29.9
	r, err := respond.Respond(t.Context(), c, e, c.shell())
	if err != nil || len(r.Suspended) != 9 || r.Missed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if want := []uint32{0, 1, 2, 4, 5, 6, 7}; !slices.Equal(c.stood, want) || !slices.Equal(c.resumed, want) {
		t.Errorf("%d stood still and %d went on, want %d", c.stood, c.resumed, want)
	}
}
