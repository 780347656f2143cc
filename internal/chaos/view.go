package chaos

import (
	"cmp"
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// view is a state of the cell, with what a server remembers beside it: which
// attempts went off each node, and which final reports stand in the journal.
type view struct {
	id     uint32
	parent *view
	now    api.Time
	events []state.Event

	epoch   uint64
	nodes   []nodeView
	tasks   []taskView
	answers map[string]state.Answer
	said    []saying
	done    bool   // every workload has ended, and there is one
	fault   string // a property that the batch which led here violates

	given []state.Answer // what was answered to the batch that led here
	wake  api.Time       // when the engine has something to do by itself; 0 is never
	more  bool           // it has at once

	live   *engine.Engine // this very state, until it decides
	next   map[string]*decision
	wanted map[interest]*thing
}

type nodeView struct {
	registered, silent bool
	version            uint64
	held               []api.Assignment
	gone               []departure

	power   api.PowerState
	powerAt api.Time
	lostAt  api.Time // since when it is silent
	ordered uint64   // the epoch in which it was changed
}

// departure says that an attempt went off a node at a version of its set.
type departure struct {
	attempt api.Attempt
	version uint64
}

type taskView struct {
	ref    api.TaskRef
	status api.TaskStatus
	try    uint32 // the last one
	lost   uint32 // the last one before it that was given up with its node
	result *api.Result
}

// saying is a final report that stands in the journal.
type saying struct {
	attempt api.Attempt
	n       uint32
	outcome api.Outcome
}

// decision is what the engine makes of inputs at a time.
type decision struct {
	view    *view
	events  []state.Event
	answers []state.Answer
	more    bool
	idle    bool // no events
	err     error
}

// first is the state of a cell in which only the settings were made.
func (in *Instance) first(t *tables) *view {
	settings := state.DefaultSettings()
	if settings.Lease, settings.Drift = lease, drift; in.Bug == NoDrift {
		settings.Drift = 0
	}
	events := []state.Event{&state.SettingsChanged{Settings: settings}}
	if in.naps {
		events = append(events, napSite())
	}
	return t.view(nil, epochBegin, events, nil, nil)
}

// fold makes the state of a view.
func (v *view) fold() (*state.State, error) {
	var path []*view
	for ; v != nil; v = v.parent {
		path = append(path, v)
	}
	st := state.New()
	for i := len(path) - 1; i >= 0; i-- {
		if err := apply(st, path[i].now, path[i].events); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// apply folds the events of one record in.
func apply(st *state.State, now api.Time, events []state.Event) error {
	st.Now = max(st.Now, now)
	for _, ev := range events {
		if err := st.Apply(now, ev); err != nil {
			return err
		}
	}
	return nil
}

// decide lets the engine decide on inputs. It decides twice: once with the engine
// that has lived through everything, if it is still there, and once with one that
// was rebuilt from the journal, as a follower audits.
func (t *tables) decide(v *view, now api.Time, inputs []*thing) *decision {
	if t.line != nil {
		return t.decideOn(v, now, inputs)
	}
	key := fmt.Sprint(now)
	for _, in := range inputs {
		key += fmt.Sprintf(" %d", in.id)
	}
	if d, ok := v.next[key]; ok {
		return d
	}
	d := t.decideAnew(v, now, inputs)
	v.next[key] = d
	return d
}

func (t *tables) decideAnew(v *view, now api.Time, inputs []*thing) *decision {
	t.steps++
	batch := batchOf(inputs)
	st, err := v.fold()
	if err != nil {
		return &decision{err: err}
	}
	e := engine.New(st)
	out, err := e.Step(now, batch)
	if err == nil {
		err = engine.Check(e, out)
	}
	if err == nil {
		err = engine.CheckState(e.State())
	}
	if err != nil {
		return &decision{err: err}
	}
	if len(out.Events) == 0 && len(inputs) == 0 {
		return &decision{view: v, idle: true}
	}
	d := &decision{events: out.Events, answers: out.Answers, more: out.More}
	d.view = t.view(v, now, out.Events, batch, e)
	if d.view.fault == "" {
		d.view.fault = t.audit(v, now, batch, out, e)
	}
	if d.view.live == nil {
		d.view.live = e
	}
	return d
}

func batchOf(inputs []*thing) []engine.Input {
	batch := make([]engine.Input, len(inputs))
	for i := range inputs {
		batch[i] = inputs[i].value.(engine.Input)
	}
	return batch
}

// audit compares what the engine rebuilt from the journal decided with what the
// one that lived through it decides, and its state with the one that is folded
// from the events. It says what differs.
func (t *tables) audit(v *view, now api.Time, batch []engine.Input, out engine.Output, e *engine.Engine) string {
	rebuilt := string(t.p.print(out.Events, out.Answers))
	if old := v.live; old != nil {
		v.live = nil
		lived, err := old.Step(now, batch)
		if err != nil || string(t.p.print(lived.Events, lived.Answers)) != rebuilt {
			return fmt.Sprintf("audit: an engine rebuilt from the journal decides otherwise than the one that lived through it (%v): %v %v", err, showEvents(out.Events), showEvents(lived.Events))
		}
	}
	st, err := v.fold()
	if err == nil {
		err = apply(st, now, out.Events)
	}
	if err != nil || string(t.p.print(st)) != string(t.p.print(e.State())) {
		return fmt.Sprintf("audit: replaying the journal gives another state than living did (%v)", err)
	}
	return ""
}

// interest is what a node reports.
type interest struct {
	node    int
	reports *thing
}

// concerning picks the reports that may change something in a state; nil if none.
// In a line, the reader says whose knowledge of the journal it is.
func (t *tables) concerning(reader int, v *view, node int, reports *thing) *thing {
	if t.line != nil {
		return t.concern(t.line.read(reader, v), node, reports)
	}
	key := interest{node, reports}
	if kept, ok := v.wanted[key]; ok {
		return kept
	}
	st, err := v.fold()
	if err != nil {
		return reports // deciding will say why
	}
	v.wanted[key] = t.concern(engine.NewFollower(st), node, reports)
	return v.wanted[key]
}

func (t *tables) concern(e *engine.Engine, node int, reports *thing) *thing {
	var kept []api.Report
	for _, r := range reports.value.([]api.Report) {
		if e.Concerns(nodeNames[node], &r) {
			kept = append(kept, r)
		}
	}
	if kept == nil {
		return nil
	}
	return t.thing(kept)
}

// answer is what a command was answered, if that stands in the journal.
func (v *view) answer(key string) (state.Answer, bool) {
	for ; v != nil; v = v.parent { // a view of a line knows its own batch's answers only
		if a, ok := v.answers[key]; ok {
			return a, true
		}
	}
	return state.Answer{}, false
}

// view finds the one that events lead to.
func (t *tables) view(parent *view, now api.Time, events []state.Event, inputs []engine.Input, e *engine.Engine) *view {
	v := &view{parent: parent, now: now, events: events, next: map[string]*decision{}, wanted: map[interest]*thing{}}
	var st *state.State
	if e != nil {
		st = e.State()
	} else {
		st, _ = v.fold() // the settings alone
		e = engine.NewFollower(st)
	}
	v.look(e, t.agents)
	if parent != nil {
		v.remember(parent, inputs)
		v.fault = v.contradicts(parent)
	}
	gone := make([][]departure, len(v.nodes))
	for i := range v.nodes {
		gone[i] = v.nodes[i].gone
	}
	key := string(t.p.print(st, gone, v.said, v.fault))
	if known, ok := t.views[key]; ok {
		return known
	}
	v.id = uint32(len(t.views) + 1)
	t.views[key] = v
	return v
}

// look reads what servers and properties speak of.
func (v *view) look(e *engine.Engine, agents int) {
	st := e.State()
	v.epoch, v.answers = st.Epoch, map[string]state.Answer{}
	for key, a := range st.Keys { // order-free: a copy
		v.answers[key] = a
	}
	v.nodes = make([]nodeView, agents)
	for i, name := range nodeNames[:agents] {
		if n := st.Nodes[name]; n != nil {
			v.nodes[i] = lookAt(e, n)
		}
	}
	v.lookAtTasks(st)
}

func lookAt(e *engine.Engine, n *state.Node) nodeView {
	v := nodeView{registered: true, silent: n.Silent, version: n.Version, power: n.Power, powerAt: n.PowerAt, lostAt: n.SilentAt}
	for _, held := range n.SortedHeld() {
		w, t := e.State().Task(held.Ref)
		v.held = append(v.held, e.Assignment(w, t))
	}
	return v
}

func (v *view) lookAtTasks(st *state.State) {
	v.done = len(st.Workloads) > 0
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		v.done = v.done && w.Status.Final()
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				v.tasks = append(v.tasks, taskView{ref: t.Ref, status: t.Status, try: t.Try, lost: t.LostTry, result: t.Result})
			}
		}
	}
}

// remember notes what went off the nodes, and what was said for good.
func (v *view) remember(before *view, inputs []engine.Input) {
	for i := range v.nodes {
		n, was := &v.nodes[i], &before.nodes[i]
		n.gone = was.gone
		for j := range was.held {
			id := was.held[j].Attempt
			if !slices.ContainsFunc(n.held, func(a api.Assignment) bool { return a.Attempt == id }) {
				n.gone = append(slices.Clip(n.gone), departure{id, n.version})
			}
		}
	}
	v.said = before.said
	for _, in := range inputs {
		r, ok := in.(*engine.Reports)
		if !ok {
			continue
		}
		for _, x := range r.Reports {
			s := saying{attempt: x.Attempt, n: x.N}
			if x.Kind == api.ReportEnded && !slices.ContainsFunc(v.said, s.same) {
				s.outcome = x.Result.Outcome
				v.said = append(slices.Clip(v.said), s)
			}
		}
	}
	if len(v.said) == len(before.said) {
		return
	}
	v.said = slices.Clone(v.said)
	slices.SortFunc(v.said, saying.compare)
}

func (s saying) compare(o saying) int {
	return cmp.Or(state.CompareRefs(s.attempt.TaskRef, o.attempt.TaskRef), cmp.Compare(s.attempt.Try, o.attempt.Try), cmp.Compare(s.n, o.n))
}

func (s saying) same(o saying) bool { return s.attempt == o.attempt && s.n == o.n }

// contradicts says in what a state takes back what stood in the one before.
func (v *view) contradicts(before *view) string {
	for key, a := range before.answers { // order-free: any violation will do
		if v.answers[key] != a {
			return fmt.Sprintf("an answer that stood in the journal was changed: %v became %v", a, v.answers[key])
		}
	}
	return v.reverses(before)
}

// reverses says which task's end it takes back.
func (v *view) reverses(before *view) string {
	for i := range before.tasks {
		was, is := &before.tasks[i], &v.tasks[i]
		if was.status.Final() && (is.status != was.status || is.result != was.result) {
			return fmt.Sprintf("task %v had ended as %v with a result, and then changed to %v", was.ref, was.status, is.status)
		}
	}
	for _, s := range v.said {
		if s.outcome != api.OutcomeSucceeded || slices.ContainsFunc(before.said, s.same) {
			continue
		}
		i := slices.IndexFunc(before.tasks, func(t taskView) bool {
			return t.ref == s.attempt.TaskRef && (s.attempt.Try == t.try || s.attempt.Try == t.lost)
		})
		if i >= 0 && !v.tasks[i].status.Final() {
			return fmt.Sprintf("task %v succeeded in try %d, as the journal knows, but has not ended", s.attempt.TaskRef, s.attempt.Try)
		}
	}
	return ""
}
