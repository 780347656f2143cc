package chaos

import (
	"fmt"
	"reflect"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
)

// tables holds every state that any reducer was ever in, once, by its print. What
// a reducer makes of an input is computed once a state: the exploration is then
// walking along arrows that are known already, and a reducer is run only where it
// has never been. Reducers cannot be copied; one that is needed again is made anew
// from the inputs that lead to it.
type tables struct {
	p       *printer
	things  map[string]*thing
	minds   map[string]*mind
	ledgers map[string]*ledger
	views   map[string]*view
	ears    map[string]*ears
	steps   int // of reducers that were really run
	doubts  int // how often two cores of one print were compared
	fault   string
	line    *line // nil when histories branch

	pullEvery api.Duration
	agents    int
}

func (in *Instance) tables() *tables {
	every := api.Duration(heartbeat) // else a lost hint would never be made good
	switch {
	case in.storm != nil:
		every = 3 * tick
	case in.Beats:
		every = forever
	}
	return &tables{
		pullEvery: every, agents: in.Agents, line: in.storm.line(),
		p: newPrinter(), things: map[string]*thing{}, minds: map[string]*mind{}, ledgers: map[string]*ledger{},
		views: map[string]*view{}, ears: map[string]*ears{},
	}
}

// thing is an immutable value: the content of a letter, an input of the engine.
type thing struct {
	id    uint32
	value any
}

// thing finds the one of equal content.
func (t *tables) thing(v any) *thing {
	if t.line != nil {
		return t.line.thing(v)
	}
	key := fmt.Sprintf("%T ", v) + string(t.p.print(v))
	if x, ok := t.things[key]; ok {
		return x
	}
	x := &thing{id: uint32(len(t.things) + 1), value: v}
	t.things[key] = x
	return x
}

func (x *thing) number() uint32 {
	if x == nil {
		return 0
	}
	return x.id
}

// call is a kind of request of an agent; at most one of a kind is under way.
type call uint8

const (
	hello call = iota
	pull
	reports
	beat
	calls
)

var callFields = [calls]string{"hello", "pull", "reports", "beat"}

// stimulus is something that a mind takes in. Answers do not say which call they
// answer: it is the one under way.
type stimulus struct {
	kind stimulusKind
	what *thing
}

type stimulusKind uint8

const (
	stimTime stimulusKind = iota // nothing but that time has passed
	stimResume
	stimLinkUp
	stimHinted   // api.Hint
	stimWelcomed // api.Welcome
	stimSet      // api.AssignmentSet
	stimAcked    // api.ReportsAck
	stimBeaten   // api.Hint
	stimRefused  // call
	stimPrepared // api.Attempt
	stimStarted  // api.Attempt
	stimAdopted  // api.Attempt
	stimEnded    // core.Ended
	stimSlept    // core.Slept
)

// input makes the core's input of a stimulus; tickets are those of its calls.
func (s stimulus) input(tickets [calls]uint64) core.Input {
	switch s.kind {
	case stimResume:
		return core.Resume{}
	case stimLinkUp:
		return core.LinkUp{}
	case stimHinted:
		return core.Hinted{Hint: s.what.value.(api.Hint)}
	case stimWelcomed:
		return core.Welcomed{Ticket: tickets[hello], Welcome: s.what.value.(api.Welcome)}
	case stimSet:
		return core.Set{Ticket: tickets[pull], Set: s.what.value.(api.AssignmentSet)}
	case stimAcked:
		return core.Acked{Ticket: tickets[reports], Ack: s.what.value.(api.ReportsAck)}
	case stimBeaten:
		return core.Beaten{Ticket: tickets[beat], Hint: s.what.value.(api.Hint)}
	case stimRefused:
		return core.Refused{Ticket: tickets[s.what.value.(call)]}
	case stimPrepared:
		return core.Prepared{About: core.About{ID: s.what.value.(api.Attempt)}}
	case stimStarted:
		return core.Started{About: core.About{ID: s.what.value.(api.Attempt)}}
	case stimAdopted:
		return core.Adopted{About: core.About{ID: s.what.value.(api.Attempt)}}
	case stimEnded:
		return s.what.value.(core.Ended)
	case stimSlept:
		return s.what.value.(core.Slept)
	}
	return nil
}

// ledger is what an agent's disk holds.
type ledger struct {
	id      uint32
	records []core.Record
}

// ledger finds the one that gives a restarted agent the same mind.
func (t *tables) ledger(node string, records []core.Record) *ledger {
	if t.line != nil {
		return t.line.ledger(records)
	}
	c := t.wake(node, firstBoot, records)
	key := string(t.p.print(c))
	if l, ok := t.ledgers[key]; ok {
		return l
	}
	l := &ledger{id: uint32(len(t.ledgers) + 1), records: records}
	t.ledgers[key] = l
	return l
}

// wake makes a core from the records of its earlier lives.
func (t *tables) wake(node, boot string, records []core.Record) *core.Core {
	c := core.New(core.Config{Node: node, Boot: boot, PullEvery: t.pullEvery})
	for i := range records {
		c.Replay(&records[i])
	}
	return c
}

// mind is a state of an agent's core.
type mind struct {
	id       uint32
	node     string
	ledger   *ledger // of a mind that has just been made
	parent   *mind   // else: from which it came
	by       stimulus
	now      api.Duration // of the last step
	live     *core.Core   // this very state, until it is stepped
	tickets  [calls]uint64
	epoch    uint64
	have     uint64
	welcomed bool
	grip     string // everything but its calls that an obeyed message may change
	known    map[api.Attempt]bool
	unsent   []saying // final reports in its outbox
	next     map[occasion]*reaction
	tried    []occasion // the keys of next, in order
}

// occasion is a stimulus at a time.
type occasion struct {
	now api.Duration
	stimulus
}

// reaction is what a mind makes of an occasion.
type reaction struct {
	mind  *mind
	out   core.Output
	ended [calls]bool // calls that are not awaited any more
}

// mind finds the one of a core's state.
func (t *tables) mind(node string, c *core.Core) (m *mind, fresh bool) {
	if t.line != nil {
		return t.line.mind(node, c), false
	}
	key := node + "\x00" + string(t.p.print(c))
	if m, ok := t.minds[key]; ok {
		return m, false
	}
	m = &mind{id: uint32(len(t.minds) + 1), node: node, live: c, next: map[occasion]*reaction{}}
	m.look(c)
	m.grip = t.gripOf(c)
	t.minds[key] = m
	return m, true
}

// look reads what the properties speak of.
func (m *mind) look(c *core.Core) {
	v := reflect.ValueOf(c).Elem()
	m.glance(c, v)
	m.known = map[api.Attempt]bool{}
	attempts := v.FieldByName("attempts")
	for it := attempts.MapRange(); it.Next(); {
		id := attemptOf(it.Key())
		m.known[id] = true
		m.unsent = append(m.unsent, finals(id, it.Value().Elem().FieldByName("reports"))...)
	}
	slices.SortFunc(m.unsent, saying.compare)
}

// glance reads what is read of every mind.
func (m *mind) glance(c *core.Core, v reflect.Value) {
	m.tickets, m.epoch = ticketsOf(c), c.Epoch()
	m.welcomed, m.have = v.FieldByIndex(paths.welcomed).Bool(), v.FieldByIndex(paths.have).Uint()
}

// paths leads to the fields of a core that are read after every step.
var paths = newCorePaths()

type corePaths struct {
	welcomed, have, outbox []int
	tickets                [calls][]int
}

func newCorePaths() (p corePaths) {
	p.welcomed, p.have, p.outbox = path("link", "welcomed"), path("set", "have"), path("outbox")
	for i, name := range callFields {
		p.tickets[i] = path("link", name, "ticket")
	}
	return p
}

func path(names ...string) (out []int) {
	t := reflect.TypeFor[core.Core]()
	for _, name := range names {
		f, ok := t.FieldByName(name)
		if !ok {
			return nil // TestPathsLeadSomewhere says so
		}
		out, t = append(out, f.Index...), f.Type
	}
	return out
}

// grip is what an obeyed message may change, but for the calls.
func (t *tables) grip(m *mind) string {
	if m.grip == "" {
		m.grip = t.gripOf(m.live) // in a line, the present mind is alive
	}
	return m.grip
}

func (t *tables) gripOf(c *core.Core) string {
	v := reflect.ValueOf(c).Elem()
	t.p.buf = t.p.buf[:0]
	clear(t.p.seen)
	for _, x := range []reflect.Value{v.FieldByName("set").FieldByName("have"), v.FieldByName("link").FieldByName("welcomed"), v.FieldByName("lease"), v.FieldByName("attempts")} {
		t.p.value(x, 0)
	}
	return string(t.p.buf)
}

// holds is how many attempts are known to it.
func (m *mind) holds() int {
	if m.known == nil {
		return m.live.Len()
	}
	return len(m.known)
}

// knows tells whether an attempt is known to it.
func (m *mind) knows(id api.Attempt) bool {
	if m.known == nil {
		return m.live.Holds(id)
	}
	return m.known[id]
}

// finals lists the final ones of an attempt's reports.
func finals(id api.Attempt, reports reflect.Value) (out []saying) {
	for i := range reports.Len() {
		r := reports.Index(i)
		if api.ReportKind(r.FieldByName("Kind").Uint()) == api.ReportEnded {
			outcome := r.FieldByName("Result").Elem().FieldByName("Outcome").Uint()
			out = append(out, saying{id, uint32(r.FieldByName("N").Uint()), api.Outcome(outcome)})
		}
	}
	return out
}

func attemptOf(v reflect.Value) api.Attempt {
	ref := v.FieldByName("TaskRef")
	return api.Attempt{TaskRef: api.TaskRef{
		Workload: ref.FieldByName("Workload").Uint(), Task: uint16(ref.FieldByName("Task").Uint()), Index: uint32(ref.FieldByName("Index").Uint()),
	}, Try: uint32(v.FieldByName("Try").Uint())}
}

func ticketsOf(c *core.Core) (out [calls]uint64) {
	v := reflect.ValueOf(c).Elem()
	for i, path := range paths.tickets {
		out[i] = v.FieldByIndex(path).Uint()
	}
	return out
}

// boot is the first mind of an agent's life.
func (t *tables) boot(node, boot string, l *ledger) *mind {
	m, fresh := t.mind(node, t.wake(node, boot, l.records))
	if fresh {
		m.ledger = l
	}
	return m
}

// step lets a mind take something in.
func (t *tables) step(m *mind, now api.Duration, s stimulus) *reaction {
	if t.line != nil {
		return t.goOn(m, now, s)
	}
	at := occasion{now, s}
	if r, ok := m.next[at]; ok {
		return r
	}
	c := m.core(t)
	out := stepCore(c, now, s, m.tickets)
	next, fresh := t.mind(m.node, c)
	after := ticketsOf(c)
	if fresh {
		next.parent, next.by, next.now = m, s, now
	} else {
		t.compare(next, c)
	}
	r := react(m, next, after, out)
	m.next[at] = r
	m.tried = append(m.tried, at)
	return r
}

// react says what came of a step, and which calls it ended.
func react(m, next *mind, after [calls]uint64, out core.Output) *reaction {
	r := &reaction{mind: next, out: out}
	for k := range r.ended {
		r.ended[k] = m.tickets[k] != 0 && after[k] != m.tickets[k]
	}
	return r
}

// compare lets a core that has come to a known mind by another way make one more
// step, which must be that of the mind: what a print leaves out does not matter.
func (t *tables) compare(m *mind, c *core.Core) {
	if len(m.tried) == 0 {
		return
	}
	t.doubts++
	at := m.tried[t.doubts%len(m.tried)]
	r := m.next[at]
	out := stepCore(c, at.now, at.stimulus, ticketsOf(c))
	other, _ := t.mind(m.node, c)
	if other != r.mind || deeds(out) != deeds(r.out) {
		t.fault = fmt.Sprintf("the model takes two states of node %s for one, which differ in what they make of %+v: %s, %s", m.node, at.stimulus, deeds(out), deeds(r.out))
	}
}

// deeds says what a step came to.
func deeds(o core.Output) string {
	list := ""
	for _, a := range slices.Concat(o.Urgent, o.Actions) {
		list += fmt.Sprintf(" %T", a)
	}
	return fmt.Sprintf("%d starts, %d reports, sync %v,%s", len(o.Record.Starts), len(o.Record.Reports), o.Sync, list)
}

func stepCore(c *core.Core, now api.Duration, s stimulus, tickets [calls]uint64) core.Output {
	if in := s.input(tickets); in != nil {
		return c.Step(now, in)
	}
	return c.Step(now)
}

// core gives the state itself, to be stepped.
func (m *mind) core(t *tables) *core.Core {
	t.steps++
	if c := m.live; c != nil {
		m.live = nil
		return c
	}
	var path []*mind
	first := m
	for ; first.parent != nil; first = first.parent {
		path = append(path, first)
	}
	c := t.wake(first.node, firstBoot, first.ledger.records)
	for i := len(path) - 1; i >= 0; i-- {
		stepCore(c, path[i].now, path[i].by, path[i].parent.tickets)
	}
	return c
}
