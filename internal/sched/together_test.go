package sched

import (
	"strings"
	"testing"

	"drover.dev/api"
)

// TestTogether asks for three things that no node has: the suggestion names all
// three for the node that is nearest, and doing them admits the task.
func TestTogether(t *testing.T) {
	x := New()
	x.PutNode(api.Node{Name: "far", Layer: api.LayerCloud, Drivers: []string{"wasm"}, Capacity: api.Resources{CPU: 500}})
	x.PutNode(api.Node{Name: "near", Layer: api.LayerEdge, Drivers: []string{"process"}, Capacity: api.Resources{CPU: 2000, Memory: api.GiB}})
	task := &api.Task{
		Driver: "process", Resources: api.Resources{CPU: 4000, Memory: 2 * api.GiB},
		Requires: api.Requirements{Labels: map[string]string{"gpu": "yes"}},
	}
	ask := &Ask{Shape: "s", Task: task, Profile: &api.Profile{}}
	got := x.Suggest(ask)
	want := "all of these together, for node near: drop the label gpu=yes; request 2 less cpu (2); request 1Gi less memory (1Gi)"
	if len(got) != 1 || got[0].Change != want {
		t.Fatalf("got %+v\nwant %s", got, want)
	}
	mended := *task
	mended.Requires.Labels, mended.Resources = nil, api.Resources{CPU: 2000, Memory: api.GiB}
	d, _ := x.Decide(api.TaskRef{}, &Ask{Shape: "t", Task: &mended, Profile: &api.Profile{}}, 0)
	if d.Chosen == nil || d.Chosen.Node != "near" {
		t.Errorf("with all of them the task is still refused: %+v", d)
	}
	task.Requires.Labels, task.Resources.Memory = nil, 0
	if got := x.Suggest(ask); len(got) != 1 || !strings.HasPrefix(got[0].Change, "request 2 less cpu") {
		t.Errorf("a single change suffices: %+v", got)
	}
}
