package sched

import (
	"math"
	"math/bits"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

// Draw is what a node draws without load and at full load, in mW, and whether it says so
// itself.
func Draw(n *api.Node) (idle, full int64, said bool) { return energy.Draw(n) }

// mostAmount bounds amounts so that two of them can be added.
const mostAmount = math.MaxInt64 / 4

// scale is a·b/c rounded down towards zero; what does not fit saturates. c is positive.
func scale(a, b, c int64) int64 {
	negative := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi >= uint64(c) {
		lo = mostAmount
	} else if lo, _ = bits.Div64(hi, lo, uint64(c)); lo > mostAmount {
		lo = mostAmount
	}
	if negative {
		return -int64(lo)
	}
	return int64(lo)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// signals is what an index knows of them. The zero value knows nothing.
type signals struct {
	byKey map[string]*api.Signal
	kinds map[api.SignalKind]bool // of which there is any
}

// PutSignal gives the index what is known of a signal; it is never changed.
func (x *Index) PutSignal(s *api.Signal) {
	if x.green.byKey == nil {
		x.green = signals{map[string]*api.Signal{}, map[api.SignalKind]bool{}}
	}
	x.green.byKey[s.Key()], x.green.kinds[s.Kind] = s, true
}

// knowsSignal tells whether there is any signal of a kind.
func (x *Index) knowsSignal(k api.SignalKind) bool { return x.green.kinds[k] }

// signalAt is the signal that holds at a site: carbon by its zone, a price by its tariff
// or else its zone, generation by its name or else its zone; nil when none is known.
func (x *Index) signalAt(site string, k api.SignalKind) *api.Signal {
	s, ok := x.sites[site]
	if !ok || len(x.green.byKey) == 0 {
		return nil
	}
	if k == api.SignalPrice && s.Tariff != "" {
		return x.green.byKey[api.SignalKey(k, s.Tariff)]
	}
	if k == api.SignalGeneration { // of the site itself
		if own := x.green.byKey[api.SignalKey(k, site)]; own != nil {
			return own
		}
	}
	return x.green.byKey[api.SignalKey(k, s.Zone)]
}

// runOf is how long a task is expected to run on a node; what runs until it is stopped
// is counted by the hour.
func (e *node) runOf(a *Ask) api.Duration {
	if a.Profile.Run <= 0 || a.Spread {
		return api.Hour
	}
	return min(max(e.takes(a.Profile.Run, a), api.Millisecond), maxEstimate)
}

// RunOn is how long a task is expected to run on a node, of which it reads Task and Profile;
// as on the reference node where there is no such node.
func (x *Index) RunOn(name string, a *Ask) api.Duration {
	if e := x.byName[name]; e != nil {
		return e.runOf(a)
	}
	return a.Profile.Run
}

// added is the energy that a task adds on a node from now on.
func (x *Index) added(e *node, a *Ask, alone bool) api.Microjoules {
	return x.addedFrom(e, a, alone, x.now)
}

// addedFrom is the energy that a task adds on a node: its part of what the node and its
// accelerators draw beyond idle, for as long as it is expected to run, and what the site
// takes besides (PUE). It is
// E = ((P_full − P_idle) · cpu/capacity + Σ (D_full − D_idle) · devices) · t · PUE.
// alone adds the idle draw of a node that holds nothing else and could sleep.
func (x *Index) addedFrom(e *node, a *Ask, alone bool, from api.Time) api.Microjoules {
	idle, full, _ := energy.Machine(&e.Node)
	draw := full - idle
	if c := int64(e.Capacity.CPU); c > 0 {
		draw = scale(draw, min(int64(a.Task.Resources.CPU), c), c)
	}
	if len(a.Task.Resources.Accelerators) > 0 {
		none, all := e.devicesOf(a.Task)
		draw += all - none
	}
	if alone && e.tasks == 0 {
		none, _ := energy.Devices(&e.Node)
		draw += idle + none
	}
	run := e.runOf(a)
	uj := scale(draw, int64(run), milliwattNanoseconds)
	return api.Microjoules(scale(uj, x.overhead(e.Site, ran{{from, from.Add(run)}}), 1000))
}

// Units of energy: a kWh in µJ, what with it turns mg/kWh into µg, and the µJ's own.
const (
	kilowattHour = 3_600_000_000_000
	perMilligram = kilowattHour / 1000

	milliwattNanoseconds = 1_000_000 // in a µJ
)

// Footprint is what a task would take on a node from a moment on. false: there is no such
// node.
func (x *Index) Footprint(name string, a *Ask, from api.Time) (api.Option, bool) {
	e := x.byName[name]
	if e == nil || a.Profile == nil {
		return api.Option{}, false
	}
	return x.option(e, a, x.addedFrom(e, a, false, from), from), true
}

// Foreseen is what the books are foreseen to say of a task that begins now on a node and
// uses all that it holds: beside what it adds its share of the idle draw, as Took counts.
// nil: there is no such node.
func (x *Index) Foreseen(name string, a *Ask, now api.Time) *api.Footprint {
	e := x.byName[name]
	if e == nil || a.Profile == nil {
		return nil
	}
	run := e.runOf(a)
	uj := scale(e.shareOf(a.Task, &api.Result{}), int64(run), milliwattNanoseconds)
	o := x.option(e, a, api.Microjoules(scale(uj, x.overhead(e.Site, ran{{now, now.Add(run)}}), 1000)), now)
	return &o.Footprint
}

// option is what an amount of energy comes to on a node from a moment on.
func (x *Index) option(e *node, a *Ask, uj api.Microjoules, from api.Time) api.Option {
	_, _, said := Draw(&e.Node)
	o := api.Option{Node: e.Name, Site: e.Site, Start: from, Run: e.runOf(a)}
	o.Energy, o.Basis = uj, api.BasisAssumed
	if said {
		o.Basis = api.BasisModelled
	}
	when := ran{{from, from.Add(o.Run)}}
	if s := x.signalAt(e.Site, api.SignalCarbon); s != nil {
		mean, spread := when.mean(s)
		g := api.Micrograms(scale(int64(o.Energy), mean, perMilligram))
		o.Carbon, o.Spread = &g, api.Micrograms(scale(int64(o.Energy), spread, perMilligram))
		o.Note = doubt(s, from)
	}
	o.Cost = x.costOf(e, a.Task, int64(o.Energy), when, when.lasts())
	return o
}

// doubt says what is to be known of a signal that a figure rests on.
func doubt(s *api.Signal, at api.Time) string {
	switch {
	case s.Fault != "":
		return s.Key() + " since " + s.FaultSince.String() + ": " + s.Fault
	case len(s.Values) == 0:
		return s.Key() + ": " + s.Origin
	case at >= s.End():
		return s.Key() + ": only its usual level is known so far ahead"
	}
	return ""
}

// costOf is the cost of energy and of the part of a node that a task holds for a time; nil when
// neither has a price, or they are in different currencies.
func (x *Index) costOf(e *node, t *api.Task, energy int64, when ran, room api.Duration) *api.Money {
	s := x.priceAt(e.Site)
	if s == nil {
		return e.withRent(t, nil, room)
	}
	mean, _ := when.mean(s)
	return e.withRent(t, costs(energy, mean, s), room)
}

// priceAt is the signal of the price of energy at a site; nil when no price is known.
func (x *Index) priceAt(site string) *api.Signal {
	if s := x.signalAt(site, api.SignalPrice); s != nil && (len(s.Values) > 0 || s.Usual != 0) {
		return s
	}
	return nil
}

// costs is what energy costs at a mean of a price.
func costs(energy, mean int64, s *api.Signal) *api.Money {
	return &api.Money{Micro: scale(energy, mean, kilowattHour), Currency: s.Currency}
}

// withRent adds to what energy costs, nil where that is not known, what the part of a node costs
// that a task holds for a time; nil when both are known in different currencies, or neither is.
func (e *node) withRent(t *api.Task, sum *api.Money, room api.Duration) *api.Money {
	if e.Price == nil {
		return sum
	}
	rent := api.Money{Micro: scale(scale(e.Price.Micro, e.portion(t), unit), int64(room), int64(api.Hour)), Currency: e.Price.Currency}
	switch {
	case sum == nil:
		return &rent
	case sum.Currency != rent.Currency:
		return nil
	}
	sum.Micro += rent.Micro
	return sum
}

// portion is the largest part of any resource of a node that a task asks for, in
// thousandths.
func (e *node) portion(t *api.Task) int64 {
	r, c := &t.Resources, &e.Capacity
	p := max(share(int64(r.CPU), int64(c.CPU)), share(int64(r.Memory)>>10, int64(c.Memory)>>10))
	asked, has := int64(0), int64(0)
	for i := range r.Accelerators {
		asked += int64(r.Accelerators[i].Count)
	}
	for i := range c.Accelerators {
		has += int64(c.Accelerators[i].Count)
	}
	return min(max(p, share(asked, has)), unit)
}
