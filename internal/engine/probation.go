package engine

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// A strategy on probation is looked at sixteen times within its window. Looking often
// finds something by chance now and then, so a look before the last one takes a
// difference of three standard errors, the last one of two (Haybittle, 1971, "Repeated
// Assessment of Results in Clinical Trials of Cancer Treatment"; Peto et al., 1976).
// Everything is counted in integers: each processor comes to the same judgement.
const (
	probationLooks = 16
	probationMost  = 4 * probationLooks // looks, when too few jobs come
	earlyErrors    = 3
	finalErrors    = 2
	// fewBeyond is how many samples must be beyond a percentile's limit: with less the
	// normal approximation to their number means nothing.
	fewBeyond = 3
)

// presentStrategy is the name of the cell's strategy.
func (e *Engine) presentStrategy() string { return cmp.Or(e.st.Settings.Strategy, sched.Default) }

// mayTry says why a strategy cannot be set on probation.
func (e *Engine) mayTry(in *PutSettings) state.Answer {
	if faults := in.Probation.Validate(); len(faults) > 0 || in.Strategy == "" {
		return refuse(state.CodeInvalid, "the probation is refused: name a strategy with it; %s", faultsText(faults))
	}
	if now := e.presentStrategy(); now != in.Probation.From {
		return refuse(state.CodeConflict, "the cell's strategy is %s, not %s any more: rehearse %s against it", now, in.Probation.From, in.Strategy)
	}
	return state.Answer{}
}

// strategySet ends a probation because another strategy is about to be the cell's.
func (e *Engine) strategySet(name string) {
	if p := e.st.OnProbation(); p != nil && name != p.To {
		e.emit(&state.ProbationJudged{Look: p.Looks, End: state.ProbationReplaced, Reason: "the strategy was set to " + cmp.Or(name, sched.Default)})
	}
}

// lookEvery is the time from one look to the next.
func lookEvery(p *state.Probation) api.Duration { return p.Asked.Window / probationLooks }

func nextLook(p *state.Probation) api.Time {
	return p.Since.Add(api.Duration(p.Looks+1) * lookEvery(p))
}

func (e *Engine) probationTimer() {
	if p := e.st.OnProbation(); p != nil {
		e.timers.add(timer{at: nextLook(p), kind: timerProbation})
	}
}

// look judges the strategy on probation. A look leaves a record, so that whoever
// replays it looks at the same times.
func (e *Engine) look(v *timer) {
	p := e.st.OnProbation()
	if p == nil || nextLook(p) != v.at {
		return
	}
	ev := &state.ProbationJudged{Look: uint32(min(e.st.Now.Sub(p.Since)/lookEvery(p), probationMost))}
	tallies := e.withOpen(p)
	errors := int64(earlyErrors)
	if ev.Look >= probationLooks {
		errors = finalErrors
	}
	enough := true
	for i := range tallies {
		g, t := &p.Asked.Goals[i], &tallies[i]
		if t.N < uint64(p.Asked.Least) {
			enough = false
		} else if surelyWorse(g, t, errors) {
			ev.End, ev.Reason = state.ProbationRolledBack, clip(worseText(g, t))
			e.emit(ev)
			e.rollStrategyBack(p)
			return
		}
	}
	switch {
	case enough && ev.Look >= probationLooks:
		ev.End, ev.Reason = state.ProbationKept, "nothing is surely worse than its limit"
	case ev.Look >= probationMost:
		ev.End, ev.Reason = state.ProbationKept, "too few jobs came to judge by"
	}
	e.emit(ev)
}

// rollStrategyBack makes the strategy before the cell's again, unless its
// declaration does not decide any more.
func (e *Engine) rollStrategyBack(p *state.Probation) {
	s := e.st.Settings
	if s.Strategy = p.Asked.From; e.index.Knows(s.Strategy) {
		e.emit(&state.SettingsChanged{Settings: s})
	}
}

// withOpen adds to what has ended what has not: it will take longer than it has
// waited. Only what is beyond its limit is added, or the young would make the mean
// look short.
func (e *Engine) withOpen(p *state.Probation) []state.Tally {
	out := slices.Clone(p.Tallies)
	for _, w := range e.st.Workloads { // order-free: sums
		if w.Status.Final() || !p.Watches(w) {
			continue
		}
		e.addOpen(out, p.Asked.Goals, w)
	}
	return out
}

// addOpen adds a job that has not ended to the tallies of those goals of which it is
// beyond the limit.
func (e *Engine) addOpen(tallies []state.Tally, goals []api.Goal, w *state.Workload) {
	age := e.st.Now.Sub(w.Submitted)
	for i := range goals {
		g := &goals[i]
		if age <= g.Limit {
			continue
		}
		n := 1
		if wait, _, _ := g.Metric.Parts(); wait {
			n = unbegun(w)
		}
		for range n {
			tallies[i].Add(age, g.Limit)
		}
	}
}

// unbegun counts the elements of a job that never ran.
func unbegun(w *state.Workload) (n int) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Try <= 1 && t.Started == 0 && !t.Status.Final() {
				n++
			}
		}
	}
	return n
}

// surelyWorse reports whether a figure is beyond its limit by more than so many
// standard errors. The samples are taken for independent.
func surelyWorse(g *api.Goal, t *state.Tally, errors int64) bool {
	_, percentile, _ := g.Metric.Parts()
	if percentile == 0 {
		return meanBeyond(g, t, errors)
	}
	return t.Beyond >= fewBeyond && shareBeyond(t, int64(100-percentile), errors)
}

// meanBeyond: S/n - L > z·s/√n with s² = (n·Q - S²) / (n·(n-1)), multiplied out, for
// the sum S and the sum of squares Q of n samples.
func meanBeyond(g *api.Goal, t *state.Tally, errors int64) bool {
	n, sum := new(big.Int).SetUint64(t.N), new(big.Int).SetUint64(t.Sum)
	over := new(big.Int).Mul(n, big.NewInt(int64(g.Limit/api.Microsecond)))
	if over.Sub(sum, over); over.Sign() <= 0 || t.N < 2 {
		return false
	}
	q := new(big.Int).SetUint64(t.High)
	q.Lsh(q, 64).Add(q, new(big.Int).SetUint64(t.Low))
	spread := q.Sub(q.Mul(q, n), sum.Mul(sum, sum))
	left := over.Mul(over, over)
	left.Mul(left, n.Sub(n, big.NewInt(1)))
	return left.Cmp(spread.Mul(spread, big.NewInt(errors*errors))) > 0
}

// shareBeyond: k - n·q > z·√(n·q·(1-q)), multiplied out, for k of n samples beyond a
// limit that the share q, in percent, may exceed.
func shareBeyond(t *state.Tally, q, errors int64) bool {
	n := new(big.Int).SetUint64(t.N)
	over := new(big.Int).SetUint64(t.Beyond)
	over.Mul(over, big.NewInt(100)).Sub(over, new(big.Int).Mul(n, big.NewInt(q)))
	if over.Sign() <= 0 {
		return false
	}
	return over.Mul(over, over).Cmp(n.Mul(n, big.NewInt(errors*errors*q*(100-q)))) > 0
}

func worseText(g *api.Goal, t *state.Tally) string {
	if _, percentile, _ := g.Metric.Parts(); percentile > 0 {
		return fmt.Sprintf("%s: %d of %d took longer than %v, at most %d in 100 may", g.Metric, t.Beyond, t.N, g.Limit, 100-percentile)
	}
	return fmt.Sprintf("%s is %v of %d, surely more than the %v that are allowed; %v was predicted", g.Metric, meanOf(t), t.N, g.Limit, g.Expected)
}

func meanOf(t *state.Tally) api.Duration {
	if t.N == 0 {
		return 0
	}
	return api.Duration(t.Sum/t.N) * api.Microsecond
}

// ViewProbation shows the strategy on probation, or the last one that was; nil
// when there was none.
func (e *Engine) ViewProbation() *api.ProbationView {
	p := e.st.Probation
	if p == nil {
		return nil
	}
	v := &api.ProbationView{
		Strategy: p.To, Since: p.Since, Status: p.Judged.String(), Reason: p.Reason, Asked: p.Asked, Until: cmp.Or(p.Ended, p.Since.Add(p.Asked.Window)),
	}
	for i := range p.Tallies {
		v.Figures = append(v.Figures, liveFigure(&p.Tallies[i]))
	}
	return v
}

func probationSize(p *api.Probation) int {
	if p == nil {
		return 0
	}
	n := 2*smallSize + len(p.From)
	for i := range p.Goals {
		n += 6*numberSize + 2*headSize + len(p.Goals[i].Metric)
	}
	return n
}
