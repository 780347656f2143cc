package sched

import (
	"math"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Relations tie a task to others that hold a place: near them, apart from them,
// spread with them. What they read is counted by value of a label (see tally);
// each is asked of a node by two look-ups, whatever the number of tasks.

type ruleKind uint8

const (
	near ruleKind = iota
	apart
	spread
	inside // of one value, for the elements of a gang
)

// rule is one relation of a task.
type rule struct {
	kind  ruleKind
	who   selector
	label string // that divides the nodes
	skew  int32
	soft  bool
	self  bool // the task itself is one of those meant
	text  string
	key   string // of its tally
}

// selector says which tasks are meant, of one tenant.
type selector struct {
	tenant, workload, task string // task is "" for all of a workload
	labels                 map[string]string
}

func (s *selector) matches(a *Ask) bool {
	if s.tenant != a.Tenant || s.workload != "" && s.workload != a.Workload || s.task != "" && s.task != a.Task.Name {
		return false
	}
	for k, v := range s.labels { // order-free: all must hold
		if have, ok := a.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// rules returns the relations of a task. They are made once for each of its
// versions.
func (a *Ask) rules() []rule {
	q := &a.Task.Requires
	if len(q.Near)+len(q.Apart)+len(q.Spread) == 0 {
		return nil
	}
	if a.ruled == a.Task {
		return a.made
	}
	a.ruled, a.made = a.Task, make([]rule, 0, len(q.Near)+len(q.Apart)+len(q.Spread))
	for i := range q.Near {
		r := &q.Near[i]
		a.rule(rule{kind: near, who: a.selector(r.Workload, r.Labels), label: r.Within, soft: r.Soft}, r.Workload, r.Labels)
	}
	for i := range q.Apart {
		r := &q.Apart[i]
		a.rule(rule{kind: apart, who: a.selector(r.Workload, r.Labels), label: r.Within, soft: r.Soft}, r.Workload, r.Labels)
	}
	for i := range q.Spread {
		r := &q.Spread[i]
		a.rule(rule{kind: spread, who: a.selector(r.Workload, r.Labels), label: r.Over, soft: r.Soft, skew: max(r.Skew, 1)}, r.Workload, r.Labels)
	}
	return a.made
}

func (a *Ask) rule(r rule, workload string, labels map[string]string) {
	if r.label == "" {
		r.label = api.WithinNode
	}
	r.self = r.who.matches(a)
	r.key = r.who.key() + "|" + r.label
	r.text = describe(&r, workload, labels)
	a.made = append(a.made, r)
}

func (a *Ask) selector(workload string, labels map[string]string) selector {
	if workload == "" && len(labels) == 0 {
		return selector{tenant: a.Tenant, workload: a.Workload, task: a.Task.Name}
	}
	return selector{tenant: a.Tenant, workload: workload, labels: labels}
}

func (s *selector) key() string {
	var b strings.Builder
	str := func(s string) { b.WriteString(strconv.Itoa(len(s))); b.WriteByte(':'); b.WriteString(s) }
	str(s.tenant)
	str(s.workload)
	str(s.task)
	for _, k := range sortedKeys(s.labels) {
		str(k)
		str(s.labels[k])
	}
	return b.String()
}

// describe writes a relation as people say it: "near workload db within site",
// "apart from each other within node", "spread over zone by at most 1".
func describe(r *rule, workload string, labels map[string]string) string {
	who := "each other"
	switch {
	case workload != "":
		who = "workload " + workload
	case len(labels) > 0:
		var list []string
		for _, k := range sortedKeys(labels) {
			list = append(list, k+"="+labels[k])
		}
		who = strings.Join(list, ",")
	}
	switch r.kind {
	case near:
		return "near " + who + " within " + r.label
	case apart:
		return "apart from " + who + " within " + r.label
	}
	if workload != "" || len(labels) > 0 {
		return "spread with " + who + " over " + r.label + " by at most " + strconv.Itoa(int(r.skew))
	}
	return "spread over " + r.label + " by at most " + strconv.Itoa(int(r.skew))
}

// tied reports whether a task has relations that nodes may fail.
func (a *Ask) tied() bool {
	for i := range a.rules() {
		if !a.made[i].soft {
			return true
		}
	}
	return false
}

// TiedShape is the key under which tasks wait together that ShapeOf gives, and
// their relations: tasks that are tied to each other share it with no others.
func TiedShape(shape string, a *Ask) string {
	if !a.tied() && a.Within == "" {
		return shape
	}
	var b strings.Builder
	b.WriteString(shape)
	if a.Within != "" && a.Gang > 1 {
		b.WriteString("|within " + a.Within)
	}
	for i := range a.rules() {
		if r := &a.made[i]; !r.soft {
			b.WriteString("|" + strconv.Itoa(int(r.kind)) + "," + strconv.Itoa(int(r.skew)) + ",")
			if r.self {
				b.WriteString("self,")
			}
			b.WriteString(r.key)
		}
	}
	return b.String()
}

// tie is a rule made ready for one look at the nodes.
type tie struct {
	*rule
	counts *tally
	at     *topology
	by     []int32 // counts by the numbers of at
	least  int32   // spread: fewest of any value that counts; inside: the value
	free   bool    // near: none is anywhere, and the task is one of those meant: it may be the first
}

// ties makes the relations of a task ready.
func (x *Index) ties(a *Ask) []tie {
	rules := a.rules()
	if len(rules) == 0 && a.room < 1 {
		return nil
	}
	out := make([]tie, len(rules), len(rules)+1)
	for i := range rules {
		r := &rules[i]
		t := tie{rule: r, at: x.topology(r.label), counts: x.tally(r)}
		t.by = x.dense(t.counts, t.at)
		switch r.kind {
		case near:
			t.free = r.self && t.counts.total == 0
		case spread:
			t.least = x.least(a, &t)
		}
		out[i] = t
	}
	if a.room > 0 {
		out = append(out, x.inside(a))
	}
	return out
}

// least is the fewest tasks of any value of a label that open nodes have which the
// task may run on.
func (x *Index) least(a *Ask, t *tie) int32 {
	some := x.values(a, t.at)
	if int(t.counts.total) < len(some) {
		return 0 // more values than tasks
	}
	least := int32(math.MaxInt32)
	for _, v := range some {
		least = min(least, t.by[v])
	}
	return least
}

// count is how many of those meant are where the node is, and whether it is
// anywhere: a node without the label is not.
func (t *tie) count(e *node) (int32, bool) { return t.countAt(t.at.of[e.at]) }

func (t *tie) countAt(v int32) (int32, bool) {
	if v < 0 {
		return 0, false
	}
	return t.by[v], true
}

// permits reports whether a node meets the relation.
func (t *tie) permits(e *node) bool { return t.permitsAt(t.at.of[e.at]) }

// permitsAt is permits for the nodes that have one value of the label.
func (t *tie) permitsAt(v int32) bool {
	if t.soft {
		return true
	}
	if t.kind == inside {
		return v == t.least
	}
	n, ok := t.countAt(v)
	switch t.kind {
	case near:
		return ok && (n > 0 || t.free)
	case apart:
		return n == 0
	}
	if t.self {
		n++
	}
	return ok && n-t.least <= t.skew
}

// permits reports whether a node meets all relations.
func permits(ties []tie, e *node) bool {
	for i := range ties {
		if !ties[i].permits(e) {
			return false
		}
	}
	return true
}

// admit is permits without a look at the node itself, where its mould tells enough.
func admit(ties []tie, e *slot) bool {
	for i := range ties {
		t := &ties[i]
		if t.at.kinds == nil && !t.permits(e.node) || t.at.kinds != nil && !t.permitsAt(t.at.kinds[e.kind]) {
			return false
		}
	}
	return true
}

// untied says which relation a node fails first; "" when none.
func untied(ties []tie, e *node) string {
	for i := range ties {
		if !ties[i].permits(e) {
			return "not " + ties[i].text
		}
	}
	return ""
}

// value is how well a node meets a wish, 0 to 1000.
func (t *tie) value(e *node) int64 {
	n, ok := t.count(e)
	switch {
	case t.kind == near && (ok && n > 0 || t.free):
		return unit
	case t.kind == near:
		return 0
	case t.kind == apart:
		return unit / int64(1+n)
	case !ok:
		return 0
	}
	return unit / int64(1+max(n-t.least, 0))
}
