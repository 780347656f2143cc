package chaos

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// line stands in for the tables where histories do not branch: no state comes
// again, so nothing is looked up, and each reducer is the living one, which goes on
// from where it is. The world around them, and what must hold in it, is the same.
type line struct {
	things  uint32
	readers []reader // one a server; the last one reads to the journal's end
	auditor reader
	audited int    // records since the auditor began anew
	passed  passed // what the journal's tasks went through

	happened map[string]int // what servers and nodes did
}

// reader is somebody's knowledge of the journal: an engine that stands at a view.
type reader struct {
	at     *view
	engine *engine.Engine
}

// auditEvery is after how many records the auditor is one that was rebuilt from the
// journal.
const auditEvery = 64

func (s *Storm) line() *line {
	if s == nil {
		return nil
	}
	return &line{readers: make([]reader, s.Servers+1), happened: map[string]int{}}
}

func (l *line) thing(v any) *thing {
	l.things++
	return &thing{id: l.things, value: v}
}

func (l *line) ledger(records []core.Record) *ledger {
	l.things++
	return &ledger{id: l.things, records: records}
}

func (l *line) mind(node string, c *core.Core) *mind {
	l.things++
	m := &mind{id: l.things, node: node, live: c}
	v := reflect.ValueOf(c).Elem()
	m.glance(c, v)
	outbox := v.FieldByIndex(paths.outbox) // who has reports that are not acknowledged
	for i := range outbox.Len() {
		a := outbox.Index(i).Elem()
		m.unsent = append(m.unsent, finals(attemptOf(a.FieldByName("Attempt")), a.FieldByName("reports"))...)
	}
	return m
}

// goOn lets the present mind of an agent take something in.
func (t *tables) goOn(m *mind, now api.Duration, s stimulus) *reaction {
	t.steps++
	c := m.live
	m.live = nil
	out := stepCore(c, now, s, m.tickets)
	next, _ := t.mind(m.node, c)
	return react(m, next, next.tickets, out)
}

// read brings a reader to a view of the journal, by the records that it has not
// read yet.
func (l *line) read(reader int, v *view) *engine.Engine {
	r := &l.readers[reader]
	var path []*view
	at := v
	for ; at != nil && at != r.at; at = at.parent {
		path = append(path, at)
	}
	if at == nil || r.engine == nil { // what it had read last is not in the journal any more
		r.engine = engine.NewFollower(state.New())
	}
	for _, u := range slices.Backward(path) {
		if r.engine.Follow(u.now, u.events) != nil {
			break // deciding will say why
		}
	}
	r.at = v
	return r.engine
}

// forget lets a server that starts again read the journal from the beginning.
func (t *tables) forget(server int) {
	if t.line != nil {
		t.line.readers[server] = reader{}
	}
}

func (x *run) readerOf(s *server) int { return slices.Index(x.servers, s) }

// decideOn lets the engine that has come to a view go on from there. Whoever else
// stands at that view, or begins an epoch there, makes its own from the journal.
func (t *tables) decideOn(v *view, now api.Time, inputs []*thing) *decision {
	t.steps++
	e, batch := v.live, batchOf(inputs)
	if v.live = nil; e == nil || slices.ContainsFunc(batch, opens) {
		st, err := v.fold()
		if err != nil {
			return &decision{err: err}
		}
		e = engine.New(st)
	}
	out, err := e.Step(now, batch)
	if err == nil {
		err = engine.Check(e, out)
	}
	if err != nil {
		return &decision{err: err}
	}
	if len(out.Events) == 0 && len(inputs) == 0 {
		v.live, v.wake, v.more = e, out.Wake, out.More
		return &decision{view: v, idle: true}
	}
	d := &decision{view: v.goOnTo(now, out, e, inputs), events: out.Events, answers: out.Answers, more: out.More}
	d.view.live = e
	return d
}

// opens reports whether an input begins an epoch.
func opens(in engine.Input) bool {
	_, ok := in.(*engine.Lead)
	return ok
}

// goOnTo makes the view behind this one in a line: it looks only at what may have
// changed, which for a node's set is said by its version.
func (v *view) goOnTo(now api.Time, out engine.Output, e *engine.Engine, inputs []*thing) *view {
	st := e.State()
	n := &view{parent: v, now: now, events: out.Events, given: out.Answers, wake: out.Wake, more: out.More, epoch: st.Epoch}
	n.id = v.id + 1
	n.nodes = slices.Clone(v.nodes)
	for j := range n.nodes {
		node, was := st.Nodes[nodeNames[j]], &n.nodes[j]
		if node != nil && (!was.registered || was.silent != node.Silent || was.version != node.Version || was.power != node.Power || was.powerAt != node.PowerAt) {
			gone, ordered := was.gone, was.ordered
			if was.power != node.Power {
				ordered = st.Epoch
			}
			n.nodes[j] = lookAt(e, node)
			n.nodes[j].gone, n.nodes[j].ordered = gone, ordered
		}
	}
	n.lookAtTasks(st)
	n.remember(v, batchOf(inputs))
	n.answers = map[string]state.Answer{}
	for i, in := range inputs {
		if key := callerOf(in); key != "\x00" {
			n.answers[key] = out.Answers[i]
			if was, ok := v.answer(key); ok && was != out.Answers[i] {
				n.fault = fmt.Sprintf("an answer that stood in the journal was changed: %v became %v", was, out.Answers[i])
			}
		}
	}
	if n.fault == "" {
		n.fault = cmp.Or(n.reverses(v), v.misplaced(out.Events))
	}
	return n
}

// reread checks a record that has come to stand in the journal, and notes what it
// makes of tasks.
func (t *tables) reread(r *record) string {
	if t.line == nil {
		return ""
	}
	t.line.passed.note(r.view)
	return t.reaudit(r)
}

// reaudit decides once more on what a record was decided on, as a follower audits:
// with an engine that is made anew from the journal where an epoch begins, as its
// leader's is. Where the journal has lost records that it has seen, it waits for the
// next epoch. Now and then the journal is replayed and compared.
func (t *tables) reaudit(r *record) string {
	a, before := &t.line.auditor, r.parent.view
	begins := r.view.epoch != before.epoch
	if !begins && a.at != before {
		return ""
	}
	if t.line.audited++; begins || t.line.audited%auditEvery == 0 {
		st, err := before.fold()
		if err != nil {
			return fmt.Sprintf("replaying the journal fails: %v", err)
		}
		if a.at == before && string(t.p.print(st)) != string(t.p.print(a.engine.State())) {
			return "audit: replaying the journal gives another state than living did"
		}
		if begins {
			a.engine = engine.New(st)
		}
	}
	a.at = r.view
	out, err := a.engine.Step(r.view.now, batchOf(r.inputs))
	if err == nil {
		err = engine.CheckState(a.engine.State())
	}
	if err != nil {
		return fmt.Sprintf("audit of record %d: %v", r.mark.N, err)
	}
	if string(t.p.print(out.Events, out.Answers)) != string(t.p.print(r.view.events, r.view.given)) {
		return fmt.Sprintf("audit: record %d was decided otherwise than it is decided again: %v %v", r.mark.N, showEvents(r.view.events), showEvents(out.Events))
	}
	return ""
}

// notice looks around before anything is decided at a time to which the clock was
// set forward, so that the leases of silent nodes run anew.
func (x *run) notice(i int) {
	if x.t.line == nil {
		return
	}
	s := x.server(i)
	if _, jump := s.time.Now(x.wall(s), x.monotonic()); jump > tick && s.opened {
		x.look(i)
	}
}

// passed counts what tasks go through, by the status before and after. The status
// before a task's first is taken for waiting.
type passed [api.TaskCheckpointed + 1][api.TaskCheckpointed + 1]int

func (p *passed) note(v *view) {
	for i := range v.tasks {
		from := api.TaskWaiting
		if i < len(v.parent.tasks) {
			from = v.parent.tasks[i].status
		}
		if to := v.tasks[i].status; to != from {
			p[from][to]++
		}
	}
}
