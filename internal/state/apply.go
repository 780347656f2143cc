package state

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/profile"
)

// Apply folds one event into the state. An error means that the event does not
// fit the state: the journal is not the one that this state came from, or it was
// written by a later version. The state is then unusable.
func (s *State) Apply(at api.Time, ev Event) error {
	s.Now = max(s.Now, at)
	switch e := ev.(type) {
	case *LeaderStarted:
		s.Epoch, s.Leader = e.Epoch, e.Server
	case *LossAccepted:
		s.lost(Loss{From: e.From, Entries: e.Entries, Epoch: s.Epoch, At: at})
	case *SettingsChanged:
		s.Settings = e.Settings
		s.remember(e.Key, Answer{Action: "updated"})
	case *SitePut:
		site := e.Site
		s.Sites[site.Name] = &site
		s.unsettle(site.Name, "")
		s.remember(e.Key, Answer{Action: "updated"})
	case *StrategyPut:
		strategy := e.Strategy
		s.Strategies[strategy.Name] = &strategy
		s.remember(e.Key, Answer{Action: "updated"})
	case *TenantPut:
		tenant := e.Tenant
		s.rebudget(&tenant)
		s.Tenants[tenant.Name] = &tenant
		s.remember(e.Key, Answer{Action: "updated"})
	case *SignalPut:
		s.putSignal(e)
	case *BudgetHeld, *BudgetFreed:
		return s.applyBudget(ev)
	case *OffsetBought, *OffsetEnded:
		return s.applyLedger(ev)
	case *NodeRegistered, *NodeSilent, *NodeBack, *NodeDrain, *NodeRemoved, *NodePower:
		return s.applyNode(ev)
	case *WorkloadSubmitted, *WorkloadRevised, *WorkloadRescaled, *WorkloadStopping, *WorkloadFinished,
		*WorkloadForgotten, *RunScheduled, *RevisionStable, *ReplicasAdded, *ServiceScaled,
		*TaskResized:
		return s.applyWorkload(ev)
	case *ShapeRefused:
		s.Refusals[e.Shape] = &Refusal{Ref: e.Ref, Decision: e.Decision, Since: at}
	case *ShapeCleared:
		delete(s.Refusals, e.Shape)
	case *ReportDuplicate:
		s.duplicate(e)
	case *Answered:
		s.remember(e.Key, e.Answer)
	case *ReservationMade:
		r := e.Reservation
		s.Reservations[r.ID] = &r
	case *ReservationEnded:
		delete(s.Reservations, e.ID)
	default:
		if mine, err := s.applyCell(ev); mine {
			return err
		}
		if mine, err := s.applyPlan(ev); mine {
			return err
		}
		if mine, err := s.applyProbation(ev); mine {
			return err
		}
		if mine, err := s.applyRollout(ev); mine {
			return err
		}
		if mine, err := s.applyStorage(ev); mine {
			return err
		}
		if mine, err := s.applySlicing(ev); mine {
			return err
		}
		if mine, err := s.applySuspension(ev); mine {
			return err
		}
		return s.applyTask(ev)
	}
	return nil
}

// remember keeps the answer to a command and drops what is too old or too many.
func (s *State) remember(key string, a Answer) {
	if key == "" {
		return
	}
	if _, known := s.Keys[key]; !known {
		s.KeyOrder = append(s.KeyOrder, KeyAge{key, s.Now})
	}
	s.Keys[key] = a
	drop := 0
	for drop < len(s.KeyOrder) && (len(s.KeyOrder)-drop > int(s.Settings.KeyMax) ||
		s.Now.Sub(s.KeyOrder[drop].At) > s.Settings.KeyFor) {
		delete(s.Keys, s.KeyOrder[drop].Key)
		drop++
	}
	s.KeyOrder = trimFront(s.KeyOrder, drop)
}

// trimFront drops the first n elements and copies the rest down once it is worth
// the while, so that the memory in front is given back.
func trimFront[T any](list []T, n int) []T {
	list = list[n:]
	if n > 0 && cap(list) > 2*len(list)+1024 {
		return slices.Clone(list)
	}
	return list
}

func (s *State) applyNode(ev Event) error {
	if e, ok := ev.(*NodeRegistered); ok {
		s.register(e.Node)
		return nil
	}
	name := nodeOf(ev)
	n := s.Nodes[name]
	if n == nil {
		return fmt.Errorf("event %T: node %q is not registered", ev, name)
	}
	switch e := ev.(type) {
	case *NodeSilent:
		n.Silent, n.SilentAt = true, s.Now
	case *NodeBack:
		n.Silent, n.SilentAt, n.Idle = false, 0, s.Now
	case *NodeDrain:
		n.Drain, n.DrainUntil, n.Idle = e.On, e.Until, s.Now
		s.remember(e.Key, Answer{Action: "updated"})
	case *NodeRemoved:
		if len(n.Held) > 0 {
			return fmt.Errorf("remove node %s: it still holds %d tasks", name, len(n.Held))
		}
		s.Versions = max(s.Versions, n.Version)
		delete(s.Nodes, name)
		delete(s.Strains, name)
		s.cleared(name)
		s.remember(e.Key, Answer{Action: "removed"})
	case *NodePower:
		s.power(n, e)
	}
	return nil
}

func nodeOf(ev Event) string {
	switch e := ev.(type) {
	case *NodeSilent:
		return e.Node
	case *NodeBack:
		return e.Node
	case *NodeDrain:
		return e.Node
	case *NodeRemoved:
		return e.Node
	case *NodePower:
		return e.Node
	}
	return ""
}

func (s *State) register(node api.Node) {
	n := s.Nodes[node.Name]
	if n == nil {
		// Agents ignore a set that is older than theirs, so versions go on where
		// those of a removed node of that name may have ended.
		n = &Node{Registered: s.Now, Version: s.Versions + 1, Held: map[api.TaskRef]*Task{}}
		s.Nodes[node.Name] = n
	}
	if n.Silent {
		n.Idle = s.Now
	}
	if n.Boot != node.Boot { // what was measured there is over
		delete(s.Strains, node.Name)
	}
	n.Node, n.Silent, n.SilentAt = node, false, 0
}

func (s *State) applyWorkload(ev Event) error {
	if e, ok := ev.(*WorkloadSubmitted); ok {
		return s.submit(e)
	}
	if e, ok := ev.(*WorkloadForgotten); ok {
		s.forget(e.IDs)
		return nil
	}
	id := workloadOf(ev)
	w := s.Workloads[id]
	if w == nil {
		return fmt.Errorf("event %T: workload %d is unknown", ev, id)
	}
	switch e := ev.(type) {
	case *WorkloadRevised:
		s.revise(w, e)
	case *WorkloadRescaled:
		s.scaleAsked(w, e.Spec)
		w.Spec = e.Spec
		if w.Sizing != nil {
			s.resize(w)
		}
		w.wish(e.Asked)
		s.remember(e.Key, Answer{ID: w.ID, Revision: w.Revision, Action: "updated"})
	case *WorkloadStopping:
		s.stop(w, e)
	case *WorkloadFinished:
		s.finish(w, e.Status, e.Reason)
		if e.Status == api.WorkloadSucceeded {
			s.ran(w)
		}
		if e.Status != api.WorkloadCancelled {
			s.tally(w, false)
		}
		s.unsited(w.ID)
	case *RunScheduled:
		w.NextRun = e.Next
	case *RevisionStable:
		w.Stable = e.Revision
	case *ReplicasAdded:
		return s.addReplicas(w, e)
	case *ServiceScaled:
		s.scaled(w, e)
	case *TaskResized:
		if int(e.Task) >= len(w.Spec.Tasks) {
			return fmt.Errorf("resize task %d of workload %d: it has %d", e.Task, e.ID, len(w.Spec.Tasks))
		}
		s.resized(w, e)
	}
	return nil
}

func workloadOf(ev Event) uint64 {
	switch e := ev.(type) {
	case *WorkloadRevised:
		return e.ID
	case *WorkloadRescaled:
		return e.ID
	case *WorkloadStopping:
		return e.ID
	case *WorkloadFinished:
		return e.ID
	case *RunScheduled:
		return e.ID
	case *RevisionStable:
		return e.ID
	case *ReplicasAdded:
		return e.ID
	case *ServiceScaled:
		return e.ID
	case *TaskResized:
		return e.ID
	}
	return 0
}

func (s *State) submit(e *WorkloadSubmitted) error {
	if e.Spec == nil || e.ID != s.NextID {
		return fmt.Errorf("submit workload %d: expected number %d with a specification", e.ID, s.NextID)
	}
	w := &Workload{
		ID: e.ID, Spec: e.Spec, Revision: 1, Profiles: e.Profiles, Status: api.WorkloadPending,
		Submitted: s.Now, Principal: e.Principal, Parent: e.Parent, NextRun: e.NextRun, Progress: s.Now, Origin: e.Origin,
		Groups: make([]Group, len(e.Spec.Tasks)), load: &s.load,
	}
	w.linkTasks()
	switch {
	case e.Spec.Schedule != nil && e.Parent == 0:
		w.Status = api.WorkloadScheduled
	case e.Spec.Kind == api.KindJob:
		for i := range w.Groups {
			w.fill(uint16(i), s.Now)
		}
	}
	s.NextID++
	s.Workloads[w.ID] = w
	if w.Origin != nil {
		own := *w.Origin // the event's is never changed
		w.Origin = &own
		s.origins[own.ID] = w.ID
	}
	s.names[e.Spec.Tenant+"/"+e.Spec.Name] = w.ID
	if p := s.Workloads[e.Parent]; p != nil {
		p.Runs = append(p.Runs, w.ID)
		s.inherit(w)
	}
	s.Totals.Submitted++
	s.remember(e.Key, Answer{ID: w.ID, Revision: 1, Action: "created"})
	return nil
}

// fill makes the elements of a job's task: pending when it depends on nothing.
func (w *Workload) fill(task uint16, now api.Time) {
	spec := &w.Spec.Tasks[task]
	n := max(spec.Count, 1)
	g := &w.Groups[task]
	block := make([]Task, n)
	g.Tasks = make([]*Task, n)
	g.Next, g.Open = uint32(n), uint32(n)
	for i := range block {
		t := &block[i]
		t.Ref = api.TaskRef{Workload: w.ID, Task: task, Index: uint32(i)}
		t.Revision = 1
		if len(spec.After) == 0 {
			t.Status, t.Ready = api.TaskPending, now
		}
		g.Tasks[i] = t
		w.count(t.Status, 1)
	}
}

func (s *State) stop(w *Workload, e *WorkloadStopping) {
	w.Stopping, w.Final, w.Reason, w.NextRun = true, e.Final, e.Reason, 0
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			switch {
			case t.Status.Final() || w.Away(): // the child says how they end
			case t.Status.Holds():
				s.wantStop(t, StopCancel)
			default:
				t.Reason = e.Reason
				s.settle(w, t, api.TaskCancelled)
			}
		}
	}
	s.remember(e.Key, Answer{ID: w.ID, Revision: w.Revision, Action: "cancelled"})
}

func (s *State) finish(w *Workload, status api.WorkloadStatus, reason string) {
	w.Status, w.FinishAt, w.NextRun = status, s.Now, 0
	s.unscale(w)
	s.unsize(w)
	s.undefer(w.ID)
	if reason != "" {
		w.Reason = reason
	}
	if w.Handover != nil {
		s.letGo(w)
	}
	s.Finished = append(s.Finished, FinishedAt{w.ID, s.Now})
}

func (s *State) forget(ids []uint64) {
	for _, id := range ids {
		w := s.Workloads[id]
		if w == nil {
			continue
		}
		if p := s.Workloads[w.Parent]; p != nil {
			p.Runs = slices.DeleteFunc(p.Runs, func(r uint64) bool { return r == id })
		}
		if key := w.Spec.Tenant + "/" + w.Spec.Name; s.names[key] == id {
			delete(s.names, key)
		}
		if w.Origin != nil {
			delete(s.origins, w.Origin.ID)
		}
		s.load.Pending -= int64(w.Counts.Pending)
		s.load.Held -= int64(w.Counts.Placed + w.Counts.Running)
		delete(s.Workloads, id)
	}
	gone := func(f FinishedAt) bool { return s.Workloads[f.ID] == nil }
	drop := 0
	for drop < len(s.Finished) && gone(s.Finished[drop]) {
		drop++
	}
	s.Finished = trimFront(s.Finished, drop)
	if drop < len(ids) { // runs of a schedule go in an order of their own
		s.Finished = slices.DeleteFunc(s.Finished, gone)
	}
}

func (s *State) addReplicas(w *Workload, e *ReplicasAdded) error {
	if len(w.Groups) == 0 || e.First != w.Groups[0].Next || (e.Pins != nil && len(e.Pins) != int(e.Count)) {
		return fmt.Errorf("add replicas from %d to workload %d: they do not follow the present ones", e.First, w.ID)
	}
	g := &w.Groups[0]
	for i := range e.Count {
		t := &Task{
			Ref: api.TaskRef{Workload: w.ID, Index: e.First + i}, Status: api.TaskPending,
			Revision: w.Revision, Ready: s.Now,
		}
		if e.Pins != nil {
			t.Pin = e.Pins[i]
		}
		g.Tasks = append(g.Tasks, t)
		w.count(t.Status, 1)
	}
	g.Next += e.Count
	g.Open += e.Count
	return nil
}

// observe adds a successful run to the histories of its task and its shape.
func (s *State) observe(w *Workload, task int, run profile.Run) {
	same, shape := s.historyKeys(w.Spec, w.Parent, task)
	for _, key := range [...]string{same, shape} {
		if key == "" {
			continue
		}
		h := s.Histories[key]
		if h == nil {
			h = &profile.History{}
			s.Histories[key] = h
			s.HistoryOrder = append(s.HistoryOrder, key)
		}
		h.Add(run)
	}
	for len(s.HistoryOrder) > int(s.Settings.Histories) {
		delete(s.Histories, s.HistoryOrder[0])
		s.HistoryOrder = trimFront(s.HistoryOrder, 1)
	}
}
