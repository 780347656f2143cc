package twin

import (
	"slices"

	"drover.dev/api"
)

// What is assumed of two sites between which no link is declared: the same as the
// scheduler's latency model does.
const (
	assumedRTT  = 50 * api.Millisecond
	assumedRate = api.Rate(100_000_000)
)

// network is the links between sites, one for each direction.
type network struct {
	home   string // site of the cell's store and of its callers; "" is nowhere in particular
	layers map[string]api.Layer
	links  []*link
	index  map[[2]string]int32
	joined uint64 // transfers so far
}

// leg is bytes that an attempt fetches from a site before it starts.
type leg struct {
	from  string
	bytes api.Bytes
}

// newNetwork lays the declared links. When both ends declare one, what the end with
// the smaller name says holds, as it does for the scheduler.
func newNetwork(cfg *Config) network {
	n := network{home: cfg.Home, layers: map[string]api.Layer{}, index: map[[2]string]int32{}}
	for i := range cfg.Nodes {
		n.layers[cfg.Nodes[i].Site] = cfg.Nodes[i].Layer
	}
	sites := slices.Clone(cfg.Sites)
	slices.SortStableFunc(sites, func(a, b api.Site) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	for i := range sites {
		s := &sites[i]
		if s.Layer != "" {
			n.layers[s.Name] = s.Layer
		}
		for _, l := range s.Links {
			n.lay(s.Name, l.To, l.RTT, l.Bandwidth)
		}
	}
	for i := range cfg.Nodes {
		n.between(n.home, cfg.Nodes[i].Site)
	}
	return n
}

// lay adds both directions of a link unless they are there.
func (n *network) lay(a, b string, rtt api.Duration, rate api.Rate) {
	if _, ok := n.index[[2]string{a, b}]; ok || a == b || a == "" || b == "" {
		return
	}
	for _, ends := range [2][2]string{{a, b}, {b, a}} {
		n.index[ends] = int32(len(n.links))
		n.links = append(n.links, newLink(ends[0], ends[1], max(rtt, 0), rate))
	}
}

// between is the link from one site to another; false inside a site, and to or from
// nowhere in particular, where bytes take no time.
func (n *network) between(from, to string) (int32, bool) {
	if from == to || from == "" || to == "" {
		return 0, false
	}
	n.lay(from, to, assumedRTT, assumedRate)
	return n.index[[2]string{from, to}], true
}

// begin has a machine prepare an attempt: it fetches what it lacks, one thing after
// the other as agents do, and then starts.
func (w *World) begin(a *attempt) {
	a.told, a.began = true, w.now
	w.legs(a)
	w.fetch(a)
}

// legs lists what an attempt must fetch.
func (w *World) legs(a *attempt) {
	truth, t := a.truth, &a.job.spec.Tasks[a.id.Task]
	in := truth.In
	if a.cold = !w.nodes[a.node].programs.has(a.program); a.cold {
		in += truth.Program
	}
	a.add(w.net.home, in)
	if len(t.Inputs) > 0 {
		w.engine.EachSupply(a.id.TaskRef, a.add)
	}
}

func (a *attempt) add(site string, n api.Bytes) {
	if n > 0 {
		a.legs = append(a.legs, leg{site, n})
	}
}

// fetch goes on with what an attempt lacks; when that is nothing it starts.
func (w *World) fetch(a *attempt) {
	for len(a.legs) > 0 {
		next := a.legs[0]
		a.legs = a.legs[1:]
		a.fetched += next.bytes
		if w.send(a, next.from, w.nodes[a.node].node.Site, next.bytes) {
			return
		}
	}
	a.ready = w.now
	w.queue.push(event{at: w.now.Add(w.delay(DelayStart, a)), kind: starts, node: a.node, attempt: a})
}

// send puts bytes on their way for an attempt: after one round trip they are on the
// link. It is false when there is no link to cross.
func (w *World) send(a *attempt, from, to string, n api.Bytes) bool {
	at, ok := w.net.between(from, to)
	if !ok {
		return false
	}
	a.size = n
	w.queue.push(event{at: w.now.Add(w.net.links[at].rtt), kind: joins, node: at, attempt: a})
	return true
}

// join puts an attempt's transfer on its link.
func (w *World) join(at int32, a *attempt) {
	w.net.joined++
	a.link, a.moving = at, w.net.links[at].join(w.now, a, a.size, w.net.joined)
	w.arm(at)
}

// arm has the queue tell when the first transfer of a link ends. An event that comes
// too early, because others have joined since, looks again.
func (w *World) arm(at int32) {
	l := w.net.links[at]
	next, ok := l.next()
	if !ok || l.armed != 0 && l.armed <= next {
		return
	}
	l.armed = next
	w.queue.push(event{at: next, kind: carries, node: at})
}

// carried ends the transfers of a link whose last bit is there.
func (w *World) carried(at int32) {
	l := w.net.links[at]
	if l.armed <= w.now {
		l.armed = 0
	}
	for t := l.ended(w.now); t != nil; t = l.ended(w.now) {
		t.attempt.moving = nil
		if t.attempt.ran {
			w.done(t.attempt)
		} else {
			w.fetch(t.attempt)
		}
	}
	w.arm(at)
}

// giveUp takes what an attempt has on the way off its link.
func (w *World) giveUp(a *attempt) {
	if a.moving == nil {
		return
	}
	w.net.links[a.link].leave(w.now, a.moving)
	a.moving = nil
	w.arm(a.link)
}

// Carried is what one direction of a link had to do.
type Carried struct {
	From  string    `json:"from"`
	To    string    `json:"to"`
	Kind  string    `json:"kind"` // the layers that it joins: "cloud-edge", either way
	Bytes api.Bytes `json:"bytes"`
	// Busy is the share of the makespan in which something was on the link.
	Busy float64 `json:"busy"`
}

// used lists the links that were used, by their ends.
func (n *network) used(makespan api.Duration) (out []Carried) {
	for _, l := range n.links {
		if l.carried > 0 {
			out = append(out, Carried{l.from, l.to, n.kind(l), l.carried, l.busy.Std().Seconds() / max(makespan.Std().Seconds(), 1e-9)})
		}
	}
	return out
}

func (n *network) kind(l *link) string {
	a, b := n.layerOf(l.from), n.layerOf(l.to)
	return string(min(a, b) + "-" + max(a, b))
}

// layerOf is cloud for a site of which nothing is said: the callers' own.
func (n *network) layerOf(site string) api.Layer {
	if l := n.layers[site]; l != "" {
		return l
	}
	return api.LayerCloud
}
