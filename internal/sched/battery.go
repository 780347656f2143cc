package sched

import (
	"math"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/energy/storage"
)

// Cells is a battery as its next hours are planned.
type Cells struct {
	Site  string
	By    api.Dispatch
	Level api.Microjoules
	Load  api.Power // that the site draws now, what it makes itself not taken off
	// Usual is what it draws in each hour of the day (UTC), what it makes itself taken off;
	// −1, or no list, is as now.
	Usual []api.Power
}

// Course is what a battery does until it is planned anew.
type Course struct {
	Setpoint api.Power // at the meter; above 0 it charges
	Load     api.Power // of its site now, what it makes itself taken off
	Until    api.Time  // when it is planned anew; 0: when there is news
	Why      string    // in a phrase
}

const (
	// lookAhead is how far a battery is planned, and finest the least step: a plan has no
	// more than 192 steps.
	lookAhead = 48 * api.Hour
	finest    = 15 * api.Minute
	// WholeWatt is what set-points are rounded to, towards nothing.
	WholeWatt = 1000
)

// Dispatch is by what batteries are used under the cell's strategy; "" is by nothing.
func (x *Index) Dispatch() api.Dispatch { return x.plans[x.cell].charges }

// DrawNow is what a node draws by what it holds, in mW, without what its site takes
// besides; 0 for a node that is not known.
func (x *Index) DrawNow(node string) int64 {
	if e := x.byName[node]; e != nil {
		return e.draw()
	}
	return 0
}

// Overhead is what a site takes at a moment for each thousand of its nodes.
func (x *Index) Overhead(site string, at api.Time) int64 { return x.overhead(site, ran{{at, at}}) }

// LessOwn takes off what a site makes itself at a moment.
func (x *Index) LessOwn(site string, load api.Power, at api.Time) api.Power {
	return x.lessOwn(site, load, at, at)
}

// Course plans a site's battery: the set-point until the signal steps on, by the cheapest
// way through the hours of which the signal tells.
func (x *Index) Course(b *api.Battery, c *Cells) Course {
	out := Course{Load: x.lessOwn(c.Site, c.Load, x.now, x.now)}
	s, why := x.followed(b, c)
	if why != "" {
		out.Why = why
		return out
	}
	steps, until := x.stepsOf(s, b, c, out.Load)
	out.Until = until
	out.Setpoint = setpoint(b, c, steps)
	out.Why = courseText(s, x.now, out.Setpoint)
	return out
}

// followed is the signal that a battery follows, or why there is none.
func (x *Index) followed(b *api.Battery, c *Cells) (s *api.Signal, why string) {
	kind := api.SignalPrice
	if c.By == api.DispatchCarbon {
		kind = api.SignalCarbon
	}
	s = x.signalAt(c.Site, kind)
	switch {
	case s == nil || len(s.Values) == 0:
		return nil, "nothing is done: no " + string(kind) + " over time is known for the site"
	case s.Fault != "":
		return nil, "nothing is done: " + s.Key() + " is in doubt: " + cut(s.Fault, 100)
	case x.now < s.Start || x.now >= s.End():
		return nil, "nothing is done: " + s.Key() + " ends at " + s.End().Beside(x.now)
	case kind == api.SignalPrice && b.Wear != nil && b.Wear.Currency != s.Currency:
		return nil, "nothing is done: its wear is in " + b.Wear.Currency + ", the price in " + s.Currency
	}
	return s, ""
}

// cut shortens a text for people.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xc0 == 0x80 { // within a letter
		most--
	}
	return text[:most] + "…"
}

// stepsOf are the steps of a plan, on the grid of the signal; until is when the first ends.
// Behind the last value the usual one is taken for a day, where there is one: so what is in
// the cells then is not thrown away.
func (x *Index) stepsOf(s *api.Signal, b *api.Battery, c *Cells, load api.Power) (steps []storage.Step, until api.Time) {
	end := s.End()
	if s.Usual != 0 || s.UsualSpread != 0 {
		end = end.Add(api.Day)
	}
	end = min(end, x.now.Add(lookAhead))
	grid := s.Step * ((finest + s.Step - 1) / s.Step)
	steps = make([]storage.Step, 0, lookAhead/grid+2)
	for from := x.now; from < end; {
		to := min(from.Add(grid-from.Sub(s.Start)%grid), end)
		value, _ := s.Mean(from, to)
		if from != x.now {
			load = x.loadAt(c, from, to, load)
		}
		steps = append(steps, storage.Step{
			Hours: float64(to.Sub(from)) / float64(api.Hour), Price: float64(value) / 1e6, Load: float64(max(load, 0)) / 1e6,
		})
		if until == 0 {
			until = to
		}
		from = to
	}
	return steps, until
}

// loadAt is what a site is expected to draw at a later time.
func (x *Index) loadAt(c *Cells, from, to api.Time, before api.Power) api.Power {
	if hour := int(from / api.Time(api.Hour) % 24); hour < len(c.Usual) && c.Usual[hour] >= 0 {
		return c.Usual[hour]
	}
	if x.knowsSignal(api.SignalGeneration) {
		return x.lessOwn(c.Site, c.Load, from, to)
	}
	return before
}

// lessOwn takes off what a site makes itself, which is used first.
func (x *Index) lessOwn(site string, load api.Power, from, to api.Time) api.Power {
	if g := x.signalAt(site, api.SignalGeneration); g != nil && (len(g.Values) > 0 || g.Usual != 0) {
		made, _ := g.Mean(from, to)
		return max(load-api.Power(made), 0)
	}
	return load
}

const kilowatt, inKilowattHour = 1e6, 3.6e12 // in mW, and in µJ

// setpoint is the power that leads to the level which the cheapest way has after the first
// step. What is kept is not planned with; where it is not there, it is charged first.
func setpoint(b *api.Battery, c *Cells, steps []storage.Step) api.Power {
	level, kept := c.Level, b.Kept()
	usable := float64(max(api.Microjoules(b.Capacity)-kept, 1)) / inKilowattHour
	cells := storage.Battery{
		Capacity: usable, Power: float64(b.Charge) / kilowatt, Discharge: float64(b.MostDischarge()) / kilowatt, Efficiency: float64(b.Efficiency) / 1000,
	}
	if b.Wear != nil && c.By == api.DispatchCost {
		cells.Ageing = float64(b.Wear.Micro) / 1e6
	}
	one := float64(b.OneWay()) / 1e6
	if level < kept {
		return min(watts(float64(kept-level)/inKilowattHour/one/steps[0].Hours), b.Charge/WholeWatt*WholeWatt)
	}
	from := min(float64(level-kept)/inKilowattHour, usable)
	to, err := storage.First(cells, steps, from)
	switch {
	case err != nil: // what it may be was checked when it was declared
		return 0
	case to >= from:
		return min(watts((to-from)/one/steps[0].Hours), b.Charge/WholeWatt*WholeWatt)
	}
	return -min(watts((from-to)*one/steps[0].Hours), b.MostDischarge()/WholeWatt*WholeWatt, watts(steps[0].Load))
}

// watts is a power in kW, rounded down to whole watts but for what rounding took before.
func watts(kW float64) api.Power {
	return api.Power(math.Round(min(kW*kilowatt, 1e15))) / WholeWatt * WholeWatt
}

// courseText says why a battery does what it does.
func courseText(s *api.Signal, now api.Time, p api.Power) string {
	value, _ := s.At(now)
	least, most := value, value
	for t := now; t < min(s.End(), now.Add(lookAhead)); t = t.Add(s.Step) {
		v, _ := s.At(t)
		least, most = min(least, v), max(most, v)
	}
	text, by := perUnit(s, value)+" now, ", min(s.End(), now.Add(lookAhead)).Beside(now)
	switch {
	case p > 0:
		return text + "up to " + perUnit(s, most) + " by " + by
	case p < 0:
		return text + "down to " + perUnit(s, least) + " by " + by
	}
	return text + perUnit(s, least) + " to " + perUnit(s, most) + " by " + by + ": better kept as it is"
}

// perUnit is a value as people read it: EUR/MWh, or g/kWh.
func perUnit(s *api.Signal, v int64) string {
	unit, size := " g/kWh", int64(1000)
	if s.Kind == api.SignalPrice {
		unit = " " + s.Currency + "/MWh"
	}
	sign := ""
	if v < 0 {
		sign, v = "−", -v
	}
	tenths := (v + size/20) / (size / 10)
	text := strconv.FormatInt(tenths/10, 10)
	if rest := tenths % 10; rest > 0 {
		text += "." + strconv.FormatInt(rest, 10)
	}
	return sign + text + unit
}
