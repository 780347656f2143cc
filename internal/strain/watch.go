package strain

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// saidAtOnce bounds of how many nodes is said at a time: the others' turn comes the next
// time. fresh is how old a measurement is at most of which something is said.
const (
	saidAtOnce = 16
	fresh      = api.Minute
)

// Watch follows the use of the nodes of a cell. The zero Watch is ready. It is not safe
// for concurrent use.
type Watch struct{ nodes map[string]*node }

// node is what is known of one.
type node struct {
	boot        string
	at          api.Time // of the last measurement
	told        api.Time // when something was said of it last
	cpu, memory gauge
}

// Add takes in what was measured of a node at a time.
func (w *Watch) Add(at api.Time, name string, m Measured) {
	n := w.nodes[name]
	if n == nil || n.boot != m.Boot || at.Sub(n.at) > forgets || at < n.at {
		if w.nodes == nil {
			w.nodes = map[string]*node{}
		}
		n = &node{boot: m.Boot, at: at}
		w.nodes[name] = n
	}
	after := at.Sub(n.at)
	n.at = at
	n.cpu.add(at, after, m.CPU, ofCPU)
	n.memory.add(at, after, m.Memory, ofMemory)
}

// Uses tells what an attempt uses; false when that is not known.
type Uses func(a api.Attempt) (api.TaskUse, bool)

// Say gives what is news to a cell: nodes that are strained, and those that are not any
// more, at most saidAtOnce of them, those first that were said longest ago.
func (w *Watch) Say(e *engine.Engine, uses Uses, now api.Time) []engine.Input {
	st := e.State()
	var news []*engine.Strained
	for name, n := range w.nodes { // order-free: sorted below
		if now.Sub(n.at) > forgets {
			delete(w.nodes, name)
			continue
		}
		if in := n.news(e, name, now); in != nil {
			news = append(news, in)
		}
	}
	w.inTurn(st, news)
	spare := map[string][]engine.Spare{} // by site
	var out []engine.Input
	for _, in := range news[:min(len(news), saidAtOnce)] {
		w.nodes[in.Said.Node].told = now
		if !in.Eases() {
			n := st.Nodes[in.Said.Node]
			in.Tasks = largest(n, uses)
			if _, known := spare[n.Site]; !known {
				spare[n.Site] = w.spare(st, n.Site, now)
			}
			in.Spare = spare[n.Site]
		}
		out = append(out, in)
	}
	return out
}

// inTurn sorts what is news by when something was said of its node last, by this leader or,
// as far as the cell still counts it, by one before.
func (w *Watch) inTurn(st *state.State, news []*engine.Strained) {
	said := func(in *engine.Strained) api.Time {
		at := w.nodes[in.Said.Node].told
		if s := st.Strains[in.Said.Node]; s != nil {
			at = max(at, s.At)
		}
		return at
	}
	slices.SortFunc(news, func(a, b *engine.Strained) int {
		return cmp.Or(cmp.Compare(said(a), said(b)), cmp.Compare(a.Said.Node, b.Said.Node))
	})
}

// news is what is to be said of a node; nil: nothing.
func (n *node) news(e *engine.Engine, name string, now api.Time) *engine.Strained {
	of := e.State().Nodes[name]
	if of == nil || of.Boot != n.boot || !e.Relieves(of) || now.Sub(n.at) > fresh {
		return nil
	}
	since := func(at api.Time) api.Time {
		if at == 0 {
			return 0
		}
		return max(at, of.Registered)
	}
	in := &engine.Strained{Boot: n.boot, At: n.at, Said: state.NodeStrained{
		Node: name, Used: state.Room{CPU: api.Milli(n.cpu.used()), Memory: api.Bytes(n.memory.used())},
		Of:  state.Room{CPU: api.Milli(n.cpu.of), Memory: api.Bytes(n.memory.of)},
		CPU: since(n.cpu.at()), Memory: since(n.memory.at()),
	}}
	if in.Eases() && !(n.cpu.calm(now) && n.memory.calm(now)) || !in.Renews(e.State(), now) {
		return nil
	}
	return in
}

// largest are the tasks on a node that use most of it, as far as that is known.
func largest(n *state.Node, uses Uses) []api.TaskUse {
	type sized struct {
		use  api.TaskUse
		part float64
	}
	var list []sized
	for _, t := range n.Held { // order-free: sorted below
		u, known := uses(api.Attempt{TaskRef: t.Ref, Try: t.Try})
		if !known {
			continue
		}
		list = append(list, sized{u, max(partOf(int64(u.CPU), int64(n.Capacity.CPU)), partOf(int64(u.Memory), int64(n.Capacity.Memory)))})
	}
	slices.SortFunc(list, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.part, a.part), state.CompareRefs(a.use.TaskRef, b.use.TaskRef))
	})
	out := make([]api.TaskUse, min(len(list), engine.MaxStrainTasks))
	for i := range out {
		out[i] = list[i].use
	}
	return out
}

// spare are the nodes of a site that have most to spare by what is used.
func (w *Watch) spare(st *state.State, site string, now api.Time) (out []engine.Spare) {
	for name, n := range w.nodes { // order-free: sorted below
		of := st.Nodes[name]
		if of == nil || of.Site != site || of.Boot != n.boot || of.Silent || of.Drain || !of.On() || n.cpu.of == 0 || n.memory.of == 0 ||
			n.cpu.over || n.memory.over || now.Sub(n.at) > fresh {
			continue
		}
		if r := (state.Room{CPU: api.Milli(n.cpu.spare()), Memory: api.Bytes(n.memory.spare())}); r.CPU > 0 && r.Memory > 0 {
			out = append(out, engine.Spare{Node: name, Room: r})
		}
	}
	slices.SortFunc(out, func(a, b engine.Spare) int {
		return cmp.Or(cmp.Compare(b.Room.CPU, a.Room.CPU), cmp.Compare(b.Room.Memory, a.Room.Memory), cmp.Compare(a.Node, b.Node))
	})
	return out[:min(len(out), engine.MaxStrainSpare)]
}

func partOf(used, of int64) float64 {
	if of <= 0 {
		return 0
	}
	return float64(used) / float64(of)
}
