package outlook

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/provision"
	"drover.dev/internal/series"
)

// firstChance is from what chance on a shortage is worth a date.
const firstChance = 0.1

// Capacity says of every resource of which there is a demand and a capacity how likely it
// is to be short within a horizon, the likeliest first.
func (o *Outlook) Capacity(horizon api.Duration) (api.CapacityPlan, error) {
	plan := api.CapacityPlan{Horizon: horizon, Items: []api.Shortage{}}
	now := o.cfg.Now()
	list, err := o.cfg.Series.ReadAll(func(n string) bool {
		return strings.HasPrefix(n, "capacity/") || strings.HasPrefix(n, "demand/")
	}, series.Range{From: max(now.Add(-api.Hour), 0), Step: time.Minute})
	if err != nil {
		return plan, err
	}
	demand := map[string]float64{}
	for _, s := range list {
		if what, ok := strings.CutPrefix(s.Name, "demand/"); ok {
			demand[what] = newest(s)
		}
	}
	for _, s := range list {
		what, ok := strings.CutPrefix(s.Name, "capacity/")
		layer, resource, deep := strings.Cut(what, "/")
		if !ok || !deep || len(s.Points) == 0 {
			continue
		}
		item := api.Shortage{Layer: layer, Resource: resource, Capacity: newest(s), Demand: demand[what], Chances: []float64{}}
		o.shortage(&item, "demand/"+what, now, horizon)
		plan.Items = append(plan.Items, item)
	}
	slices.SortStableFunc(plan.Items, func(a, b api.Shortage) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Resource, b.Resource))
	})
	return plan, nil
}

func newest(s series.Series) float64 {
	if len(s.Points) == 0 {
		return 0
	}
	return s.Points[len(s.Points)-1].Value(s.Kind)
}

// shortage fills in what the forecast of a demand says. It is that of the finest view
// that reaches the horizon, else the one that reaches farthest.
func (o *Outlook) shortage(s *api.Shortage, name string, now api.Time, horizon api.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var f *issued
	var by *track
	var v View
	for _, view := range o.cfg.Views {
		reached := f != nil && f.end(v) >= now.Add(horizon)
		if t := o.tracks[key{name, view.Name}]; t != nil && t.current() != nil && !reached {
			f, by, v = t.current(), t, view
		}
	}
	if f == nil {
		s.Note = "nothing is forecast yet: there is too little history"
		return
	}
	s.Model, s.Step, s.Until = f.Model, api.Duration(v.Step), min(f.end(v), now.Add(horizon))
	if s.Until < now.Add(horizon) {
		s.Note = "the forecast ends before the horizon"
	}
	for h := range f.Mean {
		at := f.Origin + api.Time(h)*api.Time(v.Step)
		if at >= s.Until {
			break
		}
		if at.Add(s.Step) > now {
			meet(s, at, f.interval(h), by.believed)
		}
	}
}

func (f *issued) end(v View) api.Time { return f.Origin + api.Time(len(f.Mean))*api.Time(v.Step) }

func (f *issued) interval(h int) provision.Interval {
	return provision.Interval{
		Mean: float64(f.Mean[h]), Lo80: float64(f.Lo80[h]), Hi80: float64(f.Hi80[h]), Lo95: float64(f.Lo95[h]), Hi95: float64(f.Hi95[h]),
	}
}

// meet adds what is expected of one step.
func meet(s *api.Shortage, at api.Time, f provision.Interval, believed func(chance float64) float64) {
	chance := believed(f.Above(s.Capacity))
	s.Chances = append(s.Chances, chance)
	s.Short += api.Duration(chance * float64(s.Step))
	if chance > s.Probability {
		s.Probability, s.ProbabilityAt = chance, at
	}
	if chance >= firstChance && s.First == 0 {
		s.First = at
	}
	if q := f.Quantile(0.9); s.PeakAt == 0 || q > s.Peak {
		s.Peak, s.PeakAt = q, at
	}
}
