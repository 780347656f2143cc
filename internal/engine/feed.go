package engine

import (
	"maps"
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// entry is what the index knows of one element.
type entry struct {
	ask     *sched.Ask
	node    string // holds capacity there; "": it is queued
	devices []api.DeviceShare
}

// rebuild derives the indexes from the state.
func (e *Engine) rebuild() {
	e.index.SetHome(e.st.Settings.Home)
	e.useStrategies()
	for _, name := range e.st.SortedSites() {
		e.index.PutSite(*e.st.Sites[name])
	}
	for _, key := range e.st.SortedSignals() {
		e.index.PutSignal(e.st.Signals[key])
	}
	for _, name := range e.st.SortedNodes() {
		n := e.st.Nodes[name]
		e.index.PutNode(n.Node)
		e.open(n)
		e.beds.put(n)
		e.resettle(n)
		e.nodeTimers(n)
		e.touchNode(name)
	}
	for _, id := range e.st.SortedWorkloads() {
		w := e.st.Workloads[id]
		e.syncWorkload(w)
		e.workloadTimers(w)
		e.house(w)
		e.noteSlicer(w)
		if w.Status.Final() {
			continue
		}
		e.touchWorkload(id) // a reconcile that was cut short goes on
		if w.Spec.Kind == api.KindSystem {
			e.systems = insertSorted(e.systems, id)
		}
		e.noteAbroad(w)
	}
	for _, id := range slices.Sorted(maps.Keys(e.st.Reservations)) {
		e.reserve(e.st.Reservations[id])
	}
	for _, id := range e.st.SortedDeferred() {
		for _, task := range e.st.Slicing.Waits[id].SortedTasks() {
			e.deferred(api.TaskRef{Workload: id, Task: task})
		}
	}
	if len(e.slicing.jobs) > 0 {
		e.countHeld() // not in the first Step
	}
	e.retentionTimer()
	e.lookTimer()
	e.foresightTimer()
	e.countMoving()
	e.planChanged()
	e.probationTimer()
	e.rolloutTimer()
	e.batteryTimers()
}

// reindex brings the indexes in step with the state after an event.
func (e *Engine) reindex(ev state.Event) {
	e.rehouse(ev)
	e.resting.sum = nil
	e.slicing.recall.remind(ev)
	switch v := ev.(type) {
	case *state.SettingsChanged:
		e.settingsChanged()
		e.lookAtBatteries()
	case *state.StrategyPut, *state.TenantPut:
		e.useStrategies()
		e.sidesChanged()
		e.restChanged()
		e.lookAtBatteries()
		e.slicing.news = e.slicing.news || !e.follower && len(e.slicing.jobs) > 0 // budgets of carbon say who waits
	case *state.BudgetHeld:
		e.withhold(v.Whose())
	case *state.BudgetFreed:
		e.withhold(v.Whose())
	case *state.SitePut:
		e.index.PutSite(v.Site)
		e.siteChanged(v.Site.Name)
		e.batteryPut(&v.Site)
	case *state.SignalPut:
		e.index.PutSignal(e.st.Signals[v.Signal.Key()])
		e.slicing.news = !e.follower
		e.batteriesFollow()
	case *state.TaskSliced:
		if _, t := e.st.Task(v.Ref); t != nil {
			e.turnTimer(t)
		}
		e.heldAnew(v.Ref)
	case *state.TaskSuspended:
		e.heldAnew(v.Attempt.TaskRef)
		e.healthChanged(v.Attempt.TaskRef) // a replica that stands still may be replaced
		if w, t := e.st.Task(v.Attempt.TaskRef); t != nil && v.Resumed {
			e.timeoutTimer(w, t)
		}
	case *state.SuspensionPut:
		e.suspended(v)
	case *state.SlicingLooked:
		if len(e.slicing.waits) > 0 && !e.follower {
			e.hourlyTimer()
		}
	case *state.TasksDeferred:
		e.deferred(api.TaskRef{Workload: v.Workload, Task: v.Task})
	case *state.NodeRegistered:
		e.index.PutNode(v.Node)
		e.placesChanged()
		e.nodeChanged(v.Node.Name)
		e.heldOn(e.st.Nodes[v.Node.Name])
	case *state.NodeSilent:
		e.nodeChanged(v.Node)
	case *state.NodeBack:
		e.nodeChanged(v.Node)
	case *state.NodeDrain:
		e.nodeChanged(v.Node)
	case *state.NodePower:
		e.nodeChanged(v.Node)
	case *state.NodeClearing:
		e.nodeChanged(v.Node)
	case *state.NodeStrained:
		e.nodeChanged(v.Node)
	case *state.NodeEased:
		e.nodeChanged(v.Node)
	case *state.BatterySet:
		e.batteryTimer(v.Site)
	case *state.BatteryReported:
		e.batteryTimer(v.Site)
	case *state.NodesLooked:
		e.lookTimer()
	case *state.DemandForeseen:
		e.foresightTimer()
	case *state.NodeRemoved:
		e.index.RemoveNode(v.Node)
		e.beds.drop(v.Node)
		e.resting.forget(v.Node)
		e.drawsNothing(v.Node)
		e.slicing.nodesChanged()
		e.placesChanged()
		e.touchSystems()
	case *state.WorkloadForgotten: // nothing of them is indexed any more
		e.retentionTimer()
	case *state.PlanAsked, *state.PlanClosed:
		e.planChanged()
	case *state.ProbationBegun, *state.ProbationJudged:
		e.probationTimer()
	case *state.RolloutBegun, *state.RolloutJudged:
		e.stageChanged()
	case *state.TasksReady:
		w := e.st.Workloads[v.Workload]
		for i := v.From; i < v.To; i++ {
			e.sync(w, w.Groups[v.Task].Get(i))
		}
	case *state.TasksLost:
		for _, ref := range v.Refs {
			e.syncRef(ref)
		}
	case *state.TaskBooked:
		e.sync(e.st.Task(v.Ref))
	case *state.TaskUnbooked:
		e.sync(e.st.Task(v.Ref))
	case *state.TaskPlaced:
		e.sync(e.st.Task(v.Ref))
	case *state.TaskStarted:
		e.started(v.Attempt.TaskRef)
	case *state.TaskHealth:
		e.healthChanged(v.Attempt.TaskRef)
	case *state.TaskStop: // holds its place until it is reported as ended
		if _, t := e.st.Task(v.Ref); t != nil {
			e.stopOn(t)
		}
	case *state.TaskEnded:
		e.syncRef(v.Attempt.TaskRef)
		if v.NotBefore != 0 {
			e.timers.add(timer{at: v.NotBefore, kind: timerBackoff, ref: v.Attempt.TaskRef})
		}
	case *state.ReservationMade:
		e.reserve(&v.Reservation)
	case *state.ReservationEnded:
		e.index.Unreserve(v.ID)
	default:
		if !e.reindexCell(ev) {
			e.reindexWorkload(ev)
		}
	}
}

func (e *Engine) reindexWorkload(ev state.Event) {
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		e.newWorkload(v.ID)
	case *state.WorkloadRevised:
		e.changedWorkload(v.ID)
	case *state.WorkloadRescaled:
		e.yieldAnew(v.ID)
		e.changedWorkload(v.ID)
	case *state.ServiceScaled:
		e.touchWorkload(v.ID)
	case *state.TaskResized:
		e.changedWorkload(v.ID)
	case *state.WorkloadStopping:
		e.changedWorkload(v.ID)
	case *state.ReplicasAdded:
		w := e.st.Workloads[v.ID]
		for i := range v.Count {
			e.sync(w, w.Groups[0].Get(v.First+i))
		}
	case *state.RunScheduled:
		if v.Next != 0 {
			e.timers.add(timer{at: v.Next, kind: timerCron, ref: api.TaskRef{Workload: v.ID}})
		}
	case *state.WorkloadFinished:
		e.finished(v.ID)
	}
}

func (e *Engine) newWorkload(id uint64) {
	w := e.st.Workloads[id]
	e.syncWorkload(w)
	e.workloadTimers(w)
	if w.Spec.Kind == api.KindSystem {
		e.systems = insertSorted(e.systems, id)
	}
	e.noteSlicer(w)
	if e.noteAbroad(w) || w.Spec.Kind != api.KindJob {
		e.touchWorkload(id)
	}
}

func (e *Engine) started(ref api.TaskRef) {
	if w, t := e.st.Task(ref); t != nil {
		e.movers = e.movers || e.moves(ref)
		e.timeoutTimer(w, t)
		e.healthChanged(ref)
	}
}

func (e *Engine) healthChanged(ref api.TaskRef) {
	if w, t := e.st.Task(ref); t != nil && w.Spec.Kind != api.KindJob {
		e.touchWorkload(w.ID)
		e.progressTimer(w)
		e.healthTimer(w, t)
	}
}

// stopOn sees to an element that is to be stopped on a node of which nothing is
// heard.
func (e *Engine) stopOn(t *state.Task) {
	if n := e.st.Nodes[t.Node]; n != nil && n.Silent && t.Status.Holds() {
		e.touchNode(n.Name)
	}
}

func (e *Engine) settingsChanged() {
	e.index.SetHome(e.st.Settings.Home)
	e.useStrategies()
	e.retentionTimer()
	for _, name := range e.st.SortedNodes() {
		e.nodeTimers(e.st.Nodes[name])
		e.touchNode(name)
	}
}

func (e *Engine) changedWorkload(id uint64) {
	w := e.st.Workloads[id]
	for gi := range w.Groups { // the shape may have changed with the priority
		for _, t := range w.Groups[gi].Tasks {
			if en := e.entries[t.Ref]; en != nil && en.node == "" {
				e.remove(t.Ref)
			}
			if t.Stop != state.StopNothing {
				e.stopOn(t)
			}
		}
	}
	e.movers = true
	e.noteSlicer(w)
	e.relabel(w)
	e.syncWorkload(w)
	e.workloadTimers(w)
	e.noteAbroad(w)
	e.touchWorkload(id)
}

func (e *Engine) finished(id uint64) {
	e.systems = removeSorted(e.systems, id)
	e.undeferred(e.st.Workloads[id])
	if f := e.st.Finished; len(f) == 1 || kept(e.st.Workloads[f[0].ID]) {
		e.retentionTimer()
	}
	if w := e.st.Workloads[id]; w.Parent != 0 {
		e.touchWorkload(w.Parent)
	}
}

func (e *Engine) nodeChanged(name string) {
	n := e.st.Nodes[name]
	e.open(n)
	e.beds.put(n)
	e.resettle(n)
	e.drawsNow(n)
	e.nodeTimers(n)
	e.touchNode(name)
	e.touchSystems()
	e.slicing.nodesChanged()
	if e.follower {
		return
	}
	for _, t := range n.SortedHeld() {
		e.touchWorkload(t.Ref.Workload)
	}
}

// open tells the index whether a node takes new work.
func (e *Engine) open(n *state.Node) {
	switch {
	case n.Silent:
		e.index.SetOpen(n.Name, false, "silent")
	case n.Drain:
		e.index.SetOpen(n.Name, false, "draining")
	case n.Power == api.PowerSleeping:
		e.index.SetOpen(n.Name, false, "asleep")
	case n.Power == api.PowerWaking:
		e.index.SetOpen(n.Name, false, "waking")
	case e.st.Clearing(n.Name) != nil:
		e.index.SetOpen(n.Name, false, "being emptied")
	case e.st.Strains[n.Name] != nil:
		e.index.SetOpen(n.Name, false, "overloaded")
	default:
		e.index.SetOpen(n.Name, true, "")
	}
}

func (e *Engine) syncWorkload(w *state.Workload) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			e.sync(w, t)
		}
	}
}

func (e *Engine) syncRef(ref api.TaskRef) {
	w, t := e.st.Task(ref)
	if t == nil { // a replica that was removed
		e.unbook(ref)
		e.remove(ref)
	} else {
		e.sync(w, t)
	}
	e.touchWorkload(ref.Workload)
}

// sync makes the index agree with one element: queued while it is pending,
// holding capacity while it is placed, absent otherwise.
func (e *Engine) sync(w *state.Workload, t *state.Task) {
	e.unbook(t.Ref)
	switch {
	case t.Booking != nil && !w.Away():
		e.book(w, t)
	case t.Status == api.TaskPending && t.Suspension != nil:
		e.remove(t.Ref)
	case t.Status == api.TaskPending && e.st.Deferred(t.Ref.Workload, t.Ref.Task) != nil:
		e.remove(t.Ref)
	case t.Status == api.TaskPending && !w.Away():
		e.queue(w, t)
	case t.Status.Holds():
		e.hold(w, t)
	default:
		e.remove(t.Ref)
	}
}

func (e *Engine) queue(w *state.Workload, t *state.Task) {
	if en := e.entries[t.Ref]; en != nil {
		if en.node == "" {
			return
		}
		e.remove(t.Ref)
	}
	if e.follower {
		if r := e.index.Promised(t.Ref); r != nil { // what it asks for may have changed since it was promised
			e.index.Reserve(*r, e.ask(w, t))
		}
		return
	}
	en := &entry{ask: e.askFor(w, t)}
	e.entries[t.Ref] = en
	it := sched.Item{Ref: t.Ref, Ready: t.Ready, Ask: en.ask}
	rank(&it, w)
	if w.InGang(t) {
		if t.Ref.Index != 0 {
			return // waits with the first of its gang
		}
		it.Gang = w.GangRefs(t.Ref.Task)
	}
	e.index.Push(it)
}

func (e *Engine) hold(w *state.Workload, t *state.Task) {
	en := e.entries[t.Ref]
	if en != nil && en.node == t.Node {
		return
	}
	if en == nil {
		en = &entry{ask: e.askFor(w, t)}
		e.entries[t.Ref] = en
	} else {
		e.leave(t.Ref, en)
	}
	en.node, en.devices = t.Node, t.Devices
	e.index.Hold(t.Node, t.Ref, en.ask, t.Devices)
	e.loaded(t.Node)
	e.heldAnew(t.Ref)
	e.await(w, t, en)
}

func (e *Engine) remove(ref api.TaskRef) {
	if en := e.entries[ref]; en != nil {
		e.leave(ref, en)
		delete(e.entries, ref)
	}
}

// leave takes an element out of the queue or off its node.
func (e *Engine) leave(ref api.TaskRef, en *entry) {
	if en.node != "" {
		e.index.Release(en.node, ref, en.ask, en.devices)
		e.loaded(en.node)
		e.heldAnew(ref)
		return
	}
	if shape := e.index.Drop(ref); shape != "" && len(e.st.Refusals) > 0 {
		e.emptied = append(e.emptied, shape)
	}
}

// touchWorkload has a workload reconciled before the Step ends. A follower leaves
// that to its leader.
func (e *Engine) touchWorkload(id uint64) {
	if !e.follower && e.st.Workloads[id] != nil {
		e.dirty.add(id)
	}
}

func (e *Engine) touchSystems() {
	if !e.follower {
		e.dirty.addAll(e.systems)
	}
}

func (e *Engine) touchNode(name string) {
	if !e.follower && e.st.Nodes[name] != nil {
		e.nodes.add(name)
	}
}

// askFor is makeAsk for elements of one task that come one after the other.
func (e *Engine) askFor(w *state.Workload, t *state.Task) *sched.Ask {
	key := keyOf(w, t)
	if e.lastAsk.key != key || e.lastAsk.ask == nil {
		e.lastAsk = cachedAsk{key, e.ask(w, t)}
	}
	return e.lastAsk.ask
}

// ask is makeAsk with what the cell's strategy wants to know besides.
func (e *Engine) ask(w *state.Workload, t *state.Task) *sched.Ask {
	ask := makeAsk(w, t)
	if to := e.tried(w); to != "" {
		ask.Strategy = to
		ask.Shape += "=" + to
	}
	if e.index.Depth() > 0 {
		ask.Self, ask.Now, ask.Hold = selfOf(t.Ref, ask), e.st.Now, occupies(w, t.Ref.Task)
		ask.Shape += "~" + strconv.FormatInt(int64(ask.Hold), 36)
		if int(t.Ref.Task) < len(w.Profiles) {
			ask.Profile = &w.Profiles[t.Ref.Task]
			ask.Shape += sched.SpeedsText(ask.Profile.Speeds)
		}
	}
	return ask
}

// makeAsk says what the scheduler needs to know of an element. Inputs and profile
// are filled in when it is decided: they may change while it waits.
func makeAsk(w *state.Workload, t *state.Task) *sched.Ask {
	spec := w.SpecAt(t.Revision)
	task := w.SpecOf(t)
	gang := 0
	if w.InGang(t) {
		gang = len(w.Groups[t.Ref.Task].Tasks)
	}
	return planned(tied(&sched.Ask{
		Gang: gang, Within: spec.GangWithin, Displaces: displaces(w), Yields: yields(w, task), Shape: sched.ShapeOf(task, spec.Tenant, w.Spec.Priority, t.Pin, w.InGang(t)),
		Workload: spec.Name, Labels: w.Spec.Labels,
		Task: task, Tenant: spec.Tenant, Priority: w.Spec.Priority, Objective: spec.Objective,
		Pin: t.Pin, Spread: spec.Kind == api.KindService, Strategy: spec.Strategy,
	}))
}

// tied gives a task that is tied to others a shape that says so.
func tied(a *sched.Ask) *sched.Ask {
	a.Static = a.Shape
	a.Shape = sched.TiedShape(a.Shape, a)
	return a
}

// planned gives a task a shape that says whether, and by whom, it may be planned for.
func planned(a *sched.Ask) *sched.Ask {
	if a.Strategy != "" {
		a.Shape += "=" + a.Strategy
	}
	if a.Spread {
		a.Shape += "+"
	}
	return a
}

type askKey struct {
	workload uint64
	task     uint16
	revision uint32
	pin      string
	priority int32
	gang     bool
	cpu      api.Milli // what it asks for, where that may change
	memory   api.Bytes
}

func keyOf(w *state.Workload, t *state.Task) askKey {
	key := askKey{workload: t.Ref.Workload, task: t.Ref.Task, revision: t.Revision, pin: t.Pin, priority: w.Spec.Priority, gang: w.InGang(t)}
	if w.Sizing != nil {
		r := &w.SpecOf(t).Resources
		key.cpu, key.memory = r.CPU, r.Memory
	}
	return key
}

type cachedAsk struct {
	key askKey
	ask *sched.Ask
}
