package bench

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/forecast"
	"drover.dev/internal/provision"
)

// A Load is demand over time, in steps of equal length.
type Load struct {
	Name   string
	Values []float64
	Period int     // steps in a season; 0 is none
	Asked  float64 // what was asked for; 0 is not known
}

// Gain is what one kind of decision comes to without forecasts and with them.
type Gain struct {
	Decision string   `json:"decision"` // "autoscaling", "right-sizing", "capacity", "backfill"
	Data     string   `json:"data"`
	Series   int      `json:"series"`
	Steps    int      `json:"steps"` // that were decided for, over all series
	Measure  string   `json:"measure"`
	Without  float64  `json:"without"`
	With     float64  `json:"with"`
	Bound    *float64 `json:"bound,omitempty"` // what knowing the future would give
	Note     string   `json:"note"`
}

// Gains says how decisions are compared.
type Gains struct {
	Lead   int     // steps until a new replica serves
	Window int     // steps for which replicas are kept after a peak
	Target float64 // use that both kinds of scaling aim at; 0 is 0.7
	Model  string  // that tells chances a day ahead; "" is auto
	Run    forecast.Run
}

// The first third of every series is history only. Scaling then decides for each step, of
// long series for the last ones, because models are fitted at each.
const (
	historyShare = 3
	mostScaled   = 1500
)

// scaled is what scaling one series came to.
type scaled struct{ steps, missed, capacity float64 }

func (s *scaled) add(o scaled) {
	s.steps, s.missed, s.capacity = s.steps+o.steps, s.missed+o.missed, s.capacity+o.capacity
}

// Autoscaling compares replicas that follow the last value with replicas that follow the
// upper quantile of a forecast, at equal mean capacity: the forecast's wishes are all made
// larger or smaller by one factor until the capacity is that of the other. A step is
// missed when demand is above capacity. The bound is the misses of perfect foresight at
// that capacity: none, as long as the capacity would do.
func (g Gains) Autoscaling(data string, loads []Load) (Gain, error) {
	reactive, ahead := make([]scaled, len(loads)), make([]scaled, len(loads))
	errs := make([]error, len(loads))
	g.par(len(loads), func(i int) { reactive[i], ahead[i], errs[i] = g.scale(loads[i]) })
	var a, b scaled
	for i := range loads {
		if errs[i] != nil {
			return Gain{}, errs[i]
		}
		a.add(reactive[i])
		b.add(ahead[i])
	}
	return Gain{
		Decision: "autoscaling", Data: data, Series: len(loads), Steps: int(a.steps), Measure: "steps above capacity, %",
		Without: 100 * a.missed / a.steps, With: 100 * b.missed / b.steps,
		Note: "mean capacity with forecasts is " + inPercent(b.capacity/a.capacity) + " of that without",
	}, nil
}

func inPercent(share float64) string {
	return api.Milli(math.Round(share*100)*1000).String() + " %"
}

func (g Gains) par(n int, f func(int)) {
	if g.Run.Par != nil {
		g.Run.Par(n, f)
		return
	}
	for i := range n {
		f(i)
	}
}

func (g Gains) target() float64 {
	if g.Target <= 0 {
		return 0.7
	}
	return g.Target
}

// scale decides for one series in both ways.
func (g Gains) scale(l Load) (reactive, ahead scaled, err error) {
	begin := max(len(l.Values)/historyShare, len(l.Values)-mostScaled)
	each := mean(l.Values[:begin]) / 8 // eight replicas carry the usual load
	if !(each > 0) {
		return reactive, ahead, nil // nothing was ever asked for
	}
	s := provision.Scaling{Each: each, Target: g.target(), Min: 1, Max: 1000}
	upper, err := g.uppers(l, begin)
	if err != nil {
		return reactive, ahead, err
	}
	last := make([]float64, len(upper))
	for i := range last {
		last[i] = l.Values[begin+i-g.Lead]
	}
	truth := l.Values[begin:]
	reactive = g.served(s, last, truth, 1)
	lo, hi := 0.05, 20.0
	for range 40 { // capacity rises with the factor
		k := math.Sqrt(lo * hi)
		if ahead = g.served(s, upper, truth, k); ahead.capacity > reactive.capacity {
			hi = k
		} else {
			lo = k
		}
	}
	return reactive, g.served(s, upper, truth, lo), nil
}

// served is what following signals comes to.
func (g Gains) served(s provision.Scaling, signal, truth []float64, factor float64) (out scaled) {
	wishes := make([]int, len(signal))
	for i, v := range signal {
		wishes[i] = s.Replicas(v * factor)
	}
	for i, n := range provision.Steadied(wishes, g.Window) {
		capacity := float64(n) * s.Each
		out.steps++
		out.capacity += float64(n)
		if truth[i] > capacity {
			out.missed++
		}
	}
	return out
}

// uppers are, for each step from begin on, the 90 % quantile of a forecast made Lead steps
// before from what was known then. Of two models that are cheap enough to be fitted at
// every step the one with the smaller errors so far is followed.
func (g Gains) uppers(l Load, begin int) ([]float64, error) {
	names := [...]string{"regression", "theta"}
	var errs [len(names)]float64
	means := make([][len(names)]float64, len(l.Values)-begin)
	out := make([]float64, len(l.Values)-begin)
	for i := range out {
		if g.Run.Stop != nil && g.Run.Stop() {
			return nil, forecast.ErrStopped
		}
		now := begin + i - g.Lead // the newest step that is known
		if now >= begin {
			for m, mean := range means[now-begin] {
				errs[m] = 0.95*errs[m] + math.Abs(mean-l.Values[now])
			}
		}
		best := math.Inf(1)
		for m, name := range names {
			p, err := predicted(name, l, l.Values[max(0, now+1-360):now+1], g.Lead)
			if err != nil {
				return nil, err
			}
			means[i][m] = p.Mean[g.Lead-1]
			if errs[m] < best {
				best, out[i] = errs[m], interval(p, g.Lead-1).Quantile(0.9)
			}
		}
	}
	return out, nil
}

func predicted(name string, l Load, known []float64, h int) (forecast.Forecast, error) {
	m, err := forecast.New(name, forecast.Options{Horizon: h, Seed: 1})
	if err != nil {
		return forecast.Forecast{}, err
	}
	s := forecast.Series{Values: known}
	if l.Period > 1 && 2*l.Period <= len(known) {
		s.Periods = []int{l.Period}
	}
	f, err := m.Fit(s)
	if err != nil {
		return forecast.Forecast{}, err
	}
	return f.Predict(h)
}

func interval(p forecast.Forecast, h int) provision.Interval {
	return provision.Interval{Mean: p.Mean[h], Lo80: p.Lo80[h], Hi80: p.Hi80[h], Lo95: p.Lo95[h], Hi95: p.Hi95[h]}
}

func mean(list []float64) (sum float64) {
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}
