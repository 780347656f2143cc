package engine

import (
	"fmt"
	"math/big"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// judgeCanary ends a roll-out of a strategy whose jobs are surely worse off than those
// beside them. It reports whether both groups are large enough.
func (e *Engine) judgeCanary(r *state.Rollout, ev *state.RolloutJudged, errors int64) (enough bool) {
	trial, control := e.canary(r)
	enough = true
	for i := range trial {
		g, t, c := &r.Asked.Goals[i], &trial[i], &control[i]
		if least := uint64(r.Asked.Least); t.N < least || c.N < least {
			enough = false
		} else if ev.End == state.RolloutOpen && surelyWorseThan(g, t, c, errors) {
			ev.End, ev.Reason = state.RolloutRolled, clip(gapText(g, t, c))
		}
	}
	return enough
}

// canary gives the tallies of both groups with what has not ended: it will take longer
// than it has waited.
func (e *Engine) canary(r *state.Rollout) (trial, control []state.Tally) {
	trial, control = append(trial, r.Trial...), append(control, r.Control...)
	for _, w := range e.st.Workloads { // order-free: sums
		if w.Status.Final() || w.Away() {
			continue
		}
		switch e.st.SideOf(w) {
		case state.SideTrial:
			e.addOpen(trial, r.Asked.Goals, w)
		case state.SideControl:
			e.addOpen(control, r.Asked.Goals, w)
		}
	}
	return trial, control
}

// surelyWorseThan reports whether the figure of one group is worse than that of another
// by more than is allowed and so many standard errors. A mean may be longer by as much
// as the limit is above what was before. Of a percentile, the share of what is beyond
// the limit has to be larger than the percentile grants, and than the other group's.
func surelyWorseThan(g *api.Goal, t, c *state.Tally, errors int64) bool {
	_, percentile, _ := g.Metric.Parts()
	if percentile == 0 {
		by, spread := meanGap(t, c)
		allowed := int64(max(g.Limit-g.Before, 0) / api.Microsecond)
		return beyondErrors(by.Sub(by, new(big.Rat).SetInt64(allowed)), spread, errors)
	}
	by, spread := shareGap(t, c)
	return t.Beyond >= fewBeyond && shareBeyond(t, int64(100-percentile), errors) && beyondErrors(by, spread, errors)
}

// beyondErrors: by > z·√spread, without the root.
func beyondErrors(by, spread *big.Rat, z int64) bool {
	if by.Sign() <= 0 {
		return false
	}
	square := new(big.Rat).Mul(by, by)
	return square.Cmp(new(big.Rat).Mul(spread, new(big.Rat).SetInt64(z*z))) > 0
}

// meanGap is the difference of two means, in microseconds, with its variance, each
// group with a variance of its own (Welch, 1947, "The Generalization of Student's
// Problem when Several Different Population Variances are Involved").
func meanGap(t, c *state.Tally) (by, spread *big.Rat) {
	m1, v1 := moments(t)
	m2, v2 := moments(c)
	return m1.Sub(m1, m2), v1.Add(v1, v2)
}

// moments are the mean of a tally and the variance of that mean:
// (n·Q - S²) / (n²·(n-1)) for the sum S and the sum of squares Q.
func moments(t *state.Tally) (mean, spread *big.Rat) {
	n, sum := new(big.Int).SetUint64(max(t.N, 1)), new(big.Int).SetUint64(t.Sum)
	mean, spread = new(big.Rat).SetFrac(sum, n), new(big.Rat)
	if t.N < 2 {
		return mean, spread
	}
	q := new(big.Int).SetUint64(t.High)
	q.Lsh(q, 64).Add(q, new(big.Int).SetUint64(t.Low))
	q.Sub(q.Mul(q, n), new(big.Int).Mul(sum, sum))
	d := new(big.Int).Mul(n, n)
	return mean, spread.SetFrac(q, d.Mul(d, new(big.Int).SetUint64(t.N-1)))
}

// shareGap is the difference of the shares of what is beyond the limit, with the
// variance that it has if both groups are alike.
func shareGap(t, c *state.Tally) (by, spread *big.Rat) {
	n, m := int64(max(t.N, 1)), int64(max(c.N, 1))
	by = new(big.Rat).Sub(big.NewRat(int64(t.Beyond), n), big.NewRat(int64(c.Beyond), m))
	pooled := big.NewRat(int64(t.Beyond)+int64(c.Beyond), n+m)
	spread = new(big.Rat).Sub(big.NewRat(1, 1), pooled)
	spread.Mul(spread, pooled)
	return by, spread.Mul(spread, new(big.Rat).Add(big.NewRat(1, n), big.NewRat(1, m)))
}

func gapText(g *api.Goal, t, c *state.Tally) string {
	if _, percentile, _ := g.Metric.Parts(); percentile > 0 {
		return fmt.Sprintf("%s: %d of %d took longer than %v, and %d of %d beside them; at most %d in 100 may", g.Metric, t.Beyond, t.N, g.Limit, c.Beyond, c.N, 100-percentile)
	}
	return fmt.Sprintf("%s is %v of %d, and %v of the %d beside them: surely longer by more than the %v that are allowed", g.Metric, meanOf(t), t.N, meanOf(c), c.N, max(g.Limit-g.Before, 0))
}

// gapOf is what a roll-out shows of the difference of two groups.
func gapOf(g *api.Goal, t, c *state.Tally) api.Gap {
	if t.N < 2 || c.N < 2 {
		return api.Gap{}
	}
	by, spread := meanGap(t, c)
	unit := int64(api.Microsecond)
	if _, percentile, _ := g.Metric.Parts(); percentile > 0 {
		by, spread = shareGap(t, c)
		unit = 1000
	}
	mid, half := timesUnit(by, unit), rootTimes(spread, unit*earlyErrors)
	return api.Gap{Known: true, By: mid, Low: mid - half, High: mid + half}
}

// timesUnit is a ratio in so many parts of one, cut to a whole number.
func timesUnit(r *big.Rat, unit int64) int64 {
	n := new(big.Int).Mul(r.Num(), big.NewInt(unit))
	return n.Quo(n, r.Denom()).Int64()
}

// rootTimes is the root of a ratio in so many parts of one.
func rootTimes(r *big.Rat, unit int64) int64 {
	n := new(big.Int).Mul(r.Num(), big.NewInt(unit))
	n.Mul(n, big.NewInt(unit))
	return n.Quo(n, r.Denom()).Sqrt(n).Int64()
}

// ViewRollout shows the change in stages that goes on, or the last one that did; nil
// when there was none.
func (e *Engine) ViewRollout() *api.RolloutView {
	r := e.st.Rollout
	if r == nil {
		return nil
	}
	v := &api.RolloutView{
		Strategy: r.To, From: r.Asked.From, Stage: r.Stage.String(), Status: r.Judged.String(), Reason: r.Reason,
		Since: r.Since, Until: r.Ended, Stages: r.Stages, Goals: r.Asked.Goals, Shadow: viewShadow(&r.Shadow),
	}
	if r.Ended == 0 {
		v.Until = r.Since.Add(stageWindow(r))
	}
	for i := range r.Trial {
		t, c := &r.Trial[i], &r.Control[i]
		v.Trial, v.Control = append(v.Trial, liveFigure(t)), append(v.Control, liveFigure(c))
		v.Worse = append(v.Worse, gapOf(&r.Asked.Goals[i], t, c))
	}
	return v
}

func liveFigure(t *state.Tally) api.LiveFigure {
	return api.LiveFigure{Samples: int64(t.N), Mean: meanOf(t), Beyond: int64(t.Beyond)}
}
