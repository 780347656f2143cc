package bench

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestSched: every case runs, and searching in order beats scoring every node by
// far, in one run and on whatever machine.
func TestSched(t *testing.T) {
	for _, c := range SchedCases() {
		r, err := Sched(context.Background(), SchedOptions{Nodes: 200, Tasks: 300, Shapes: 30, Case: c})
		if err != nil || r.Tasks != 300 || r.Shapes != 30 || r.PlacementsPerSecond <= 0 || r.P50Us > r.P99Us || r.BytesPerNode <= 0 {
			t.Errorf("%s: %+v, %v", c, r, err)
		}
	}
	r, err := Sched(context.Background(), SchedOptions{Nodes: 100, Tasks: 200, Shapes: 10, Case: "basic", Pending: 5000})
	if err != nil || r.Pending != 5000 || r.Tasks != 200 || r.PlacementsPerSecond <= 0 {
		t.Errorf("beside 5,000 that wait: %+v, %v", r, err)
	}
	o := SchedOptions{Nodes: 2000, Tasks: 500, Shapes: 20, Case: "basic"}
	fast, err := Sched(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	x := newSchedLoad(o)
	if err := x.fill(context.Background()); err != nil {
		t.Fatal(err)
	}
	x.naive = true
	var times []time.Duration
	for range 20 {
		x.leave()
		x.place(&times)
	}
	slices.Sort(times)
	if ratio := float64(times[len(times)/2].Nanoseconds()) / 1000 / fast.P50Us; ratio < 3 {
		t.Errorf("searching in order is %.1f times as fast as scoring 2,000 nodes", ratio)
	}
}

func TestSchedRefuses(t *testing.T) {
	for _, o := range []SchedOptions{{Nodes: 0, Tasks: 1, Case: "basic"}, {Nodes: 1, Tasks: 1, Case: "magic"}, {Nodes: 1, Tasks: 1, Shapes: -1, Case: "basic"}, {Nodes: 1, Tasks: 1, Case: "basic", Pending: -1}} {
		if _, err := Sched(context.Background(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
