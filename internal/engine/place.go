package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// place gives waiting tasks to nodes, in the queue's order, until nothing more
// fits or the batch is full.
func (e *Engine) place() {
	clear(e.loads)
	clear(e.gone)
	e.clearEmptied()
	e.freeBudgets()
	e.reconsider()
	e.index.Refresh()
	e.occupy()
	e.followPlans()
	e.placeAbove(math.MinInt32)
	e.clearEmptied()
	e.rouse()
	e.index.Rest()
}

// placeAbove goes through the queue as long as the next one has a higher priority than that.
func (e *Engine) placeAbove(priority int32) {
	for !e.full() && e.err == nil {
		e.index.Again()
		if e.index.Vacated() { // who has room now needs no promise, nor does anybody behind it
			e.index.Refresh()
		}
		e.promise()
		it, ok := e.index.Next()
		if !ok && e.index.Refresh() { // promises were taken back
			continue
		}
		if !ok || it.Ask.Priority <= priority {
			return
		}
		if e.plannable(&it) {
			e.askPlan()
			continue
		}
		e.placeNext(it)
	}
}

// placeNext places who is next, or has others make room, or refuses it.
func (e *Engine) placeNext(it sched.Item) {
	if it.Gang != nil {
		e.placeGang(it)
		return
	}
	terse := e.index.MayDisplace(it.Ask)
	it.Ask.Terse = terse
	d, devices := e.decideSeated(it.Ref, it.Ask)
	it.Ask.Terse = false
	if d.Chosen == nil && e.displace(&it) {
		return
	}
	if d.Chosen == nil && terse { // nobody goes, so that it matters why
		d, devices = e.decide(it.Ref, it.Ask)
	}
	if d.Chosen != nil && e.putOff(&it, &d) {
		return
	}
	if d.Chosen != nil && !e.affords(it.Ask, d.Chosen.Node) {
		d, devices = e.decide(it.Ref, it.Ask)
	}
	if d.Chosen == nil {
		e.refuse(it, &d)
		return
	}
	e.bind(it.Ref, &d, devices)
}

func (e *Engine) decide(ref api.TaskRef, ask *sched.Ask) (api.Decision, []api.DeviceShare) {
	e.prepare(ref, ask)
	d, devices := e.index.Decide(ref, ask, e.st.Now)
	if other, others, ok := e.triedAt(ref, ask, &d); ok {
		return other, others
	}
	return d, devices
}

// prepare says what may have changed while an element waited.
func (e *Engine) prepare(ref api.TaskRef, ask *sched.Ask) {
	w := e.st.Workloads[ref.Workload]
	ask.Profile = &w.Profiles[ref.Task]
	ask.Inputs = e.inputs(w, ref, ask.Profile)
	ask.Output = ask.Profile.BytesOut
	ask.Self, ask.Now = selfOf(ref, ask), e.st.Now
}

func (e *Engine) bind(ref api.TaskRef, d *api.Decision, devices []api.DeviceShare) {
	if r := e.index.Promised(ref); r != nil {
		e.emit(&state.ReservationEnded{ID: r.ID})
	}
	w, t := e.st.Task(ref)
	d.Stage, d.Moved = e.stageOf(w, d), e.movedWhy(w, t)
	e.emit(&state.TaskPlaced{
		Ref: ref, Try: t.Try + 1, Node: d.Chosen.Node, Decision: d, Devices: devices, Expects: e.foreseen(w, t, d.Chosen.Node),
	})
}

// placeGang places all elements or none. Each is held while the next is decided,
// so that they do not count on the same room.
func (e *Engine) placeGang(it sched.Item) {
	if it.Ask.Seated() {
		e.placeSeated(it)
		return
	}
	chosen := e.choose(it.Gang, it.Ask, nil)
	if len(chosen) < len(it.Gang) {
		d, _ := e.decide(it.Gang[len(chosen)], it.Ask)
		if d.Chosen != nil { // the room of the gang's own first elements
			d.Chosen, d.RunnersUp = nil, nil
			d.Reasons = []api.ReasonCount{{Reason: "not enough room for the whole gang", Nodes: d.Nodes}}
		}
		e.refuse(it, &d)
		return
	}
	e.bindGang(it, chosen)
}

// choice is where an element of a gang would go.
type choice struct {
	decision api.Decision
	devices  []api.DeviceShare
}

// choose decides for the elements of a gang one after the other, each on the seat
// kept for it if there is one, up to the first that fits nowhere.
func (e *Engine) choose(refs []api.TaskRef, ask *sched.Ask, seats []string) []choice {
	chosen := make([]choice, 0, len(refs))
	for i, ref := range refs {
		on := ask
		if seats != nil {
			on = ask.On(seats[i])
		}
		d, devices := e.decide(ref, on)
		if d.Chosen == nil {
			break
		}
		e.index.Try(d.Chosen.Node, ref, ask, devices)
		chosen = append(chosen, choice{d, devices})
	}
	for i := range chosen {
		e.index.Unhold(chosen[i].decision.Chosen.Node, refs[i], ask, chosen[i].devices)
	}
	return chosen
}

// placeSeated places a gang whose elements are tied to each other, or share a value
// of a label. Whether it fits is known beforehand; where choosing the best node for
// each leads into a dead end, each gets the seat that was found for it.
func (e *Engine) placeSeated(it sched.Item) {
	e.prepare(it.Ref, it.Ask)
	rooms := e.index.Rooms(it.Ref, it.Ask)
	for _, ask := range rooms {
		if chosen := e.choose(it.Gang, ask, nil); len(chosen) == len(it.Gang) {
			e.bindGang(it, chosen)
			return
		}
	}
	if len(rooms) > 0 {
		if chosen := e.choose(it.Gang, rooms[0], e.index.Seats(rooms[0])); len(chosen) == len(it.Gang) {
			e.bindGang(it, chosen)
			return
		}
	}
	d, _ := e.decide(it.Ref, it.Ask)
	if d.Chosen != nil {
		splitGang(&d, it.Ask.Unseated())
	}
	e.refuse(it, &d)
}

func (e *Engine) bindGang(it sched.Item, chosen []choice) {
	if e.putOff(&it, &chosen[0].decision) {
		return
	}
	nodes := make([]string, len(chosen))
	for i := range chosen {
		nodes[i] = chosen[i].decision.Chosen.Node
	}
	if !e.affords(it.Ask, nodes...) {
		d, _ := e.decide(it.Ref, it.Ask)
		e.refuse(it, &d)
		return
	}
	for i := range chosen {
		d := &chosen[i].decision
		if i >= fullDecisions {
			d.RunnersUp = nil // so that a gang's placements are never more than a batch
		}
		e.bind(it.Gang[i], d, chosen[i].devices)
	}
}

// fullDecisions is for how many elements of a gang the runners-up are recorded.
const fullDecisions = 16

// refuse sets a shape aside and records why, when the reasons are new. It does not
// when the task may go before others that were promised room: then it is tried again.
func (e *Engine) refuse(it sched.Item, d *api.Decision) {
	if e.goesBefore(&it) {
		return
	}
	e.index.Block(it.Ask.Shape)
	digest := shapeDigest(it.Ask.Shape)
	if old := e.st.Refusals[digest]; old != nil && sameReasons(old.Decision.Reasons, d.Reasons) {
		return
	}
	e.emit(&state.ShapeRefused{Shape: digest, Ref: it.Ref, Decision: d})
}

// clearEmptied takes back refusals of shapes that left the queue. While tasks of a
// shape wait, its refusal stands.
func (e *Engine) clearEmptied() {
	for _, shape := range e.emptied {
		if e.index.Queued(shape) {
			continue
		}
		if digest := shapeDigest(shape); e.st.Refusals[digest] != nil {
			e.emit(&state.ShapeCleared{Shape: digest})
		}
	}
	e.emptied = e.emptied[:0]
}

func sameReasons(a, b []api.ReasonCount) bool {
	if len(a) != len(b) {
		return false
	}
	for _, r := range a {
		if !slices.ContainsFunc(b, func(s api.ReasonCount) bool { return s.Reason == r.Reason }) {
			return false
		}
	}
	return true
}

func shapeDigest(shape string) string {
	sum := sha256.Sum256([]byte(shape))
	return hex.EncodeToString(sum[:12])
}

type loadKey struct {
	workload uint64
	task     uint16
	index    uint32
}

// inputs says how many bytes a task needs from which site: its program and input
// artifacts from the cell's store, outputs of earlier tasks from where they were
// made.
func (e *Engine) inputs(w *state.Workload, ref api.TaskRef, p *api.Profile) []sched.Load {
	task := &w.Spec.Tasks[ref.Task]
	key := loadKey{ref.Workload, ref.Task, 0}
	made := false
	for i := range task.Inputs {
		made = made || task.Inputs[i].Task != ""
		if task.Inputs[i].Each == "same" {
			key.index = ref.Index + 1
		}
	}
	if !made && p.BytesIn == 0 {
		return nil
	}
	if loads, ok := e.loads[key]; ok {
		return loads
	}
	loads := e.loadsOf(w, ref, p)
	e.loads[key] = loads
	return loads
}

func (e *Engine) loadsOf(w *state.Workload, ref api.TaskRef, p *api.Profile) (loads []sched.Load) {
	if p.BytesIn > 0 {
		loads = append(loads, sched.Load{Site: e.st.Settings.Home, Bytes: p.BytesIn})
	}
	e.eachSupply(w, ref, func(_ *api.Input, from *state.Task, v *api.Value) {
		if n := e.st.Nodes[from.Node]; n != nil {
			loads = addLoad(loads, n.Site, v.Size)
		}
	})
	return loads
}

func addLoad(loads []sched.Load, site string, n api.Bytes) []sched.Load {
	for i := range loads {
		if loads[i].Site == site {
			loads[i].Bytes += n
			return loads
		}
	}
	return append(loads, sched.Load{Site: site, Bytes: n})
}

// EachSupply calls f for the outputs of earlier tasks that an element takes in, with
// their size and the site of the node that has them; "" is a node at no site.
func (e *Engine) EachSupply(ref api.TaskRef, f func(site string, n api.Bytes)) {
	w := e.st.Workloads[ref.Workload]
	if w == nil || int(ref.Task) >= len(w.Spec.Tasks) {
		return
	}
	e.eachSupply(w, ref, func(_ *api.Input, from *state.Task, v *api.Value) {
		if n := e.st.Nodes[from.Node]; n != nil {
			f(n.Site, v.Size)
		}
	})
}

// eachSupply calls f for every output of an earlier task that an element takes in.
func (e *Engine) eachSupply(w *state.Workload, ref api.TaskRef, f func(in *api.Input, from *state.Task, v *api.Value)) {
	task := &w.Spec.Tasks[ref.Task]
	for i := range task.Inputs {
		in := &task.Inputs[i]
		if in.Task == "" {
			continue
		}
		for gi := range w.Spec.Tasks {
			if w.Spec.Tasks[gi].Name != in.Task {
				continue
			}
			if in.Each == "same" {
				eachValue(in, w.Groups[gi].Get(ref.Index), f)
				continue
			}
			for _, from := range w.Groups[gi].Tasks {
				eachValue(in, from, f)
			}
		}
	}
}

// eachValue calls f for the values of one element that an input names.
func eachValue(in *api.Input, from *state.Task, f func(in *api.Input, from *state.Task, v *api.Value)) {
	if from == nil || from.Result == nil {
		return
	}
	for i := range from.Result.Outputs {
		if v := &from.Result.Outputs[i]; v.Name == in.Output {
			f(in, from, v)
		}
	}
}
