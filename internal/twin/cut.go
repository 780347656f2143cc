package twin

import (
	"errors"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Cut is a time in which nothing crosses the link between two sites. What is on it
// waits. The nodes of a site that is cut off from the cell's home go on with what
// they have; the leader hears of them again when the link is back.
type Cut struct {
	Sites [2]string
	From  api.Duration // after Start
	For   api.Duration
}

// cuts plans the cuts that the configuration names and draws the first of those that
// come at random.
func (w *World) cuts() error {
	w.at = map[string][]int32{}
	for i := range w.cfg.Nodes {
		w.at[w.cfg.Nodes[i].Site] = append(w.at[w.cfg.Nodes[i].Site], int32(i))
	}
	for _, c := range w.cfg.Cuts {
		at, err := w.net.known(c.Sites)
		if err != nil {
			return fmt.Errorf("build a world: cut %s from %s: %w", c.Sites[0], c.Sites[1], err)
		}
		from := w.cfg.Start.Add(c.From)
		w.queue.push(event{at: from, kind: cuts, node: at})
		w.queue.push(event{at: from.Add(c.For), kind: heals, node: at})
	}
	for i := 0; i < len(w.net.links); i += 2 {
		w.cutLater(int32(i))
	}
	return nil
}

// known finds the link between two sites.
func (n *network) known(ends [2]string) (int32, error) {
	for _, site := range ends {
		if _, ok := n.layers[site]; site == "" || !ok && site != n.home {
			return 0, fmt.Errorf("there is no site %q", site)
		}
	}
	at, ok := n.between(ends[0], ends[1])
	if !ok {
		return 0, errors.New("they are one site")
	}
	return at &^ 1, nil
}

// cutLater has a link fail some time. at is its first direction.
func (w *World) cutLater(at int32) {
	if mean := w.cfg.Failures.LinkBetween; mean > 0 {
		w.queue.push(event{at: w.now.Add(w.exponential(mean)), kind: breaks, node: at})
	}
}

// cut stops both directions of a link.
func (w *World) cut(at int32) {
	w.meter.cuts++
	for _, l := range w.net.links[at : at+2] {
		l.advance(w.now)
		l.cut++
	}
	for _, n := range w.beyond(at) {
		m := &w.nodes[n]
		if m.cut++; m.cut == 1 && !m.down {
			w.unheard(n)
		}
	}
}

// heal lets both directions of a link carry on.
func (w *World) heal(at int32) {
	for i := at; i < at+2; i++ {
		l := w.net.links[i]
		l.advance(w.now)
		l.cut--
		w.arm(i)
	}
	for _, n := range w.beyond(at) {
		m := &w.nodes[n]
		if m.cut--; m.cut == 0 {
			w.reach(n)
		}
	}
}

// beyond lists the nodes that a link joins to the cell's home.
func (w *World) beyond(at int32) []int32 {
	switch l := w.net.links[at]; w.net.home {
	case l.from:
		return w.at[l.to]
	case l.to:
		return w.at[l.from]
	}
	return nil
}

// unheard begins a silence, which is noticed later.
func (w *World) unheard(n int32) {
	w.nodes[n].quiet = w.now
	w.queue.push(event{at: w.now.Add(w.cfg.Failures.Notice), kind: noticed, node: n})
}

func (w *World) notice(n int32) {
	m := &w.nodes[n]
	if m.lost || !m.down && m.cut == 0 || w.now.Sub(m.quiet) < w.cfg.Failures.Notice {
		return // it is known, or it was heard of in between
	}
	m.lost = true
	w.inputs = append(w.inputs, &engine.Silent{Node: m.node.Name})
}

// reach is the first contact after a silence: the node's outbox comes, it learns what
// was decided meanwhile, and stops what it should not run any more.
func (w *World) reach(n int32) {
	m := &w.nodes[n]
	if m.down {
		return
	}
	if len(m.outbox) > 0 {
		w.inputs = append(w.inputs, &engine.Reports{Node: m.node.Name, Reports: m.outbox})
	}
	if m.reborn {
		w.register(n)
	} else if m.lost {
		w.inputs = append(w.inputs, &engine.Back{Node: m.node.Name})
	}
	m.lost, m.reborn, m.outbox = false, false, nil
	for _, a := range m.orphans {
		if !a.over {
			w.leave(a)
		}
	}
	later := m.later
	m.orphans, m.later = nil, nil
	for _, a := range later {
		if !a.over && w.tasks[a.id.TaskRef] == a {
			w.begin(a)
		}
	}
	for _, a := range m.stops {
		w.queue.push(event{at: w.now, kind: stopped, node: n, attempt: a})
	}
	m.stops = nil
}
