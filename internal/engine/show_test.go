package engine_test

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// show prints events, one a line.
func show(events []state.Event) string {
	var b strings.Builder
	for _, ev := range events {
		fmt.Fprintf(&b, "%T %+v\n", ev, deref(ev))
	}
	return b.String()
}

func deref(ev state.Event) any {
	switch v := ev.(type) {
	case *state.TaskPlaced:
		return fmt.Sprintf("%v try %d on %s", v.Ref, v.Try, v.Node)
	case *state.ShapeRefused:
		return fmt.Sprintf("%s %v %+v", v.Shape, v.Ref, *v.Decision)
	case *state.WorkloadSubmitted:
		return fmt.Sprintf("%d %s", v.ID, v.Spec.Name)
	case *state.TaskEnded:
		c := *v
		c.Result = nil
		return fmt.Sprintf("%+v", c)
	}
	return strings.TrimPrefix(fmt.Sprintf("%+v", ev), "&")
}

func nodeOf(name string, cpu api.Milli, with ...func(*api.Node)) api.Node {
	n := api.Node{
		Name: name, Site: "s1", Layer: api.LayerCloud, Drivers: []string{"noop"}, Speed: 1000,
		Capacity: api.Resources{CPU: cpu, Memory: 16 * api.GiB, Storage: 100 * api.GiB, Bandwidth: 1e9},
	}
	for _, f := range with {
		f(&n)
	}
	return n
}
