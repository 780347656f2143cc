package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// A stage of a roll-out is looked at as often as a probation is, and for the same
// reason as sternly, see probationLooks.

// mayRollOut says why a strategy cannot be tried in stages. What a probation asks for
// has been looked at.
func (e *Engine) mayRollOut(in *PutSettings) state.Answer {
	if in.Probation == nil {
		return refuse(state.CodeInvalid, "the stages are refused: say by which probation they end, it has the goals that a canary is judged by")
	}
	if faults := in.Stages.Validate(); len(faults) > 0 {
		return refuse(state.CodeInvalid, "the stages are refused: %s", faultsText(faults))
	}
	from, to := in.Probation.From, in.Strategy
	switch p, r := e.st.OnProbation(), e.st.InRollout(); {
	case p != nil:
		return refuse(state.CodeConflict, "%s is on probation: wait for its end, or set a strategy to end it", p.To)
	case r != nil:
		return refuse(state.CodeConflict, "%s is being tried already: wait for its end, or set a strategy to end it", r.To)
	case from == to:
		return refuse(state.CodeConflict, "%s is the cell's strategy already", to)
	case len(in.Stages.Sites) > 0 && e.index.PlannerOf(from) != "":
		return refuse(state.CodeConflict, "the planner of %s chooses nodes for all that waits at once, so that nothing is left to choose within a site: leave the sites out, a canary of a share of the jobs can tell", from)
	case e.index.PlaceAlike(from, to):
		return refuse(state.CodeConflict, "%s and %s place alike, and differ in the order of the queue, which all jobs share: neither a shadow nor a canary can tell them apart; leave the stages out", from, to)
	}
	return e.mayTryAt(in.Stages.Sites)
}

// mayTryAt says of which of the sites of a canary nothing can be learnt.
func (e *Engine) mayTryAt(sites []string) state.Answer {
	known := map[string]int{}
	for _, n := range e.st.Nodes { // order-free: counts
		known[n.Site]++
	}
	for _, site := range sites {
		if known[site] > 0 {
			continue
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(name string) bool { return name == "" })
		hint := "see drover nodes for the sites that have some"
		if near := api.Nearest(site, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return refuse(state.CodeInvalid, "no node stands at the site %s of the canary: %s", site, hint)
	}
	return state.Answer{}
}

// replaceRollout ends a roll-out because somebody sets a strategy.
func (e *Engine) replaceRollout(name string) {
	if r := e.st.InRollout(); r != nil {
		e.emit(&state.RolloutJudged{Look: r.Looks, End: state.RolloutReplaced, Reason: "the strategy was set to " + cmp.Or(name, sched.Default)})
	}
}

// stageWindow is how long the present stage takes, if enough comes to judge it by.
func stageWindow(r *state.Rollout) api.Duration {
	if r.Stage == state.StageShadow {
		return r.Stages.Shadow
	}
	return r.Stages.Canary
}

func nextStageLook(r *state.Rollout) api.Time {
	return r.Since.Add(api.Duration(r.Looks+1) * (stageWindow(r) / probationLooks))
}

func (e *Engine) rolloutTimer() {
	if r := e.st.InRollout(); r != nil {
		e.timers.add(timer{at: nextStageLook(r), kind: timerRollout})
	}
}

// lookAtStage judges the stage that goes on. Like a look at a probation it leaves a
// record.
func (e *Engine) lookAtStage(v *timer) {
	r := e.st.InRollout()
	if r == nil || nextStageLook(r) != v.at {
		return
	}
	ev := &state.RolloutJudged{Look: uint32(min(e.st.Now.Sub(r.Since)/(stageWindow(r)/probationLooks), probationMost))}
	errors := int64(earlyErrors)
	if ev.Look >= probationLooks {
		errors = finalErrors
	}
	enough := false
	if r.Stage == state.StageShadow {
		enough = e.judgeShadow(r, ev, errors)
	} else {
		enough = e.judgeCanary(r, ev, errors)
	}
	switch {
	case ev.End != state.RolloutOpen:
	case enough && ev.Look >= probationLooks:
		e.passStage(r, ev)
		return
	case ev.Look >= probationMost:
		ev.End, ev.Reason = state.RolloutUntested, "too few came to judge the "+r.Stage.String()+" by"
	}
	e.emit(ev)
}

// mayRefuse is which share of the tasks that were placed a strategy that is tried may
// leave unplaced, in percent: none, but for what a strategy that looks at two nodes
// only happens to miss.
const mayRefuse = 1

// judgeShadow ends a roll-out of a strategy that leaves tasks unplaced. It reports
// whether there were enough decisions.
func (e *Engine) judgeShadow(r *state.Rollout, ev *state.RolloutJudged, errors int64) (enough bool) {
	s := &r.Shadow
	if s.Decisions < uint64(r.Asked.Least) {
		return false
	}
	if s.Refused >= fewBeyond && shareBeyond(&state.Tally{N: s.Decisions, Beyond: s.Refused}, mayRefuse, errors) {
		ev.End = state.RolloutRefused
		ev.Reason = fmt.Sprintf("%s would have left %d of %d tasks unplaced that %s placed", r.To, s.Refused, s.Decisions, r.Asked.From)
	}
	return true
}

// passStage begins the stage after one that has passed, or ends the roll-out.
func (e *Engine) passStage(r *state.Rollout, ev *state.RolloutJudged) {
	switch {
	case !e.index.Knows(r.To):
		ev.End, ev.Reason = state.RolloutRefused, "there is no strategy "+r.To+" any more"
	case r.Stage == state.StageShadow && r.Stages.Canary > 0:
		ev.Next = state.StageCanary
	case r.Stages.Stop:
		ev.End, ev.Reason = state.RolloutPassed, "nothing spoke against it; it was asked for no more than that"
	default:
		ev.Next, ev.End = state.StageAll, state.RolloutPassed
		ev.Reason = "it is the cell's strategy, on probation"
	}
	e.emit(ev)
	if ev.Next == state.StageAll {
		s := e.st.Settings
		s.Strategy = r.To
		e.emit(&state.SettingsChanged{Settings: s})
		e.emit(&state.ProbationBegun{To: r.To, Asked: r.Asked})
	}
}

// stageChanged brings the index in step with who is part of a canary.
func (e *Engine) stageChanged() {
	e.rolloutTimer()
	e.lastAsk = cachedAsk{}
	if r := e.st.Rollout; r != nil && r.Ended == e.st.Now && r.Trial != nil {
		e.regroup()
	}
}

// sidesChanged asks anew who is part of a canary: a tenant may have chosen a strategy.
func (e *Engine) sidesChanged() {
	if r := e.st.InRollout(); r != nil && r.Stage == state.StageCanary {
		e.regroup()
	}
}

// tried is the strategy that decides for a workload because it is part of a canary; ""
// when it is not.
func (e *Engine) tried(w *state.Workload) string {
	if r := e.st.Rollout; r != nil && len(r.Stages.Sites) == 0 && e.st.SideOf(w) == state.SideTrial {
		return r.To
	}
	return ""
}

// triedAt decides once more for a job that is part of a canary of some sites: among the
// nodes of the site to which the present strategy sends it. It reports false where that
// stays as it is.
func (e *Engine) triedAt(ref api.TaskRef, ask *sched.Ask, did *api.Decision) (d api.Decision, devices []api.DeviceShare, ok bool) {
	r := e.st.InRollout()
	if r == nil || len(r.Stages.Sites) == 0 || did.Chosen == nil {
		return d, nil, false
	}
	site := e.st.Nodes[did.Chosen.Node].Site
	if e.st.SideAt(e.st.Workloads[ref.Workload], site) != state.SideTrial {
		return d, nil, false
	}
	d, devices = e.index.Decide(ref, ask.At(site, r.To), e.st.Now)
	return d, devices, d.Chosen != nil
}

// stageOf names the stage of a roll-out under which a decision for a workload is made;
// "" when it has no part in one.
func (e *Engine) stageOf(w *state.Workload, d *api.Decision) string {
	r := e.st.InRollout()
	if r == nil {
		return ""
	}
	if r.Stage == state.StageShadow && beside(r, d) {
		return api.StageShadow
	}
	switch e.st.SideAt(w, e.st.Nodes[d.Chosen.Node].Site) {
	case state.SideTrial:
		if d.Strategy != r.To { // it found no node there, or room was made, or planned, by the present one
			return ""
		}
		return api.StageCanary
	case state.SideControl:
		return api.StageControl
	}
	return ""
}

func stagesSize(s *api.Stages) int {
	if s == nil {
		return 0
	}
	return 5*numberSize + textsSize(s.Tenants) + textsSize(s.Sites)
}
