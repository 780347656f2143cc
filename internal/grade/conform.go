package grade

import (
	"slices"

	"drover.dev/api"
)

// Conform keeps quantiles at what they promise. Each is moved by a share of its
// interval, or of a tenth of how far ahead the median lies where that is more (the median
// itself of that always: a wide interval is no reason to move it far): one share for
// each figure, quantile and horizon. When a truth arrives it grows by rate·q if that lay above the quantile q, and shrinks by rate·(1-q) if it did not. In the long run
// the share q of all truths lies below, whatever the predictions are off by and however
// that drifts (Gibbs and Candès, 2021, "Adaptive Conformal Inference Under Distribution
// Shift"; Angelopoulos, Candès and Tibshirani, 2023, "Conformal PID Control for Time
// Series Prediction", its quantile tracking). It learns only from what was graded. The
// zero value moves nothing.
type Conform struct {
	shares [figures][horizonCount]shares
}

// shares are those of the tenth, the median and the ninetieth percentile.
type shares [3]float64

// How fast shares are learnt, and how far they may go.
const (
	rate      = 0.1
	mostShare = 100.0
)

// ahead is how far ahead each figure of a prediction lay before it was moved; 0 where
// it lay beyond sight, or nothing was predicted.
func (p *Prediction) ahead() (out [figures]api.Duration) {
	if p.Start.P50 != 0 {
		out[Start] = max(p.Start.P50.Sub(p.Made), grain)
	}
	if p.End.P50 != 0 {
		out[End] = max(p.End.P50.Sub(p.Made), grain)
	}
	if p.Run.P50 != 0 {
		out[Duration] = max(p.Run.P50, grain)
	}
	return out
}

// Adjust moves the quantiles of a prediction that has just been made.
func (c *Conform) Adjust(p *Prediction) {
	p.Raw = p.ahead()
	by := func(f Figure) shares { return c.shares[f][horizonOf(p.Raw[f])] }
	moment := func(f Figure, q Quantiles) Quantiles {
		if p.Raw[f] == 0 {
			return q
		}
		sight := q.P90 != 0
		if !sight {
			q.P90 = q.P50
		}
		m := moved([3]api.Duration{q.P10.Sub(p.Made), q.P50.Sub(p.Made), q.P90.Sub(p.Made)}, by(f), p.Raw[f], 0)
		if q = (Quantiles{P10: p.Made.Add(m[0]), P50: p.Made.Add(m[1])}); sight {
			q.P90 = p.Made.Add(m[2])
		}
		return q
	}
	p.Start, p.End = moment(Start, p.Start), moment(End, p.End)
	if p.Raw[Duration] != 0 {
		m := moved([3]api.Duration{p.Run.P10, p.Run.P50, p.Run.P90}, by(Duration), p.Raw[Duration], 1)
		p.Run = Lengths{m[0], m[1], m[2]}
	}
}

// moved are quantiles, each moved by its share, in order and at least least.
func moved(q [3]api.Duration, by shares, ahead, least api.Duration) [3]api.Duration {
	wide, near := float64(max(q[2]-q[0], ahead/10)), float64(ahead/10)
	for i, unit := range [3]float64{wide, near, wide} {
		q[i] = max(q[i]+api.Duration(by[i]*unit), least)
	}
	slices.Sort(q[:])
	return q
}

// Learn takes a truth in. Of what no run was known teaches nothing: that was a guess.
func (c *Conform) Learn(g *Graded) {
	if g.Origin != OfMirror || g.New {
		return
	}
	if g.Raw[Start] != 0 && g.Started != 0 {
		c.learn(Start, g.Raw[Start], [3]bool{g.Started > g.Start.P10, g.Started > g.Start.P50, g.Start.P90 != 0 && g.Started > g.Start.P90})
	}
	if g.Raw[End] != 0 {
		c.learn(End, g.Raw[End], [3]bool{g.Ended > g.End.P10, g.Ended > g.End.P50, g.End.P90 != 0 && g.Ended > g.End.P90})
	}
	if took := g.Ended.Sub(g.Started); g.Raw[Duration] != 0 && g.Started != 0 {
		c.learn(Duration, g.Raw[Duration], [3]bool{took > g.Run.P10, took > g.Run.P50, took > g.Run.P90})
	}
}

func (c *Conform) learn(f Figure, ahead api.Duration, above [3]bool) {
	s := &c.shares[f][horizonOf(ahead)]
	for i, q := range [3]float64{0.1, 0.5, 0.9} {
		if above[i] {
			s[i] += rate * q
		} else {
			s[i] -= rate * (1 - q)
		}
		s[i] = min(max(s[i], -mostShare), mostShare)
	}
}
