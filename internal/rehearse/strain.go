package rehearse

import (
	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/strain"
	"drover.dev/internal/twin"
)

// newGauger says what a leader would say of nodes that are used to near what they have, by
// what is measured in a world.
func newGauger() func(now api.Time, e *engine.Engine, g twin.Gauge) []engine.Input {
	var watch strain.Watch
	return func(now api.Time, e *engine.Engine, g twin.Gauge) []engine.Input {
		st := e.State()
		g.Nodes(func(m twin.Metered) {
			n := st.Nodes[m.Node]
			if n == nil || !e.Relieves(n) {
				return
			}
			watch.Add(now, m.Node, strain.Measured{
				Boot: n.Boot,
				CPU:  strain.Use{Used: int64(m.CPU), Of: int64(n.Capacity.CPU), Own: int64(m.Own)},
				// Tasks hold what they asked for: of memory nobody takes more here.
				Memory: strain.Use{Used: int64(m.Memory), Of: int64(n.Capacity.Memory), Own: int64(m.Memory)},
			})
		})
		return watch.Say(e, g.Task, now)
	}
}
