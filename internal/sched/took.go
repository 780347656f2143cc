package sched

import (
	"drover.dev/api"
	"drover.dev/internal/energy"
)

// Ended is an attempt that ends now.
type Ended struct {
	Node   string
	Task   *api.Task
	Result *api.Result
	Now    api.Time
	// Still is when it was held still, in the order of time: its hours are those in which
	// it ran. Kept is for how long of it the room of the node is to be paid for all the same.
	Still []Stretch
	Kept  api.Duration
	// Given is what of the power that a site makes itself, as the signal of a zone says,
	// was booked in an hour already, and whether more of it can be. nil: none can.
	Given func(site, zone string, hour api.Time) (uj api.Microjoules, more bool)
}

// Took is what an attempt took: by the node's meter if it was divided over its tasks, else
// by the node's power: beyond idle by the CPU time that was used, idle by the part of the
// CPU that was held, both with what the site takes besides. What of it the site made
// itself is neither bought nor counted as emitting anything, and is told by the hour. nil
// where no power, price or signal is known.
func (x *Index) Took(a *Ended) (*api.Footprint, *api.Generated) {
	e, r := x.byName[a.Node], a.Result
	if e == nil || r == nil || r.Wall <= 0 {
		return nil, nil
	}
	wall := int64(min(r.Wall, api.MaxDuration))
	when := ranFor(api.Duration(wall), a.Now, a.Still)
	room := when.lasts() + max(a.Kept, 0)
	f := x.drew(e, a, wall, when)
	from := x.originOf(e.Site, when, a, int64(f.Energy))
	f.Generated = from.own
	x.emitted(e, f, from, a.Now)
	if m := x.sites[e.Site].Market; m != nil {
		g := api.Micrograms(scale(int64(f.Bought()), int64(m.Factor), kilowattHour))
		f.Market = &g
	}
	if e.Embodied != nil {
		g := e.embodied(a.Task, int64(room))
		f.Embodied = &g
	}
	f.Cost = x.paid(e, a.Task, f, from, room)
	if f.Basis == api.BasisAssumed && f.Carbon == nil && f.Cost == nil && f.Market == nil && f.Embodied == nil && !x.makes(e.Site) {
		return nil, nil
	}
	return f, from.hours()
}

// drew is the energy of an attempt, and what that rests on.
func (x *Index) drew(e *node, a *Ended, wall int64, when ran) *api.Footprint {
	_, full, said := Draw(&e.Node)
	f := &api.Footprint{Basis: api.BasisAssumed}
	if said {
		f.Basis = api.BasisModelled
	}
	uj := scale(e.shareOf(a.Task, a.Result), wall, milliwattNanoseconds)
	if m := int64(a.Result.Energy); m > 0 && m <= mostMeasured(full, said, wall) {
		uj, f.Basis = m, api.BasisMeasured
	}
	f.Energy = api.Microjoules(scale(uj, x.overhead(e.Site, when), 1000))
	return f
}

// paid is the cost of what was bought, and of the part of the node that was held.
func (x *Index) paid(e *node, t *api.Task, f *api.Footprint, from *origin, room api.Duration) *api.Money {
	s := x.priceAt(e.Site)
	if s == nil {
		return e.withRent(t, nil, room)
	}
	mean, _ := from.mean(s)
	return e.withRent(t, costs(int64(f.Bought()), mean, s), room)
}

// emitted is the carbon of what was bought, where it is known: also where that is nothing.
func (x *Index) emitted(e *node, f *api.Footprint, from *origin, now api.Time) {
	s := x.signalAt(e.Site, api.SignalCarbon)
	switch known := s != nil && (len(s.Values) > 0 || s.Usual != 0); {
	case f.Generated > 0 && f.Bought() == 0:
		f.Carbon = new(api.Micrograms)
	case known:
		mean, spread := from.mean(s)
		g := api.Micrograms(scale(int64(f.Bought()), mean, perMilligram))
		f.Carbon, f.Spread = &g, api.Micrograms(scale(int64(f.Bought()), spread, perMilligram))
		f.CarbonBasis = carbonBasis(s, f.Basis, now)
	}
	if f.Carbon != nil && f.CarbonBasis == "" && f.Basis == api.BasisMeasured && from.foreseen {
		f.CarbonBasis = api.BasisModelled
	}
}

// carbonBasis is what carbon rests on up to a moment, where that is weaker than what its
// energy rests on; "" where it is not.
func carbonBasis(s *api.Signal, energy string, now api.Time) string {
	switch {
	case energy == api.BasisAssumed:
		return ""
	case now > s.End():
		return api.BasisAssumed // the usual intensity, or a yearly mean
	case now > s.KnownUntil() && energy == api.BasisMeasured:
		return api.BasisModelled
	}
	return ""
}

// embodied is the part of what a node's making emitted that falls to a task which held
// its largest part of the node for a time: M = TE · TS · RS, with TS = time/lifetime and
// RS the part that was held (Green Software Foundation, 2024, "Software Carbon Intensity
// Specification", ISO/IEC 21031).
func (e *node) embodied(t *api.Task, wall int64) api.Micrograms {
	share := scale(int64(e.Embodied.Carbon), e.portion(t), unit)
	return api.Micrograms(scale(share, wall, max(int64(e.Embodied.Lifetime), 1)))
}

// mostMeasured is what a meter may say of an attempt, in µJ: some times the full power that
// the node declares, over a second more than it ran, since meters are read now and then.
// What says more is in another unit, or made up; the node's power is taken instead.
func mostMeasured(full int64, said bool, wall int64) int64 {
	const times, readings = 4, int64(api.Second)
	most := int64(energy.MostDraw)
	if said {
		most = min(most, times*full)
	}
	return scale(most, wall+readings, milliwattNanoseconds)
}

// shareOf is the mean power in mW that an attempt answers for, by a node's power. How
// much its devices were used nobody says: what it held of them counts as used.
func (e *node) shareOf(t *api.Task, r *api.Result) int64 {
	idle, full, _ := energy.Machine(&e.Node)
	_, devices := e.devicesOf(t)
	c := int64(e.Capacity.CPU)
	if c <= 0 {
		return devices
	}
	held := min(int64(t.Resources.CPU), c)
	used := held
	if r.CPU > 0 {
		used = min(scale(int64(r.CPU), 1000, int64(r.Wall)), c)
	}
	return scale(full-idle, used, c) + scale(idle, held, c) + devices
}
