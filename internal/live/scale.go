package live

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/provision"
	"drover.dev/internal/series"
	"drover.dev/internal/state"
)

// How often the leader works out how many replicas services need; how many services at
// a time may change; what counts as what they use now; how far ahead is looked at
// least, which is how long a new replica may take to serve, and at most, which the
// next half hour's forecast still covers when it is renewed.
const (
	scaleEvery = 15 * time.Second
	scaleMost  = 256
	loadNow    = 30 * api.Second
	leastAhead = 2 * api.Minute
	mostAhead  = 15 * api.Minute
)

// scale keeps the replicas of services that scale at what is expected until ctx ends.
func (c *Cell) scale(ctx context.Context) {
	c.whileLeading(ctx, scaleEvery, "the number of replicas was not brought in step with forecasts", func() error {
		return c.scaleServices(ctx, c.observer, c.cfg.Wall())
	})
}

// scaleServices has the engine change the number of replicas where what an observer
// knows at a time asks for that.
func (c *Cell) scaleServices(ctx context.Context, o *observer, now api.Time) error {
	var list []scaling
	if _, err := c.View(ctx, 0, func(e *engine.Engine) { list = scalings(e.State(), now) }); err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	loads, err := o.loadsNow(list, now)
	if err != nil {
		return err
	}
	var in []engine.Input
	for i := range list {
		s := &list[i]
		if load, measured := loads[s.load]; measured && len(in) < scaleMost {
			if one := o.scaled(s, load, now); one != nil {
				in = append(in, one)
			}
		}
	}
	if len(in) == 0 {
		return nil
	}
	_, _, err = c.Do(ctx, in)
	return err
}

// scaling is a service whose number of replicas may change now.
type scaling struct {
	id           uint64
	revision     uint32
	load         string // the series of its load
	spec         api.Scale
	each         api.Milli // CPU that a replica asks for
	replicas     int32
	rises, falls bool
}

// scalings are the services that may change, in the order of their numbers.
func scalings(st *state.State, now api.Time) (out []scaling) {
	for id, w := range st.Workloads { // order-free: sorted below
		if w.Spec.Scale == nil || len(w.Spec.Tasks) == 0 {
			continue
		}
		n := w.Replicas()
		s := scaling{
			id: id, revision: w.Revision, load: loadOf(w), spec: *w.Spec.Scale, each: w.Spec.Tasks[0].Resources.CPU, replicas: n,
			rises: engine.MayScale(w, n+1, now), falls: engine.MayScale(w, n-1, now),
		}
		if s.each > 0 && (s.rises || s.falls) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b scaling) int { return cmp.Compare(a.id, b.id) })
	return out
}

// scaled works out how many replicas a service needs that uses load now; nil when it is
// to stay as it is. Where nothing is forecast, the number does not fall.
func (o *observer) scaled(s *scaling, load float64, now api.Time) engine.Input {
	why := state.Outlook{Quantile: s.spec.Quantile, Target: s.spec.Target, Load: milliOf(load)}
	foreseen := o.foresee(s, now, &why)
	rule := provision.Scaling{Each: float64(s.each), Target: float64(s.spec.Target) / 1000, Min: int(s.spec.Min), Max: int(s.spec.Max)}
	n := int32(rule.Replicas(float64(max(why.Load, why.Forecast))))
	if n > s.replicas && s.rises || n < s.replicas && s.falls && foreseen {
		return &engine.Scaled{ID: s.id, Revision: s.revision, Replicas: n, Why: why}
	}
	return nil
}

// loadsNow are the means of what services used lately, by series; those of which
// nothing was measured are not there.
func (o *observer) loadsNow(list []scaling, now api.Time) (map[string]float64, error) {
	want := make(map[string]bool, len(list))
	for i := range list {
		want[list[i].load] = true
	}
	all, err := o.store.ReadAll(func(name string) bool { return want[name] }, series.Range{From: now.Add(-loadNow), To: now + 1})
	if err != nil {
		return nil, err
	}
	loads := make(map[string]float64, len(all))
	for i := range all {
		sum, n := 0.0, uint64(0)
		for _, p := range all[i].Points {
			sum, n = sum+p.Sum, n+p.N
		}
		if n > 0 {
			loads[all[i].Name] = sum / float64(n)
		}
	}
	return loads, nil
}

// foresee finds the largest quantile of the forecast in the time ahead: as long as the
// number could not fall again, within bounds. It reports
// whether there is a forecast for all of that time.
func (o *observer) foresee(s *scaling, now api.Time, why *state.Outlook) bool {
	end := now.Add(min(max(s.spec.Cooldown, leastAhead), mostAhead))
	reached := now
	for _, f := range o.ahead.Forecasts(s.load) {
		if f.Series != s.load || f.View != "minutes" {
			continue
		}
		why.Model, why.Origin = f.Model[:min(len(f.Model), engine.MaxModel)], f.Origin
		for _, p := range f.Points {
			until := p.At.Add(f.Step)
			if until <= now || p.At >= end {
				continue
			}
			reached = max(reached, until)
			i := provision.Interval{Mean: p.Mean, Lo80: p.Lo80, Hi80: p.Hi80, Lo95: p.Lo95, Hi95: p.Hi95}
			if v := milliOf(i.Quantile(float64(s.spec.Quantile) / 1000)); v > why.Forecast || why.For == 0 {
				why.Forecast, why.For = v, p.At
			}
		}
	}
	return reached >= end
}

// milliOf rounds up what was computed; what is no number is none.
func milliOf(v float64) api.Milli {
	const most = 1e15 // a service of a million nodes has less
	if !(v > 0) {
		return 0
	}
	return api.Milli(math.Ceil(min(v, most)))
}
