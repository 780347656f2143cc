package foresight

import (
	"fmt"
	"math"

	"drover.dev/api"
	"drover.dev/internal/provision"
)

// window is a time ahead for which something is provided for, at a quantile of a
// forecast: what is needed soon, and what is needed up to later.
type window struct {
	now         api.Time
	soon, later api.Duration // from now on; soon is at most later
	quantile    float64      // above 0, below 1
}

// peak is the most that is expected in a window, rounded up.
type peak struct {
	soon, later int64
	until       api.Time // up to when the forecast was looked at
}

// mostPeak is more than a cell of a million nodes holds, of cpu in thousandths or of
// memory in bytes.
const mostPeak = 1 << 60

// peak finds the most that a forecast expects in the window, moved so that its mean of now
// is what is known of now. A forecast that is no number, is over, or begins behind the window gives an error.
func (w window) peak(f *api.SeriesForecast, known float64) (p peak, err error) {
	lift := 0.0
	for i := range f.Points {
		at := f.Points[i].At
		until := at.Add(f.Step)
		if until <= w.now || at > w.now.Add(w.later) {
			continue
		}
		if at > w.now && p.until == 0 {
			break // it says nothing of now
		}
		if p.until == 0 {
			lift = known - f.Points[i].Mean
		}
		p.until = until
		v := intervalOf(&f.Points[i]).Quantile(w.quantile) + lift
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return peak{}, fmt.Errorf("the forecast of %s is no number at %s", f.Series, at)
		}
		n := int64(math.Ceil(min(max(v, 0), mostPeak)))
		p.later = max(p.later, n)
		if at <= w.now.Add(w.soon) {
			p.soon = max(p.soon, n)
		}
	}
	if p.until == 0 {
		return peak{}, fmt.Errorf("the forecast of %s from %s says nothing of %s", f.Series, f.Origin, w.now)
	}
	return p, nil
}

func intervalOf(p *api.ForecastPoint) provision.Interval {
	return provision.Interval{Mean: p.Mean, Lo80: p.Lo80, Hi80: p.Hi80, Lo95: p.Lo95, Hi95: p.Hi95}
}

// farthest is the forecast of a series that reaches the end of a window with the finest
// steps, else the one that reaches farthest; nil when nothing is forecast of it. The list
// has those of one series in the order of their steps.
func (w window) farthest(list []api.SeriesForecast, series string) (best *api.SeriesForecast) {
	end := func(f *api.SeriesForecast) api.Time { return f.Origin + api.Time(len(f.Points))*api.Time(f.Step) }
	for i := range list {
		f := &list[i]
		if f.Series != series || len(f.Points) == 0 {
			continue
		}
		switch {
		case best == nil, end(best) < w.now.Add(w.later) && end(f) > end(best),
			end(f) >= w.now.Add(w.later) && f.Step < best.Step:
			best = f
		}
	}
	return best
}
