package grade

import (
	"cmp"
	"math"
	"slices"

	"drover.dev/api"
)

// Score is how predictions of one figure did.
type Score struct {
	Of      Figure `json:"of"`
	Horizon string `json:"horizon,omitempty"` // how far ahead the truth lay; "" is any
	Class   string `json:"class,omitempty"`   // of the workloads; "" is any
	History string `json:"history,omitempty"` // Known or Unknown; "" is any
	N       int    `json:"n"`
	// MAPE is the mean absolute percentage error: how far off the start was by what the
	// workload waited, the end by what it took from its submission, the duration by what
	// it ran; by 0.1 s where that is shorter, since hints and reports vary by so much.
	MAPE float64 `json:"mapePercent"`
	// MedianSeconds is the median absolute error.
	MedianSeconds float64 `json:"medianAbsoluteSeconds"`
	// Coverage is how many of the truths lie in the 80 % interval, of CoverageOf predictions:
	// those that knew runs, as an interval promises nothing where nothing is known. Only
	// the score of those (History is Unknown) says how many of their truths it held.
	Coverage   float64 `json:"coveragePercent"`
	CoverageOf int     `json:"coverageOf"`
	// Persistence is that of those predictions beside which there is one.
	Persistence Persistence `json:"persistence"`
	Verdict     Verdict     `json:"verdict"`
}

// Whether runs of a workload's tasks were known when it was predicted.
const (
	Known   = "known"
	Unknown = "unknown"
)

// Persistence is how its predictions did: as long as the last run of the same
// workload took, and as long as the one that ended last waited.
type Persistence struct {
	N             int     `json:"n"`
	MAPE          float64 `json:"mapePercent"`
	MedianSeconds float64 `json:"medianAbsoluteSeconds"`
	// TwinMAPE is that of the twin for the same workloads, and Gain how much smaller its
	// error is, in points, with the 95 % interval of the mean of the differences.
	TwinMAPE float64 `json:"twinMapePercent"`
	Gain     float64 `json:"gainPoints"`
	Low      float64 `json:"lowPoints"`
	High     float64 `json:"highPoints"`
}

// Verdict says whether the twin beats persistence.
type Verdict string

// The verdicts.
const (
	Beats   Verdict = "beats"   // the whole interval of the gain is above 0
	Loses   Verdict = "loses"   // it is below 0
	Unclear Verdict = "unclear" // it includes 0, or there are too few to tell
)

// fewest is how many pairs a verdict takes: with less the normal approximation to
// the mean of the differences means nothing.
const fewest = 10

// horizon is how far ahead something lies.
type horizon struct {
	name  string
	below api.Duration
}

const horizonCount = 7

func horizons() [horizonCount]horizon {
	return [...]horizon{
		{"up to 1 s", api.Second},
		{"1 to 10 s", 10 * api.Second},
		{"10 s to 1 min", api.Minute},
		{"1 to 10 min", 10 * api.Minute},
		{"10 min to 1 h", api.Hour},
		{"1 h to 1 d", 24 * api.Hour},
		{"over 1 d", math.MaxInt64},
	}
}

func horizonOf(ahead api.Duration) int {
	list := horizons()
	return max(slices.IndexFunc(list[:], func(h horizon) bool { return ahead < h.below }), 0)
}

// Scores grades predictions: each figure over all, by whether earlier runs were known, by
// horizon and by class.
func Scores(list []Graded) []Score {
	type group struct {
		of      Figure
		horizon int // -1: any
		class   string
		history string
	}
	groups := map[group][]outcome{}
	for i := range list {
		for f := range figures {
			o, ok := list[i].outcome(f)
			if !ok {
				continue
			}
			history := Known
			if o.guess = list[i].New; o.guess {
				history = Unknown
			}
			for _, g := range []group{
				{of: f, horizon: -1},
				{of: f, horizon: -1, history: history},
				{of: f, horizon: horizonOf(o.ahead)},
				{of: f, horizon: -1, class: cmp.Or(list[i].Class, "none")},
			} {
				groups[g] = append(groups[g], o)
			}
		}
	}
	keys := make([]group, 0, len(groups))
	for g := range groups { // order-free: sorted below
		keys = append(keys, g)
	}
	slices.SortFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.of, b.of), cmp.Compare(a.class, b.class), cmp.Compare(a.horizon, b.horizon), cmp.Compare(a.history, b.history))
	})
	out := make([]Score, 0, len(keys))
	for _, g := range keys {
		s := scoreOf(groups[g], g.history == Unknown)
		s.Of, s.Class, s.History = g.of, g.class, g.history
		if g.horizon >= 0 {
			s.Horizon = horizons()[g.horizon].name
		}
		out = append(out, s)
	}
	return out
}

func scoreOf(list []outcome, guesses bool) Score {
	s := Score{N: len(list), Verdict: Unclear}
	var off, naiveOff []api.Duration
	var gains []float64
	covered := 0
	p := &s.Persistence
	for _, o := range list {
		s.MAPE += 100 * o.relative / float64(len(list))
		off = append(off, o.off)
		if o.guess == guesses {
			s.CoverageOf++
			if o.covered {
				covered++
			}
		}
		if o.naive {
			p.MAPE += 100 * o.naiveRel
			p.TwinMAPE += 100 * o.relative
			naiveOff = append(naiveOff, o.naiveOff)
			gains = append(gains, 100*(o.naiveRel-o.relative))
		}
	}
	s.Coverage = 100 * float64(covered) / float64(max(s.CoverageOf, 1))
	s.MedianSeconds = median(off)
	if p.N = len(gains); p.N == 0 {
		return s
	}
	p.MAPE, p.TwinMAPE, p.MedianSeconds = p.MAPE/float64(p.N), p.TwinMAPE/float64(p.N), median(naiveOff)
	p.Gain, p.Low, p.High = interval(gains)
	switch {
	case p.N < fewest:
	case p.Low > 0:
		s.Verdict = Beats
	case p.High < 0:
		s.Verdict = Loses
	}
	return s
}

func median(list []api.Duration) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2].Std() + list[n/2].Std()).Seconds() / 2
}

// interval is a mean with its 95 % interval, by the normal distribution.
func interval(list []float64) (mean, low, high float64) {
	n := float64(len(list))
	for _, v := range list {
		mean += v / n
	}
	if n < 2 {
		return mean, mean, mean
	}
	spread := 0.0
	for _, v := range list {
		spread += (v - mean) * (v - mean) / (n - 1)
	}
	half := 1.96 * math.Sqrt(spread/n)
	return mean, mean - half, mean + half
}
