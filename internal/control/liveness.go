package control

import "drover.dev/api"

// Liveness knows when each node was heard of last, and says when one has fallen
// silent or is back. Times are those of a monotonic clock.
type Liveness struct {
	after api.Duration // silence that counts
	pause api.Duration // a longer gap between ticks is a pause of the leader itself

	nodes  map[string]*heard
	spoken hearing // listed by when they were heard of last
	silent hearing // listed by when they fell silent

	tick   api.Duration // of the last Tick, or the beginning
	ticked bool         // wall is known
	wall   api.Time     // at the last Tick
}

type heard struct {
	node       string
	at         api.Duration // heard of last, or fell silent
	in         *hearing
	prev, next *heard
}

// Change says that a node fell silent, or is back.
type Change struct {
	Node   string
	Silent bool
}

// NewLiveness takes the silence that counts, for a leader that listens from now
// on. Gaps in its own ticks of more than pause, the one before the first included,
// move all last-heard times, since nobody was listening.
func NewLiveness(after, pause, now api.Duration) *Liveness {
	return &Liveness{after: after, pause: pause, nodes: map[string]*heard{}, tick: now}
}

// Track adds a node as the state knows it. After a change of leader every node
// is tracked anew, and has a full grace period from now on.
func (l *Liveness) Track(node string, silent bool, now api.Duration) {
	l.Forget(node)
	h := &heard{node: node, at: now}
	l.nodes[node] = h
	if silent {
		l.silent.push(h)
	} else {
		l.spoken.push(h)
	}
}

// Forget drops a node.
func (l *Liveness) Forget(node string) {
	h := l.nodes[node]
	if h == nil {
		return
	}
	h.in.remove(h)
	delete(l.nodes, node)
}

// Heard notes that a node spoke. Known is false for one that is not tracked;
// back says that it had been silent.
func (l *Liveness) Heard(node string, now api.Duration) (back, known bool) {
	h := l.nodes[node]
	if h == nil {
		return false, false
	}
	back = h.in == &l.silent
	h.in.remove(h)
	h.at = max(h.at, now)
	l.spoken.push(h)
	return back, true
}

// Tick gives the nodes that have fallen silent by now. A gap since the last
// Tick, or a jump of the wall clock against the monotonic one, is a pause: it
// counts for no node, and nodes that were silent before are reported again, so
// that leases which run from their silence begin anew.
func (l *Liveness) Tick(now api.Duration, wall api.Time) []Change {
	var out []Change
	if gap := l.gap(now, wall); gap > 0 {
		for h := l.spoken.first; h != nil; h = h.next {
			h.at = min(h.at+gap, now)
		}
		for h := l.silent.first; h != nil; h = h.next {
			out = append(out, Change{Node: h.node, Silent: true})
		}
	}
	l.tick, l.ticked, l.wall = now, true, wall
	for h := l.spoken.first; h != nil && h.at+l.after <= now; h = l.spoken.first {
		l.spoken.remove(h)
		h.at = now
		l.silent.push(h)
		out = append(out, Change{Node: h.node, Silent: true})
	}
	return out
}

func (l *Liveness) gap(now api.Duration, wall api.Time) api.Duration {
	elapsed := now - l.tick
	gap := api.Duration(0)
	if elapsed > l.pause {
		gap = elapsed
	}
	if jump := wall.Sub(l.wall) - elapsed; l.ticked && jump > l.pause {
		gap += jump
	}
	return gap
}

// hearing is a list of nodes in the order of their times.
type hearing struct{ first, last *heard }

// push lists a node by its time. Times come in order, or nearly so: callers read
// their clocks before they get here.
func (l *hearing) push(h *heard) {
	h.in = l
	after := l.last
	for after != nil && after.at > h.at {
		after = after.prev
	}
	h.prev = after
	if after == nil {
		h.next, l.first = l.first, h
	} else {
		h.next, after.next = after.next, h
	}
	if h.next == nil {
		l.last = h
	} else {
		h.next.prev = h
	}
}

func (l *hearing) remove(h *heard) {
	if h.prev == nil {
		l.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		l.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next, h.in = nil, nil, nil
}
