package sched

import (
	"math/big"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

// origin is where the energy of an attempt came from: of the power that its site makes
// itself, or of the grid.
type origin struct {
	when ran // in which the attempt ran
	site string

	own      api.Microjoules
	foreseen bool              // some of its own rests on a forecast
	zone     string            // of the signal that says so
	oldest   api.Time          // the begin of the first of hourly
	hourly   []api.Microjoules // that the site made itself; nil: none of it is known
	parts    []bought          // of the time in which it ran
}

// bought is what an attempt drew of the grid in a part of the time in which it ran.
type bought struct {
	Stretch
	uj int64
}

// spareHours is how many hours with power of its own an attempt may have beyond those that
// it ran for: it may begin and end within one, and be held still. What it has in more is
// counted as bought.
const spareHours = 8

// GeneratedHours bounds the hours of what an attempt that ran for a time took of its
// site's own power.
func GeneratedHours(wall api.Duration) int {
	return int(min(max(wall, 0)/api.Hour+spareHours, api.Duration(api.MaxGeneratedHours)))
}

// makes tells whether it is known what a site makes itself.
func (x *Index) makes(site string) bool {
	if !x.knowsSignal(api.SignalGeneration) {
		return false
	}
	s := x.signalAt(site, api.SignalGeneration)
	return s != nil && len(s.Values) > 0
}

// originOf divides the energy of an attempt, which it drew evenly while it ran, into what
// its site made itself and the rest. Of an hour that is what the site made while the
// attempt ran, at most what it made in the whole hour until now and nobody was given.
func (x *Index) originOf(site string, when ran, a *Ended, total int64) *origin {
	o := &origin{site: site, when: when}
	if a.Given == nil || total <= 0 || !x.makes(site) {
		return o
	}
	s := x.signalAt(site, api.SignalGeneration)
	o.zone, o.oldest = s.Zone, api.OldestGeneration(a.Now)
	o.hourly = make([]api.Microjoules, api.MaxGeneratedHours)
	from, to := max(s.Start, o.oldest), min(s.End(), a.Now)
	wall, past, drawn := int64(when.lasts()), int64(0), int64(0)
	most := GeneratedHours(api.Duration(wall))
	for _, part := range when.byTheHour(from, to) {
		past += int64(part.To.Sub(part.From))
		uj := scale(total, past, wall) - drawn
		drawn += uj
		if part.From >= from && part.To <= to {
			uj -= o.take(s, part, a, uj, &most)
		}
		o.parts = append(o.parts, bought{part, uj})
	}
	return o
}

// take gives an attempt what it can have of its site's own power in a part of an hour. most
// is how many hours more it may have any in.
func (o *origin) take(s *api.Signal, part Stretch, a *Ended, uj int64, most *int) int64 {
	hour := api.HourOf(part.From)
	had := &o.hourly[hour.Sub(o.oldest)/api.Hour]
	if *had == 0 && *most == 0 {
		return 0
	}
	given, more := a.Given(o.site, o.zone, hour)
	made, foreseen := energy.Made(s, part.From, part.To)
	if !more || made <= 0 {
		return 0
	}
	all, _ := energy.Made(s, hour, min(hour.Add(api.Hour), a.Now))
	got := min(api.Microjoules(uj), made, all-given-*had)
	if got <= 0 {
		return 0
	}
	if *had == 0 {
		*most--
	}
	*had += got
	o.own += got
	o.foreseen = o.foreseen || foreseen
	return int64(got)
}

// byTheHour cuts a time at the hours of UTC between two moments, and keeps its order.
func (r ran) byTheHour(from, to api.Time) (out ran) {
	for _, w := range r {
		if w.To > to {
			out = append(out, Stretch{max(w.From, to), w.To})
			w.To = max(w.From, to)
		}
		for w.To > max(w.From, from) {
			begin := max(w.From, from, api.HourOf(w.To-1))
			out = append(out, Stretch{begin, w.To})
			w.To = begin
		}
		if w.From < w.To {
			out = append(out, w)
		}
	}
	return out
}

// mean is the mean of a signal over what was bought; over all the time where nothing of
// the site's own was taken.
func (o *origin) mean(s *api.Signal) (value, spread int64) {
	if o.own == 0 {
		return o.when.mean(s)
	}
	var values, spreads, whole big.Int
	for i := range o.parts {
		p := &o.parts[i]
		v, d := s.Mean(p.From, p.To)
		uj := big.NewInt(p.uj)
		whole.Add(&whole, uj)
		values.Add(&values, new(big.Int).Mul(uj, big.NewInt(v)))
		spreads.Add(&spreads, uj.Mul(uj, big.NewInt(d)))
	}
	if whole.Sign() <= 0 {
		return 0, 0
	}
	return values.Quo(&values, &whole).Int64(), spreads.Quo(&spreads, &whole).Int64()
}

// hours tells its own by the hour; nil where that is nothing.
func (o *origin) hours() *api.Generated {
	if o.own == 0 {
		return nil
	}
	first, last := 0, len(o.hourly)
	for o.hourly[first] == 0 {
		first++
	}
	for o.hourly[last-1] == 0 {
		last--
	}
	g := &api.Generated{Site: o.site, From: o.oldest.Add(api.Duration(first) * api.Hour), Hours: o.hourly[first:last]}
	if o.zone != o.site {
		g.Zone = o.zone
	}
	return g
}
