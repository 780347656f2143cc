package sched

import (
	"iter"
	"slices"
	"strings"

	"drover.dev/api"
)

// topology divides the nodes by node, by site or by the values of a label.
type topology struct {
	stale   uint64 // value of Index.stale when it was made
	of      []int32
	kinds   []int32 // the same by mould, where all nodes of one have the same value
	values  []string
	ids     map[string]int32
	members [][]int32 // positions of the nodes of a value
}

// topology returns how a label divides the nodes. Within Steps it is kept until a
// node changes.
func (x *Index) topology(label string) *topology {
	if t := x.topologies[label]; t != nil && t.stale == x.stale {
		return t
	}
	t := &topology{stale: x.stale, of: make([]int32, len(x.nodes)), ids: map[string]int32{}}
	labels := strings.Split(label, joint)
	if !slices.Contains(labels, api.WithinNode) {
		t.kinds = make([]int32, x.mouldIDs.n)
	}
	for i, e := range x.nodes {
		if t.of[i] = t.join(e, labels); t.kinds != nil {
			t.kinds[e.kind] = t.of[i]
		}
	}
	if x.stepping {
		if len(x.topologies) >= maxTopologies {
			clear(x.topologies)
		}
		x.topologies[label] = t
	}
	return t
}

// join enters a node under its value of the labels, and returns the number of that.
func (t *topology) join(e *node, labels []string) int32 {
	v, ok := e.valueOfAll(labels)
	if !ok {
		return -1
	}
	id, known := t.ids[v]
	if !known {
		id = int32(len(t.values))
		t.ids[v] = id
		t.values, t.members = append(t.values, v), append(t.members, nil)
	}
	t.members[id] = append(t.members[id], int32(e.at))
	return id
}

// The most labels and selectors for which nodes are divided and tasks counted.
// They are caches: what is dropped is made anew.
const (
	maxTopologies = 64
	maxTallies    = 4096
)

// value is what a node has of a label.
func (e *node) value(label string) (string, bool) {
	switch label {
	case api.WithinNode:
		return e.Name, true
	case api.WithinSite:
		return e.Site, e.Site != ""
	}
	v, ok := e.Labels[label]
	return v, ok
}

// valueOfAll is what a node has of several labels; false when it lacks one.
func (e *node) valueOfAll(labels []string) (string, bool) {
	v, ok := e.value(labels[0])
	for _, label := range labels[1:] {
		more, has := e.value(label)
		v, ok = v+"\n"+more, ok && has
	}
	return v, ok
}

// tally counts the tasks that a selector means, by the value of a label of their
// nodes.
type tally struct {
	key     string
	who     selector
	label   string
	counts  map[string]int32
	total   int32
	changed uint64 // value of Index.ticks at its last change

	dense []int32 // counts by the numbers of a topology
	as    *topology
}

// watched is where a placed task finds the tallies that may count it: those of a
// workload's name, or of one label.
type watched struct{ tenant, workload, label, value string }

func (s *selector) watched() watched {
	if s.workload != "" {
		return watched{tenant: s.tenant, workload: s.workload}
	}
	for _, k := range sortedKeys(s.labels)[:1] {
		return watched{tenant: s.tenant, label: k, value: s.labels[k]}
	}
	return watched{tenant: s.tenant}
}

// Placed is a task that holds a place, as a Census yields it.
type Placed struct {
	Node string
	Task string // its name within the workload
}

// Census yields the tasks that hold a place, of one workload by name, or of the
// workloads of a tenant that have certain labels.
type Census func(tenant, workload string, labels map[string]string) iter.Seq[Placed]

// Count tells the index where to find the tasks that were placed before somebody
// asked for a relation to them. Without a census only those count that are held
// from then on.
func (x *Index) Count(c Census) { x.census = c }

// tally returns the counts that a rule reads. Within Steps they are kept, and
// follow what is held and released.
func (x *Index) tally(r *rule) *tally {
	if t := x.tallies[r.key]; t != nil {
		return t
	}
	t := &tally{key: r.key, who: r.who, label: r.label, counts: map[string]int32{}, changed: x.tick()}
	if x.census != nil {
		for p := range x.census(r.who.tenant, r.who.workload, r.who.labels) {
			if e := x.byName[p.Node]; e != nil && (r.who.task == "" || r.who.task == p.Task) {
				t.add(e, 1)
			}
		}
	}
	for i := range x.tried {
		if h := &x.tried[i]; r.who.matches(h.ask) {
			t.add(h.node, h.sign)
		}
	}
	if x.stepping {
		x.spareTallies()
		x.tallies[r.key] = t
		w := t.who.watched()
		x.watching[w] = append(x.watching[w], t)
	}
	return t
}

// tick numbers changes of what relations read. Between Steps nothing changes.
func (x *Index) tick() uint64 {
	if x.stepping {
		x.ticks++
	}
	return x.ticks
}

// spareTallies makes room for one more: those go that no blocked shape waits for.
func (x *Index) spareTallies() {
	if len(x.tallies) < max(maxTallies, x.spared) {
		return
	}
	clear(x.watching)
	for key, t := range x.tallies { // order-free: each stays or goes on its own
		if x.queue.waits[key] == nil {
			delete(x.tallies, key)
			continue
		}
		w := t.who.watched()
		x.watching[w] = append(x.watching[w], t)
	}
	x.spared = 2 * len(x.tallies)
}

func (x *Index) forgetTallies() {
	clear(x.tallies)
	clear(x.watching)
	x.ticks++
	x.restless = x.ticks
}

// dense returns the counts of a tally by the numbers of a topology.
func (x *Index) dense(t *tally, at *topology) []int32 {
	if t.as == at {
		return t.dense
	}
	dense := make([]int32, len(at.values))
	for v, n := range t.counts { // order-free: each on its own
		if id, ok := at.ids[v]; ok {
			dense[id] = n
		}
	}
	if x.stepping {
		x.spareDense(len(dense))
		t.dense, t.as = dense, at
	}
	return dense
}

// maxDense is how many counts by number are kept, of all tallies together: 64 MiB.
const maxDense = 1 << 24

// spareDense makes room for some more; those of before are made anew when needed.
func (x *Index) spareDense(more int) {
	if x.denseSize += more; x.denseSize <= maxDense {
		return
	}
	for _, t := range x.tallies { // order-free: each alike
		t.dense, t.as = nil, nil
	}
	x.denseSize = more
}

func (t *tally) add(e *node, sign int32) {
	v, ok := e.value(t.label)
	t.total += sign
	if !ok {
		return
	}
	if t.counts[v] += sign; t.counts[v] == 0 {
		delete(t.counts, v)
	}
	if t.as != nil && e.at < len(t.as.of) {
		if id := t.as.of[e.at]; id >= 0 && t.as.values[id] == v {
			t.dense[id] += sign
			return
		}
	}
	t.as = nil
}

// reckon brings the tallies in step with a task that was held or released. What
// is only tried, and taken back, stirs nobody.
func (x *Index) reckon(e *node, a *Ask, sign int32, tried bool) {
	if x.trial {
		x.tried = append(x.tried, triedHold{e, a, sign})
	}
	if len(x.tallies) == 0 {
		return
	}
	x.ticks++
	x.reckonAt(watched{tenant: a.Tenant, workload: a.Workload}, e, a, sign, tried)
	for k, v := range a.Labels { // order-free: each tally is found by one label
		x.reckonAt(watched{tenant: a.Tenant, label: k, value: v}, e, a, sign, tried)
	}
}

func (x *Index) reckonAt(w watched, e *node, a *Ask, sign int32, tried bool) {
	for _, t := range x.watching[w] {
		if !t.who.matches(a) {
			continue
		}
		if t.add(e, sign); !tried {
			t.changed = x.ticks
			x.stirs++
			x.stir(t, e, sign)
		}
	}
}

// triedHold is what a trial has held or released.
type triedHold struct {
	node *node
	ask  *Ask
	sign int32
}

// pulse is when something last changed that the relations of a task read; for an
// intricate gang, anything that is placed.
func (x *Index) pulse(a *Ask) uint64 {
	last := x.restless
	if a.intricate() {
		last = max(last, x.shifted)
	}
	for i := range a.rules() {
		if t := x.tallies[a.made[i].key]; t != nil {
			last = max(last, t.changed)
		} else {
			return x.tick()
		}
	}
	return last
}

// values returns the values of a label that open nodes have which a task may run
// on.
func (x *Index) values(a *Ask, at *topology) []int32 {
	if a.Pin != "" { // what others may do counts, too
		b := a.with(a.Task)
		b.Pin = ""
		a = &b
	}
	p := x.passing(a)
	if v := p.values[at]; v.some != nil && v.restless == x.restless {
		return v.some
	}
	seen, some := make([]bool, len(at.values)), make([]int32, 0, len(at.values))
	for e := range p.those {
		if id := at.of[e.at]; e.open && id >= 0 && !seen[id] {
			seen[id] = true
			some = append(some, id)
		}
	}
	if x.stepping {
		if p.values == nil || len(p.values) >= maxValues {
			p.values = map[*topology]openValues{}
		}
		p.values[at] = openValues{some, x.restless}
	}
	return some
}

// openValues is what values found, and at which change of the nodes.
type openValues struct {
	some     []int32
	restless uint64
}

// maxValues is for how many labels a shape's values are kept.
const maxValues = 16

// Relabel has a placed task counted under other labels.
func (x *Index) Relabel(name string, before, after *Ask) {
	if e := x.byName[name]; e != nil {
		x.reckon(e, before, -1, false)
		x.reckon(e, after, 1, false)
	}
}
