package engine

import (
	"cmp"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Shadowed is what the strategy in the shadow stage of a roll-out would have done: the
// shell found it beside the decisions, on the states in which they were made.
type Shadowed struct {
	Strategy string            `cbor:"1,keyasint"`
	Since    api.Time          `cbor:"2,keyasint"` // of the stage
	Tally    state.ShadowTally `cbor:"3,keyasint"` // since the last such input
}

// InputKind implements Input.
func (*Shadowed) InputKind() InputKind { return InputShadowed }

// maxShadowed bounds the decisions of one Shadowed.
const maxShadowed = 1_000_000

// shadowed takes a report in, unless it is of another stage, or cannot be true.
func (e *Engine) shadowed(in *Shadowed) {
	r, t := e.st.InRollout(), &in.Tally
	if r == nil || r.Stage != state.StageShadow || r.To != in.Strategy || r.Since != in.Since {
		return
	}
	if t.Sound() && t.Decisions <= maxShadowed && t.Skipped <= maxShadowed && *t != (state.ShadowTally{}) {
		e.emit(&state.RolloutShadowed{Tally: *t})
	}
}

// beside reports whether the shadow of a roll-out decides once more what was decided:
// what the strategy that it may replace has decided by its score.
func beside(r *state.Rollout, d *api.Decision) bool {
	return d != nil && d.Chosen != nil && d.Plan == 0 && d.Strategy == r.Asked.From
}

// Shadowing reports whether a strategy is in the shadow stage, and of which roll-out.
func (e *Engine) Shadowing() (strategy string, since api.Time, ok bool) {
	if r := e.st.InRollout(); r != nil && r.Stage == state.StageShadow {
		return r.To, r.Since, true
	}
	return "", 0, false
}

// Beside lets the strategy in the shadow stage decide what was just decided, and adds
// the difference to a tally. It must be called on a follower before the placement is
// folded in, so that it decides on the state on which the leader did. It reports
// whether the decision is one that the shadow is to see; skip only counts it.
func (e *Engine) Beside(ev *state.TaskPlaced, tally *state.ShadowTally, skip bool) bool {
	r := e.st.InRollout()
	w, t := e.st.Task(ev.Ref)
	if r == nil || r.Stage != state.StageShadow || t == nil || !beside(r, ev.Decision) {
		return false
	}
	if skip {
		tally.Skipped++
		return true
	}
	would := e.would(r.To, w, t)
	Compare(tally, ev.Decision, &would, scored(&would, ev.Node))
	return true
}

// Would is what a strategy would decide in the place of a placement that the score of the
// cell's has just decided. Like Beside it must be called on a follower before that is
// folded in. Instead is how that strategy scores the node that was taken; nil where it may
// not be. It reports false where nothing is to be compared: the job or its tenant chose a
// strategy, a planner placed the task, or there is no strategy of that name.
func (e *Engine) Would(strategy string, ev *state.TaskPlaced) (would api.Decision, instead *api.Candidate, ok bool) {
	w, t := e.st.Task(ev.Ref)
	d := ev.Decision
	if t == nil || d == nil || d.Chosen == nil || d.Plan != 0 || d.Strategy != cmp.Or(e.st.Settings.Strategy, sched.Default) || !e.index.Knows(strategy) {
		return would, nil, false
	}
	would = e.would(strategy, w, t)
	if instead = scored(&would, ev.Node); instead == nil { // it is none of the best four
		on := e.asked(strategy, w, t).On(ev.Node)
		pinned, _ := e.index.Decide(t.Ref, on, e.st.Now)
		instead = pinned.Chosen
	}
	return would, instead, true
}

func (e *Engine) would(strategy string, w *state.Workload, t *state.Task) api.Decision {
	d, _ := e.index.Decide(t.Ref, e.asked(strategy, w, t), e.st.Now)
	return d
}

// asked is what a strategy is asked about an element in the place of the cell's.
func (e *Engine) asked(strategy string, w *state.Workload, t *state.Task) *sched.Ask {
	clear(e.loads) // what tasks left behind may have changed
	ask := *e.askFor(w, t)
	ask.Strategy = strategy
	e.prepare(t.Ref, &ask)
	return &ask
}

// longestPredicted bounds one prediction, so that sums stay sums.
const longestPredicted = 30 * api.Day

// Compare adds to a tally by how much a decision differs from the one that was made.
// Instead is how the one that is tried scores the node that was taken, nil where that is
// not known.
func Compare(tally *state.ShadowTally, did, would *api.Decision, instead *api.Candidate) {
	tally.Decisions++
	if would.Chosen == nil {
		tally.Refused++
		return
	}
	if would.Chosen.Node != did.Chosen.Node {
		tally.Differ++
	}
	present, candidate := predicted(did), predicted(would)
	tally.Present += uint64(present / api.Microsecond)
	tally.Candidate += uint64(candidate / api.Microsecond)
	switch {
	case candidate < present:
		tally.Faster++
	case candidate > present:
		tally.Slower++
	}
	if instead != nil {
		tally.Scored++
		tally.Gain += uint64(max(would.Chosen.Score-instead.Score, 0))
	}
}

// predicted is how long a decision expects it to take until the outputs are back.
func predicted(d *api.Decision) api.Duration {
	return min(max(d.Transfer+d.Wait+d.Run+d.Return, 0), longestPredicted)
}

// scored is a node as a decision scored it: the one that was chosen or a runner-up; nil
// when the decision did not keep it.
func scored(d *api.Decision, node string) *api.Candidate {
	if d.Chosen == nil {
		return nil
	}
	if d.Chosen.Node == node {
		return d.Chosen
	}
	for i := range d.RunnersUp {
		if c := &d.RunnersUp[i]; c.Node == node {
			return c
		}
	}
	return nil
}

func viewShadow(s *state.ShadowTally) *api.ShadowView {
	if *s == (state.ShadowTally{}) {
		return nil
	}
	v := &api.ShadowView{
		Decisions: int64(s.Decisions), Skipped: int64(s.Skipped), Differ: int64(s.Differ), Refused: int64(s.Refused),
		Faster: int64(s.Faster), Slower: int64(s.Slower), Scored: int64(s.Scored),
	}
	if n := s.Decisions - s.Refused; n > 0 {
		v.Present, v.Candidate = api.Duration(s.Present/n)*api.Microsecond, api.Duration(s.Candidate/n)*api.Microsecond
	}
	if s.Scored > 0 {
		v.Gain = int64(s.Gain / s.Scored)
	}
	return v
}
