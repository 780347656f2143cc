package engine_test

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// show answers the questions: ls, tasks, nodes, explain, assigned, totals.
func (s *script) show(what string, args []string) {
	e := s.world.engine
	st := e.State()
	switch what {
	case "ls":
		for _, id := range st.SortedWorkloads() {
			v := e.Views().Workload(st.Workloads[id], false)
			s.printf("%s", strings.TrimSpace(fmt.Sprintf("%s %s revision %d, %s %s", v.Name, v.Status, v.Revision, counts(v.Counts), v.Reason)))
		}
	case "tasks":
		for _, id := range st.SortedWorkloads() {
			s.tasks(st.Workloads[id])
		}
	case "nodes":
		for _, name := range st.SortedNodes() {
			v := e.ViewNode(st.Nodes[name])
			why := ""
			if v.Awake != "" {
				why = "; awake " + v.Awake
			}
			if v.Strain != "" {
				why += "; " + v.Strain
			}
			s.printf("%s %s: %d tasks, cpu %v of %v, memory %v of %v%s", name, v.Status, v.Tasks, v.Used.CPU, v.Capacity.CPU, v.Used.Memory, v.Capacity.Memory, why)
		}
	case "explain":
		s.explain(args[0])
	case "assigned":
		_, t := s.element(args[0])
		a := e.Assignment(st.Workloads[t.Ref.Workload], t)
		s.printf("%s try %d of %s: %v", a.Name, a.Try, t.Node, a.Desire)
		for _, in := range a.Inputs {
			s.printf("  %s (%v)", in.Path, in.Size)
		}
	case "totals":
		s.printf("%+v", st.Totals)
	default:
		s.t.Fatalf("unknown command %s", what)
	}
}

func (s *script) tasks(w *state.Workload) {
	e := s.world.engine
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			v := e.Views().Task(w, t, true)
			line := v.Name + " " + v.Status
			if v.Node != "" {
				line += fmt.Sprintf(", try %d on %s", v.Try, v.Node)
			}
			if v.Healthy {
				line += ", healthy"
			}
			if v.Reason != "" {
				line += ": " + v.Reason
			}
			s.printf("%s", line)
		}
	}
}

func counts(c api.Counts) string {
	var out []string
	for _, p := range []struct {
		n    int32
		what string
	}{
		{c.Waiting, "waiting"},
		{c.Pending, "pending"},
		{c.Placed, "placed"},
		{c.Running, "running"},
		{c.Succeeded, "succeeded"},
		{c.Failed, "failed"},
		{c.Cancelled, "cancelled"},
	} {
		if p.n > 0 {
			out = append(out, fmt.Sprint(p.n, " ", p.what))
		}
	}
	return strings.Join(out, ", ")
}

func (s *script) explain(name string) {
	w, t := s.element(name)
	x := s.world.engine.Explain(w, t)
	s.printf("%s is %s", x.Task.Name, x.Task.Status)
	if len(x.WaitsFor) > 0 {
		s.printf("  waits for %s", strings.Join(x.WaitsFor, ", "))
	}
	if r := x.Reservation; r != nil {
		s.printf("  has %s", s.reservation(r))
	}
	if d := x.Deferral; d != nil {
		s.printf("  %s, at the latest %s", x.Task.Reason, d.Latest)
	}
	if x.Decision != nil {
		s.decision(x.Decision, x.Suggestions)
	}
	s.options(x.Options)
}

// options say what a task takes here, elsewhere and later.
func (s *script) options(list []api.Option) {
	for _, o := range list {
		line := fmt.Sprintf("  on %s in %s: %d mJ", o.Node, o.Delay, o.Energy/1000)
		if o.Carbon != nil {
			line += fmt.Sprintf(", %d mg", *o.Carbon/1000)
		}
		if o.Cost != nil {
			line += ", " + o.Cost.String()
		}
		if o.CarbonPercent != nil {
			line += fmt.Sprintf(", %+d %% carbon", *o.CarbonPercent)
		}
		if o.CostPercent != nil {
			line += fmt.Sprintf(", %+d %% cost", *o.CostPercent)
		}
		if o.Note != "" {
			line += " (" + o.Note + ")"
		}
		s.printf("%s", line)
	}
}

func (s *script) decision(d *api.Decision, suggestions []api.Suggestion) {
	if c := d.Chosen; c != nil {
		s.printf("  %s scores %d: %s", c.Node, c.Score, terms(c))
		for i := range d.RunnersUp {
			s.printf("  then %s with %d: %s", d.RunnersUp[i].Node, d.RunnersUp[i].Score, terms(&d.RunnersUp[i]))
		}
		if d.Timing != "" {
			s.printf("  %s", d.Timing)
		}
		if d.Moved != "" {
			s.printf("  %s", d.Moved)
		}
		if d.Stage != "" {
			s.printf("  by %s, stage %s", d.Strategy, d.Stage)
		}
		if d.Plan > 0 {
			s.printf("  by plan %d of %s", d.Plan, d.Strategy)
		}
		s.printf("  expects transfer %v, wait %v, run %v, return %v", d.Transfer, d.Wait, d.Run, d.Return)
		if d.Speed != nil {
			s.printf("  %s", d.Speed)
		}
	}
	for _, r := range d.Reasons {
		s.printf("  %d of %d nodes: %s", r.Nodes, d.Nodes, r.Reason)
	}
	for _, g := range suggestions {
		s.printf("  would fit %d: %s", g.Nodes, g.Change)
	}
}

// reservation shows where, from when and until when room is promised.
func (s *script) reservation(r *api.Reservation) string {
	var on []string
	for _, p := range r.Places {
		if p.Count > 1 {
			on = append(on, fmt.Sprintf("%s × %d", p.Node, p.Count))
		} else {
			on = append(on, p.Node)
		}
	}
	until := "as long as it runs"
	if r.Expires != 0 {
		until = "to " + s.at(r.Expires)
	}
	return fmt.Sprintf("a reservation on %s from %s %s", strings.Join(on, ", "), s.at(r.From), until)
}

func terms(c *api.Candidate) string {
	var out []string
	for _, t := range c.Terms {
		out = append(out, fmt.Sprint(t.Name, " ", t.Value))
	}
	return strings.Join(out, ", ")
}

// event prints one fact in a line.
func (s *script) event(ev state.Event) {
	if s.cellEvent(ev) {
		return
	}
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		line := fmt.Sprintf("%s #%d accepted", s.workload(v.ID), v.ID)
		if v.Parent != 0 {
			line += " as a run of " + s.workload(v.Parent)
		}
		if v.NextRun != 0 {
			line += ", first run at " + v.NextRun.String()
		}
		s.printf("%s", line)
	case *state.WorkloadRevised:
		s.printf("%s has revision %d%s", s.workload(v.ID), s.world.engine.State().Workloads[v.ID].Revision, because(v.Reason))
	case *state.WorkloadRescaled:
		if v.Spec.Kind == api.KindJob {
			s.printf("%s may go elsewhere, priority %d", s.workload(v.ID), v.Spec.Priority)
			break
		}
		s.printf("%s is scaled to %d, priority %d", s.workload(v.ID), v.Spec.Replicas, v.Spec.Priority)
	case *state.WorkloadStopping:
		s.printf("%s is to end as %v%s", s.workload(v.ID), v.Final, because(v.Reason))
	case *state.WorkloadFinished:
		s.printf("workload %s %v", s.workload(v.ID), v.Status)
	case *state.WorkloadForgotten:
		for _, id := range v.IDs {
			s.printf("%s #%d is forgotten", s.workload(id), id)
		}
	case *state.RunScheduled:
		s.printf("%s runs next at %v%s", s.workload(v.ID), v.Next, because(v.Skipped))
	case *state.RevisionStable:
		s.printf("%s revision %d is stable", s.workload(v.ID), v.Revision)
	case *state.ServiceScaled:
		s.printf("%s is to have %d replicas: %s", s.workload(v.ID), v.Replicas, engine.Because(&v.Why))
	case *state.TaskResized:
		s.printf("%s.%d asks for %s", s.workload(v.ID), v.Task, engine.ResizedText(v.CPU, v.Memory, state.SizeBefore{}, &v.Why))
	case *state.ReplicasAdded:
		s.printf("%s", strings.TrimSpace(fmt.Sprintf("%s gets %d more %s", s.workload(v.ID), v.Count, strings.Join(v.Pins, " "))))
	case *state.Answered:
		s.printf("answer remembered under %s", strings.TrimLeft(v.Key, "\x00"))
	case *state.StrategyPut:
		s.printf("strategy %s declared", v.Strategy.Name)
	case *state.TenantPut:
		s.printf("tenant %s declared", v.Tenant.Name)
	case *state.PlanAsked:
		s.printf("plan %d asked for", v.N)
	case *state.PlanClosed:
		o := &v.Outcome
		if o.Planner == "" {
			s.printf("plan %d has not come in time", v.N)
			return
		}
		s.printf("plan %d closed: %d tasks by %s, cost %d, at least %d", v.N, o.Tasks, o.Planner, o.Cost, o.Bound)
	case *state.SignalPut:
		if v.Signal.Fault != "" {
			s.printf("signal %s: %s", v.Signal.Key(), v.Signal.Fault)
		} else {
			s.printf("signal %s has %d values", v.Signal.Key(), len(v.Signal.Values))
		}
	case *state.TasksDeferred:
		w := s.world.engine.State().Workloads[v.Workload]
		s.printf("%s.%s %s", s.workload(v.Workload), w.Spec.Tasks[v.Task].Name, engine.DeferredText(v.Wait))
	case *state.SuspensionPut:
		w := s.world.engine.State().Workloads[v.Workload]
		s.printf("%s.%s[%d..%d] %s", s.workload(v.Workload), w.Spec.Tasks[v.Task].Name, v.From, v.To-1, engine.SuspensionText(v, s.world.now))
	case *state.TaskSliced:
		s.printf("%s %s", s.nameOf(v.Ref), engine.SlicedText(&v.Slice))
	case *state.TaskSuspended:
		what := "suspended"
		if v.Resumed {
			what = "goes on"
		}
		s.printf("%s %s", s.nameOf(v.Attempt.TaskRef), what)
	case *state.SlicingLooked:
		switch {
		case v.At == nil && v.Hour != 0: // what it changed is said by other events
		case v.At != nil:
			s.printf("hours are looked at from %s on", s.nameOf(*v.At))
		default:
			s.printf("hours are looked at behind workload %d", v.From)
		}
	case *state.OffsetBought:
		s.printf("offset %s of %s bought", v.Offset.Serial, v.Offset.Amount)
	case *state.OffsetEnded:
		s.printf("offset %s %s", v.Serial, v.Status)
	case *state.BudgetHeld:
		of := ""
		if v.For != "" {
			of = " of all tenants"
		}
		s.printf("tasks of tenant %s wait for budget %d%s: %d of it is taken, %d more is needed", v.Whose(), v.Held.Budget, of, v.Held.Taken, v.Held.Needs)
	case *state.BudgetFreed:
		s.printf("tasks of tenant %s wait for no budget", v.Whose())
	case *state.SitePut:
		s.printf("site %s declared", v.Site.Name)
	case *state.RolloutBegun:
		s.printf("%s is tried in the place of %s", v.To, v.Asked.From)
	case *state.RolloutJudged:
		if v.End != state.RolloutOpen {
			s.printf("look %d: it is %v: %s", v.Look, v.End, v.Reason)
		}
	case *state.ProbationBegun:
		s.printf("%s is on probation", v.To)
	case *state.ProbationJudged:
		if v.End != state.ProbationOpen {
			s.printf("look %d: it is %v: %s", v.Look, v.End, v.Reason)
		}
	case *state.SettingsChanged:
		s.printf("settings changed")
	case *state.LeaderStarted:
		s.printf("epoch %d begins", v.Epoch)
	default:
		s.nodeEvent(ev)
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (s *script) nodeEvent(ev state.Event) {
	switch v := ev.(type) {
	case *state.NodeRegistered:
		s.printf("node %s registered", v.Node.Name)
	case *state.NodeSilent:
		s.printf("node %s is silent", v.Node)
	case *state.NodeBack:
		s.printf("node %s is back", v.Node)
	case *state.NodeRemoved:
		s.printf("node %s is removed", v.Node)
	case *state.BatterySet:
		s.printf("battery of %s: %v until %s, holds %v: %s", v.Site, v.Setpoint, s.until(v.Until), api.Energy(v.Level/3.6e9*3.6e9), v.Why)
	case *state.BatteryReported:
		s.printf("%s", strings.TrimSuffix(fmt.Sprintf("battery of %s holds %v: %s", v.Site, api.Energy(v.Level/3.6e9*3.6e9), v.Idle), ": "))
	case *state.BatteryForgotten:
		s.printf("battery of %s is gone", v.Site)
	case *state.NodesLooked: // says nothing by itself
	case *state.NodeClearing:
		s.clearing(v)
	case *state.DemandForeseen:
		s.printf("tasks are expected to hold %v cpu and %v soon, %v and %v later", v.Soon.CPU, v.Soon.Memory, v.Later.CPU, v.Later.Memory)
	case *state.NodeStrained:
		s.printf("node %s is strained: %s", v.Node, engine.StrainText(v))
	case *state.NodeEased:
		s.printf("node %s is strained no more: %s", v.Node, v.Why)
	case *state.NodePower:
		does := map[api.PowerState]string{api.PowerOn: "is on", api.PowerSleeping: "is to sleep", api.PowerWaking: "is to wake"}[v.State]
		s.printf("%s", strings.TrimSuffix("node "+v.Node+" "+does+": "+v.Reason, ": "))
	case *state.NodeDrain:
		if v.On {
			s.printf("node %s drains until %s", v.Node, s.at(v.Until))
		} else {
			s.printf("node %s takes work again", v.Node)
		}
	default:
		s.taskEvent(ev)
	}
}

var stopFor = [...]string{"", "cancel", "remove", "restart", "move"}

func (s *script) taskEvent(ev state.Event) {
	switch v := ev.(type) {
	case *state.TasksReady:
		for i := v.From; i < v.To; i++ {
			s.printf("%s is ready", s.nameOf(api.TaskRef{Workload: v.Workload, Task: v.Task, Index: i}))
		}
	case *state.TaskBooked:
		var victims []string
		for _, ref := range v.Victims {
			victims = append(victims, s.nameOf(ref))
		}
		s.printf("%s gets %s's place on %s", s.nameOf(v.Ref), strings.Join(victims, "'s and "), v.Node)
	case *state.TaskUnbooked:
		s.printf("%s cannot have the place that was freed for it", s.nameOf(v.Ref))
	case *state.TaskPlaced:
		line := fmt.Sprintf("%s try %d -> %s", s.nameOf(v.Ref), v.Try, v.Node)
		for _, d := range v.Devices {
			line += fmt.Sprintf(" device %d.%d (%v)", d.Group, d.Index, d.Share)
		}
		s.printf("%s", line)
	case *state.ShapeRefused:
		var why []string
		for _, r := range v.Decision.Reasons {
			why = append(why, fmt.Sprintf("%s (%d)", r.Reason, r.Nodes))
		}
		if v.Decision.Nodes == 0 {
			why = []string{"there is no node"}
		}
		s.printf("%s fits nowhere: %s", s.nameOf(v.Ref), strings.Join(why, ", "))
	case *state.ReservationMade:
		s.kept[v.Reservation.ID<<32] = v.Reservation.Owner
		s.printf("%s gets %s", v.Reservation.Owner, s.reservation(&v.Reservation))
	case *state.ReservationEnded:
		s.printf("the reservation of %s ends", s.kept[v.ID<<32])
	case *state.ShapeCleared:
		s.printf("nothing of that shape waits any more")
	case *state.TaskStarted:
		s.printf("%s runs", s.nameOf(v.Attempt.TaskRef))
	case *state.TaskHealth:
		s.printf("%s healthy: %v%s", s.nameOf(v.Attempt.TaskRef), v.Healthy, because(v.Detail))
	case *state.TaskStop:
		s.printf("%s is to stop (%s)%s", s.nameOf(v.Ref), stopFor[v.For], because(v.Reason))
	case *state.TaskEnded:
		line := fmt.Sprintf("%s %v", s.nameOf(v.Attempt.TaskRef), v.Next)
		if v.Remove {
			line = s.nameOf(v.Attempt.TaskRef) + " is removed"
		}
		if v.NotBefore != 0 {
			line += " until " + s.at(v.NotBefore)
		}
		s.printf("%s%s", line, because(v.Reason))
		s.generated(v)
	case *state.TasksLost:
		for _, ref := range v.Refs {
			s.printf("%s is given up with node %s: %v", s.nameOf(ref), v.Node, v.Next)
		}
	case *state.ReportDuplicate:
		s.printf("%s try %d: another final report (%v) is recorded as a duplicate", s.nameOf(v.Attempt.TaskRef), v.Attempt.Try, v.Outcome)
	default:
		s.printf("%T", ev)
	}
}

// generated says what an attempt took of the power that its site makes itself.
func (s *script) generated(v *state.TaskEnded) {
	g := v.Generated
	if g == nil {
		return
	}
	line := fmt.Sprintf("  %v of its %v were made at %s", api.Energy(v.Took.Generated), api.Energy(v.Took.Energy), g.Site)
	if g.Zone != "" {
		line += ", as the signal of " + g.Zone + " says"
	}
	for i, uj := range g.Hours {
		line += fmt.Sprintf("; %v in the hour of %s", api.Energy(uj), s.at(g.From.Add(api.Duration(i)*api.Hour)))
	}
	if v.Took.Carbon != nil {
		line += fmt.Sprintf("; the rest emits %v", api.Mass(*v.Took.Carbon))
	}
	s.printf("%s", line)
}

func (s *script) clearing(v *state.NodeClearing) {
	if v.For == state.ClearNothing {
		s.printf("node %s takes work again: %s", v.Node, v.Why)
		return
	}
	s.printf("node %s is emptied, %d tasks to %s: %s", v.Node, len(v.Tasks), strings.Join(v.To, ", "), v.Why)
}

// until is a moment by which something is looked at again.
func (s *script) until(t api.Time) string {
	if t == 0 {
		return "there is news"
	}
	return s.at(t)
}
