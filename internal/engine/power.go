package engine

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Power is the command to put an idle node to sleep, or to wake one.
type Power struct {
	Caller `cbor:"1,keyasint"`
	Node   string `cbor:"2,keyasint"`
	Sleep  bool   `cbor:"3,keyasint,omitempty"`
}

// InputKind implements Input.
func (*Power) InputKind() InputKind { return InputPower }

// power carries the command out. A node that fell silent may be woken, too: perhaps it
// fell asleep without being asked.
func (e *Engine) power(in *Power, key string) state.Answer {
	n := e.st.Nodes[in.Node]
	switch {
	case n == nil:
		return refuse(state.CodeNotFound, "there is no node %s", in.Node)
	case n.Sleep == nil:
		return refuse(state.CodeConflict, "node %s cannot be switched off and on: its agent has no hook for sleep, or the server none to wake it", in.Node)
	case in.Sleep && n.Power == api.PowerSleeping, !in.Sleep && (n.Power == api.PowerWaking || n.On() && !n.Silent):
		return state.Answer{Action: "unchanged"}
	case !in.Sleep:
		e.emit(&state.NodePower{Node: n.Name, State: api.PowerWaking, Reason: "asked for", Key: key})
		return state.Answer{Action: "updated"}
	}
	if why := e.wakeful(n); why != "" {
		return refuse(state.CodeConflict, "node %s cannot be put to sleep: %s", in.Node, why)
	}
	e.emit(&state.NodePower{Node: n.Name, State: api.PowerSleeping, Reason: "asked for", Key: key})
	return state.Answer{Action: "updated"}
}

// wakeful says why a node must not fall asleep now; "" when it may.
func (e *Engine) wakeful(n *state.Node) string {
	switch {
	case n.Power == api.PowerWaking:
		return "it is being woken"
	case n.Silent:
		return "it is silent"
	case len(n.Held) > 0:
		return "it holds tasks; drain it first"
	case e.bookedOn(n.Name):
		return "room on it is being freed for a task"
	case e.promisedOn(n.Name):
		return "room on it is promised to a task that waits"
	}
	return ""
}

func (e *Engine) bookedOn(node string) bool {
	return slices.ContainsFunc(e.bookings, func(b booking) bool { return b.node == node })
}

func (e *Engine) promisedOn(node string) bool {
	for _, r := range e.st.Reservations { // order-free: any will do
		if r.Node == node || slices.ContainsFunc(r.Places, func(p api.ReservedPlace) bool { return p.Node == node }) {
			return true
		}
	}
	return false
}

// awake notes that a node which was to sleep, or to wake, says that it is on.
func (e *Engine) awake(n *state.Node) {
	if n != nil && !n.On() {
		e.emit(&state.NodePower{Node: n.Name, State: api.PowerOn})
	}
}

// wakePatience is how long beyond twice its time a node that is being woken is waited for.
const wakePatience = 2 * api.Minute

// wakeLate is when a node that is being woken is given up.
func wakeLate(n *state.Node) api.Time {
	up := api.Duration(0)
	if n.Sleep != nil {
		up = n.Sleep.Waking()
	}
	return n.PowerAt.Add(2*up + wakePatience)
}

// overslept takes a node for lost that was woken and has not come.
func (e *Engine) overslept(v *timer) {
	n := e.st.Nodes[v.node]
	if n == nil || n.Power != api.PowerWaking || wakeLate(n) != v.at {
		return
	}
	e.emit(&state.NodePower{Node: n.Name, State: api.PowerOn, Reason: "it was woken and did not come"})
	e.emit(&state.NodeSilent{Node: n.Name})
}

// mayDoze reports whether a node that fell silent may be asleep although nobody asked it
// to, or not any more: its order came late, or its machine did. It is woken once in a
// silence when work would fit there; to wake a machine that is awake does no harm.
func mayDoze(n *state.Node) bool {
	return n.On() && n.Silent && n.Sleep != nil && n.PowerAt < n.SilentAt
}

// beds are the nodes that are not on, or may not be.
type beds struct {
	set    map[string]bool
	sorted bool
	coming []string // those that are being woken, in the order of that
	asleep []string // the others, those first that are best woken
}

func (b *beds) put(n *state.Node) {
	in := !n.On() || mayDoze(n)
	if b.set[n.Name] || in {
		b.sorted = false
	}
	if !in {
		delete(b.set, n.Name)
		return
	}
	if b.set == nil {
		b.set = map[string]bool{}
	}
	b.set[n.Name] = true
}

func (b *beds) drop(name string) {
	if b.set[name] {
		delete(b.set, name)
		b.sorted = false
	}
}

// listBeds brings the lists in step: nodes that are to sleep in spite of what waits,
// because they are being drained, are not among them.
func (e *Engine) listBeds() *beds {
	b := &e.beds
	if b.sorted {
		return b
	}
	b.sorted, b.coming, b.asleep = true, e.comingNodes(), nil
	for name := range b.set { // order-free: sorted below
		if n := e.st.Nodes[name]; (n.Power == api.PowerSleeping || mayDoze(n)) && n.Sleep != nil && !n.Drain {
			b.asleep = append(b.asleep, name)
		}
	}
	slices.SortFunc(b.asleep, func(x, y string) int {
		n, m := e.st.Nodes[x], e.st.Nodes[y]
		return cmp.Or(cmp.Compare(thirst(n), thirst(m)), cmp.Compare(n.Sleep.Waking(), m.Sleep.Waking()), cmp.Compare(x, y))
	})
	return b
}

// comingNodes are those that are being woken, in the order of that.
func (e *Engine) comingNodes() (names []string) {
	for name := range e.beds.set { // order-free: sorted below
		if n := e.st.Nodes[name]; n.Power == api.PowerWaking && !n.Drain {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Compare(e.st.Nodes[x].Wake, e.st.Nodes[y].Wake) })
	return names
}

// comes is the node that is being woken on which an element that fits nowhere will fit,
// and when it is expected to take work; nil when there is none.
func (e *Engine) comes(ask *sched.Ask) (*state.Node, api.Time) {
	if len(e.beds.set) == 0 {
		return nil, 0
	}
	n := e.st.Nodes[e.index.Opens(ask, e.comingNodes())]
	if n == nil || n.Sleep == nil {
		return nil, 0
	}
	return n, n.PowerAt.Add(n.Sleep.Waking())
}

// comesText says it in a phrase.
func comesText(n *state.Node, at, now api.Time) string {
	text := "waits for node " + n.Name + ", which is being woken, "
	if at <= now {
		return text + "and should be ready by now"
	}
	return text + "ready in about " + max(at.Sub(now)/api.Second*api.Second, api.Second).String()
}

// rouse has nodes woken that would take what waits.
func (e *Engine) rouse() {
	if !e.stirred || e.full() || e.err != nil {
		return
	}
	if e.takeBack() {
		e.place()
		return
	}
	if len(e.beds.set) == 0 {
		return
	}
	b := e.listBeds()
	for _, name := range e.index.Rouse(b.coming, b.asleep) {
		if e.full() {
			return
		}
		e.emit(&state.NodePower{Node: name, State: api.PowerWaking, Reason: "work waits for it"})
	}
}

// Waking lists the nodes that somebody must wake, by name, with since when.
func (e *Engine) Waking() (out []Woken) {
	for name := range e.beds.set { // order-free: sorted below
		if n := e.st.Nodes[name]; n.Power == api.PowerWaking {
			w := Woken{Node: name, Since: n.PowerAt}
			if n.Sleep != nil {
				w.Takes = n.Sleep.Waking()
			}
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Woken) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// Woken is a node that is being woken.
type Woken struct {
	Node  string
	Since api.Time
	Takes api.Duration // as its operator says
}
