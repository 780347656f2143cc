package live

import (
	"cmp"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// describe shows an event to watchers.
func describe(ev state.Event, spec *api.Workload) api.WatchEvent {
	out := api.WatchEvent{Type: kindNames[ev.Kind()]}
	if spec != nil {
		out.Workload, out.Tenant = spec.Name, spec.Tenant
	}
	if ref, ok := refOf(ev); ok && spec != nil && int(ref.Task) < len(spec.Tasks) {
		out.Task = nameOf(spec, ref)
	}
	if !describeTask(ev, spec, &out) && !describeNode(ev, &out) && !describeCell(ev, &out) {
		describeWorkload(ev, &out)
	}
	return out
}

func describeTask(ev state.Event, spec *api.Workload, out *api.WatchEvent) bool {
	switch e := ev.(type) {
	case *state.TaskPlaced:
		out.Node, out.Status = e.Node, api.TaskPlaced.String()
	case *state.TaskStarted:
		out.Status = api.TaskRunning.String()
	case *state.TaskHealth:
		out.Status, out.Detail = health(e.Healthy), e.Detail
	case *state.TaskStop:
		out.Detail = e.Reason
	case *state.TaskSuspended:
		out.Status = api.TaskSuspended.String()
		if e.Resumed {
			out.Status = api.TaskRunning.String()
		}
	case *state.TaskSliced:
		out.Detail = engine.SlicedText(&e.Slice)
	case *state.TaskEnded:
		out.Status, out.Detail = e.Next.String(), e.Reason
	case *state.TasksLost:
		out.Node, out.Status = e.Node, e.Next.String()
		out.Detail = strconv.Itoa(len(e.Refs)) + " tasks lost: " + e.Reason
		out.Workload, out.Tenant = only(e.Refs, out.Workload), only(e.Refs, out.Tenant)
	case *state.TasksReady:
		out.Status = api.TaskPending.String()
		if spec != nil && int(e.Task) < len(spec.Tasks) {
			out.Task = spec.Name + "." + spec.Tasks[e.Task].Name
		}
		out.Detail = "elements " + number(uint64(e.From)) + " to " + number(uint64(e.To)-1)
	case *state.TasksDeferred:
		out.Status = api.TaskPending.String()
		if spec != nil && int(e.Task) < len(spec.Tasks) {
			out.Task = spec.Name + "." + spec.Tasks[e.Task].Name
		}
		out.Detail = engine.DeferredText(e.Wait)
	case *state.SuspensionPut:
		if spec != nil && int(e.Task) < len(spec.Tasks) {
			out.Task = spec.Name + "." + spec.Tasks[e.Task].Name
		}
		out.Detail = engine.SuspensionText(e, since(e.Suspension)) + ": elements " + number(uint64(e.From)) + " to " + number(uint64(e.To)-1)
	case *state.ReportDuplicate:
		out.Detail = "a further final report of try " + number(uint64(e.Attempt.Try)) + ": " + e.Outcome.String()
	default:
		return false
	}
	return true
}

// since is when a suspension began; 0 without one.
func since(s *api.Suspension) api.Time {
	if s == nil {
		return 0
	}
	return s.Since
}

// only keeps a name when all refs are of one workload.
func only(refs []api.TaskRef, name string) string {
	for i := range refs {
		if refs[i].Workload != refs[0].Workload {
			return ""
		}
	}
	return name
}

func describeNode(ev state.Event, out *api.WatchEvent) bool {
	switch e := ev.(type) {
	case *state.NodeRegistered:
		out.Node, out.Status = e.Node.Name, "ready"
	case *state.NodeSilent:
		out.Node, out.Status = e.Node, "silent"
	case *state.NodeBack:
		out.Node, out.Status = e.Node, "ready"
	case *state.NodeDrain:
		out.Node, out.Status = e.Node, "ready"
		if e.On {
			out.Status = "draining"
		}
	case *state.NodeRemoved:
		out.Node, out.Status = e.Node, "removed"
	case *state.NodePower:
		out.Node, out.Status = e.Node, string(e.State)
	case *state.NodeClearing:
		out.Node, out.Status, out.Detail = e.Node, "ready", e.Why
		if e.For != state.ClearNothing {
			out.Status = "emptying"
		}
	case *state.NodeStrained:
		out.Node, out.Status, out.Detail = e.Node, "overloaded", engine.StrainText(e)
	case *state.NodeEased:
		out.Node, out.Status, out.Detail = e.Node, "ready", e.Why
	case *state.DemandForeseen:
		out.Detail = engine.ForeseenText(e)
	case *state.BatterySet:
		out.Detail = "battery of site " + e.Site + ": " + e.Setpoint.String() + ", " + e.Why
	case *state.BatteryReported:
		out.Detail = "battery of site " + e.Site + batteryText(e)
	case *state.BatteryForgotten:
		out.Detail = "battery of site " + e.Site + ": nothing is asked of it any more"
	case *state.SitePut:
		out.Detail = "site " + e.Site.Name
	case *state.StrategyPut:
		out.Detail = "strategy " + e.Strategy.Name
	case *state.TenantPut:
		out.Detail, out.Tenant = "tenant "+e.Tenant.Name, e.Tenant.Name
	case *state.OffsetBought:
		out.Detail = "offset " + e.Offset.Serial + " of " + e.Offset.Amount.String()
	case *state.OffsetEnded:
		out.Detail, out.Status = "offset "+e.Serial, e.Status
	case *state.BudgetHeld:
		out.Detail, out.Tenant = "tasks of tenant "+e.Whose()+" wait for a budget until "+e.Held.Until.String(), e.Whose()
	case *state.BudgetFreed:
		out.Detail, out.Tenant = "tasks of tenant "+e.Whose()+" wait for no budget", e.Whose()
	case *state.SignalPut:
		out.Detail = signalText(&e.Signal)
	case *state.PlanAsked:
		out.Detail = "plan " + number(e.N)
	case *state.PlanClosed:
		out.Detail = "plan " + number(e.N) + planText(&e.Outcome)
	case *state.SettingsChanged:
		out.Detail = "the strategy is " + cmp.Or(e.Settings.Strategy, "the default")
	case *state.ProbationBegun:
		out.Detail = "strategy " + e.To + " in the place of " + e.Asked.From + " for " + e.Asked.Window.String()
	case *state.ProbationJudged:
		out.Detail = e.End.String()
		if e.Reason != "" {
			out.Detail += ": " + e.Reason
		}
	case *state.RolloutBegun:
		out.Detail = "strategy " + e.To + " is tried in the place of " + e.Asked.From
	case *state.RolloutShadowed:
		out.Detail = number(e.Tally.Decisions) + " decisions, " + number(e.Tally.Differ) + " to another node, " + number(e.Tally.Refused) + " refused"
	case *state.RolloutJudged:
		out.Detail = rolloutText(e)
	case *state.LeaderStarted:
		out.Detail = "epoch " + number(e.Epoch) + " of " + e.Server
	case *state.LossAccepted:
		out.Detail = "records from " + number(e.From) + " on were given up: " + number(e.Entries) + " entries"
	default:
		return false
	}
	return true
}

func planText(o *state.PlanOutcome) string {
	if o.Planner == "" {
		return " did not come in time"
	}
	return " of " + number(uint64(o.Tasks)) + " tasks by " + o.Planner
}

func describeWorkload(ev state.Event, out *api.WatchEvent) {
	switch e := ev.(type) {
	case *state.WorkloadSubmitted:
		out.Status, out.Detail = api.WorkloadPending.String(), "~"+number(e.ID)
	case *state.WorkloadRevised:
		out.Detail = e.Reason
	case *state.WorkloadStopping:
		out.Detail = e.Reason
	case *state.WorkloadFinished:
		out.Status, out.Detail = e.Status.String(), e.Reason
	case *state.WorkloadForgotten:
		out.Detail = strconv.Itoa(len(e.IDs)) + " finished workloads"
	case *state.RunScheduled:
		out.Detail = "next run " + e.Next.String()
		if e.Skipped != "" {
			out.Detail += "; skipped: " + e.Skipped
		}
	case *state.RevisionStable:
		out.Detail = "revision " + number(uint64(e.Revision))
	case *state.ReplicasAdded:
		out.Detail = number(uint64(e.Count)) + " elements"
	case *state.TaskResized:
		out.Detail = engine.ResizedText(e.CPU, e.Memory, state.SizeBefore{}, &e.Why)
	case *state.ServiceScaled:
		out.Detail = number(uint64(e.Replicas)) + " replicas: " + engine.Because(&e.Why)
	}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func health(ok bool) string {
	if ok {
		return "healthy"
	}
	return "unhealthy"
}

// nameOf is the display form of an element, as state.Workload.NameOf makes it.
func nameOf(spec *api.Workload, ref api.TaskRef) string {
	w := state.Workload{Spec: spec}
	return w.NameOf(&state.Task{Ref: ref})
}

var kindNames = map[state.Kind]string{
	state.KindLeaderStarted:     "leader.started",
	state.KindSettingsChanged:   "settings.changed",
	state.KindSitePut:           "site.put",
	state.KindStrategyPut:       "strategy.put",
	state.KindTenantPut:         "tenant.put",
	state.KindNodeRegistered:    "node.registered",
	state.KindNodeSilent:        "node.silent",
	state.KindNodeBack:          "node.back",
	state.KindNodeDrain:         "node.drain",
	state.KindNodeRemoved:       "node.removed",
	state.KindWorkloadSubmitted: "workload.submitted",
	state.KindWorkloadRevised:   "workload.revised",
	state.KindWorkloadRescaled:  "workload.rescaled",
	state.KindWorkloadStopping:  "workload.stopping",
	state.KindWorkloadFinished:  "workload.finished",
	state.KindWorkloadForgotten: "workload.forgotten",
	state.KindRunScheduled:      "run.scheduled",
	state.KindRevisionStable:    "revision.stable",
	state.KindReplicasAdded:     "replicas.added",
	state.KindTasksReady:        "tasks.ready",
	state.KindTaskPlaced:        "task.placed",
	state.KindShapeRefused:      "shape.refused",
	state.KindShapeCleared:      "shape.cleared",
	state.KindTaskStarted:       "task.started",
	state.KindTaskHealth:        "task.health",
	state.KindTaskStop:          "task.stop",
	state.KindTaskEnded:         "task.ended",
	state.KindTasksLost:         "tasks.lost",
	state.KindReportDuplicate:   "report.duplicate",
	state.KindAnswered:          "answered",
	state.KindReservationMade:   "reservation.made",
	state.KindReservationEnded:  "reservation.ended",
	state.KindTaskSuspended:     "task.suspended",
	state.KindTaskCheckpointed:  "task.checkpointed",
	state.KindNodePower:         "node.power",
	state.KindCellRegistered:    "cell.registered",
	state.KindCellSilent:        "cell.silent",
	state.KindCellBack:          "cell.back",
	state.KindCellRemoved:       "cell.removed",
	state.KindHandoverOffered:   "handover.offered",
	state.KindHandoverAccepted:  "handover.accepted",
	state.KindHandoverRefused:   "handover.refused",
	state.KindHandoverReported:  "handover.reported",
	state.KindHandoverLost:      "handover.lost",
	state.KindHandoverDeclined:  "handover.declined",
	state.KindHandoverSettled:   "handover.settled",
	state.KindLossAccepted:      "loss.accepted",
	state.KindPlanAsked:         "plan.asked",
	state.KindPlanClosed:        "plan.closed",
	state.KindTaskBooked:        "task.booked",
	state.KindTaskUnbooked:      "task.unbooked",
	state.KindProbationBegun:    "probation.begun",
	state.KindProbationJudged:   "probation.judged",
	state.KindRolloutBegun:      "rollout.begun",
	state.KindRolloutShadowed:   "rollout.shadowed",
	state.KindRolloutJudged:     "rollout.judged",
	state.KindSignalPut:         "signal.put",
	state.KindBudgetHeld:        "budget.held",
	state.KindBudgetFreed:       "budget.freed",
	state.KindOffsetBought:      "offset.bought",
	state.KindOffsetEnded:       "offset.ended",
	state.KindServiceScaled:     "service.scaled",
	state.KindTasksDeferred:     "tasks.deferred",
	state.KindSlicingLooked:     "slicing.looked",
	state.KindTaskSliced:        "task.sliced",
	state.KindTaskResized:       "task.resized",
	state.KindNodesLooked:       "nodes.looked",
	state.KindNodeClearing:      "node.clearing",
	state.KindDemandForeseen:    "demand.foreseen",
	state.KindBatterySet:        "battery.set",
	state.KindBatteryReported:   "battery.reported",
	state.KindBatteryForgotten:  "battery.forgotten",
	state.KindSuspensionPut:     "suspension.put",
	state.KindNodeStrained:      "node.strained",
	state.KindNodeEased:         "node.eased",
}

// batteryText says what was heard of a battery.
func batteryText(e *state.BatteryReported) string {
	if e.Idle != "" {
		return " does not obey: " + e.Idle
	}
	return " holds " + api.Energy(e.Level).String()
}

// rolloutText says what a look at a stage came to.
func rolloutText(e *state.RolloutJudged) string {
	text := e.End.String()
	if e.Next != state.StageNone {
		text = "next: " + e.Next.String()
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// signalText says what news of a signal is about.
func signalText(s *api.Signal) string {
	if s.Fault != "" {
		return "signal " + s.Key() + ": " + s.Fault
	}
	return "signal " + s.Key() + ": " + number(uint64(len(s.Values))) + " values from " + s.Origin
}
