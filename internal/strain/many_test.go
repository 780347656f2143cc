package strain

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestManyAtOnce: where no more nodes are overloaded than can be told of while that counts all
// of them stay so; of more some lapse for a while, and the turn of each comes.
func TestManyAtOnce(t *testing.T) {
	for nodes, all := range map[int]bool{600: true, 900: false} {
		e := engine.New(state.New())
		in := []engine.Input{&engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{Name: "hall", Layer: api.LayerCloud, Rest: &api.Rest{Move: true}}}}
		for i := range nodes {
			in = append(in, &engine.Register{Node: api.Node{Name: fmt.Sprintf("n%03d", i), Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB}}})
		}
		now := begin
		step := func(in []engine.Input) {
			for more := true; more; in = nil {
				out, err := e.Step(now, in)
				if err != nil {
					t.Fatal(err)
				}
				more = out.More
			}
		}
		step(in)
		var w Watch
		least, said := nodes, map[string]bool{}
		for i := range 4 * 60 { // an hour
			now = now.Add(15 * api.Second)
			for n := range nodes {
				w.Add(now, fmt.Sprintf("n%03d", n), Measured{CPU: fill(99, 20), Memory: fill(30, 30)})
			}
			step(w.Say(e, func(api.Attempt) (api.TaskUse, bool) { return api.TaskUse{}, false }, now))
			for name := range e.State().Strains {
				said[name] = true
			}
			if i > 80 {
				least = min(least, len(e.State().Strains))
			}
		}
		if len(said) != nodes || all != (least == nodes) || least < 600 {
			t.Errorf("of %d nodes %d were ever overloaded, at least %d at a time", nodes, len(said), least)
		}
	}
}
