package live

import (
	"context"
	"errors"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/strain"
)

// strainEvery is how often the leader looks whether what nodes use is news. They are
// measured every ten seconds.
const strainEvery = 15 * time.Second

// relieve has work moved off nodes that are overloaded until ctx ends.
func (c *Cell) relieve(ctx context.Context) {
	c.whileLeading(ctx, strainEvery, "an overloaded node is not relieved", func() error {
		return c.sayStrains(ctx, c.cfg.Wall())
	})
}

// sayStrains tells the engine which nodes are overloaded, and which are not any more, where
// it is news.
func (c *Cell) sayStrains(ctx context.Context, now api.Time) error {
	o := c.observer
	var in []engine.Input
	if _, err := c.View(ctx, 0, func(e *engine.Engine) {
		o.watching.Lock()
		defer o.watching.Unlock()
		in = o.strains.Say(e, o.useOf, now)
	}); err != nil || len(in) == 0 {
		return err
	}
	answers, _, err := c.Do(ctx, in)
	for i := range answers {
		if a := &answers[i]; a.Code != state.CodeOK {
			err = errors.Join(err, errors.New(a.Message))
		}
	}
	return err
}

// useOf is what an attempt used lately.
func (o *observer) useOf(a api.Attempt) (api.TaskUse, bool) {
	u, known := o.uses[a]
	return u.TaskUse, known
}

// measure takes in how full nodes say that they are, of those that may be relieved, or
// take work from such.
func (o *observer) measure(e *engine.Engine, beats map[string]heard, now api.Time) {
	st := e.State()
	for name, b := range beats { // order-free: each node for itself
		if n := st.Nodes[name]; n != nil && b.busy != nil && e.Relieves(n) {
			o.strains.Add(now, name, o.measured(st, n, b.busy))
		}
	}
}

// counted is from what part of it on, in thousandths, it is counted what of a node's use
// its tasks were promised: below it does not matter.
const counted = 700

// measured makes of what a node says what can be, with what of it its tasks use of what
// they asked for. Those that were not measured count with all that they asked for.
func (o *observer) measured(st *state.State, n *state.Node, b *api.Busy) strain.Measured {
	use := func(used, of, asked, most int64) strain.Use {
		if used < 0 || of <= 0 || of > most {
			return strain.Use{}
		}
		return strain.Use{Used: min(used, of), Of: of, Own: min(asked, used)}
	}
	m := strain.Measured{
		Boot:   n.Boot,
		CPU:    use(int64(b.CPU), int64(b.OfCPU), int64(n.Used.CPU), mostCPU),
		Memory: use(int64(b.Memory), int64(b.OfMemory), int64(n.Used.Memory), mostMemory),
	}
	if !full(m.CPU) && !full(m.Memory) {
		return m
	}
	m.CPU.Own, m.Memory.Own = 0, 0
	for _, t := range n.Held { // order-free: sums
		asks := st.Workloads[t.Ref.Workload].SpecOf(t).Resources
		if u, known := o.uses[api.Attempt{TaskRef: t.Ref, Try: t.Try}]; known {
			asks.CPU, asks.Memory = min(asks.CPU, u.CPU), min(asks.Memory, u.Memory)
		}
		m.CPU.Own += int64(asks.CPU)
		m.Memory.Own += int64(asks.Memory)
	}
	return m
}

// A machine has no more cpu, in thousandths of cores, and memory than this.
const mostCPU, mostMemory = 1 << 30, 1 << 50

func full(u strain.Use) bool { return u.Of > 0 && u.Used*1000 >= u.Of*counted }
