package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Batteries of sites are charged and discharged by the price, or the carbon intensity, of
// energy. Each is planned anew when its signal steps on, when there is news of a signal,
// and when its site draws much more than it did; it is discharged with less at once when
// its site draws less than it gives. What it was asked stands in the state
// (state.Stored), with how full it is by that or by what it said.

const (
	// batteriesAtOnce is how many batteries one Step plans at most.
	batteriesAtOnce = 64
	// drawsMore is by what part of its power a site has to draw more than when its battery
	// was planned, 1/drawsMore, for it to be planned anew, and no sooner than settles after.
	drawsMore, settles = 20, 5 * api.Minute
	// believed is how far what a battery says may be from what was modelled, as a part of
	// its capacity, 1/believed, without another plan.
	believed = 20
	// mostIdle bounds why an order is not obeyed, in bytes.
	mostIdle = 256
)

// Battery is what was heard of a site's battery: that it does, or does not, what the order
// says, and how full it is.
type Battery struct {
	Site   string          `cbor:"1,keyasint"`
	Order  uint64          `cbor:"2,keyasint"`
	Failed string          `cbor:"3,keyasint,omitempty"` // why it does not obey; "": it does
	Told   bool            `cbor:"4,keyasint,omitempty"` // Level is known
	Level  api.Microjoules `cbor:"5,keyasint,omitempty"` // in its cells
	// Obeyed is, of one that fails, until when it is known to have done what the order says;
	// 0: that it ever did is not known.
	Obeyed api.Time `cbor:"6,keyasint,omitempty"`
}

// InputKind implements Input.
func (*Battery) InputKind() InputKind { return InputBattery }

// storing keeps what the nodes of sites draw, as long as a site has a battery; all of it is
// derived from the state.
type storing struct {
	nodes map[string]drawn // nil: no site has a battery
	sites map[string]int64 // mW, what the sites take besides not counted
	look  dirtySet[string] // sites whose battery is to be looked at
}

type drawn struct {
	site string
	draw int64 // mW
}

// dispatchOf is by what the battery of a site is used; "" is by nothing.
func (e *Engine) dispatchOf(site *api.Site) api.Dispatch {
	by := api.DispatchNone
	switch {
	case site == nil || site.Battery == nil:
	case site.Battery.Dispatch != "":
		by = site.Battery.Dispatch
	default:
		by = e.index.Dispatch()
	}
	if by == api.DispatchNone {
		return ""
	}
	return by
}

// batteryPut takes in that a site was declared.
func (e *Engine) batteryPut(site *api.Site) {
	if e.follower || site.Battery == nil && e.st.Batteries[site.Name] == nil {
		return
	}
	if e.storing.nodes == nil {
		e.storing.nodes, e.storing.sites = map[string]drawn{}, map[string]int64{}
		for _, n := range e.st.Nodes { // order-free: sums
			e.drawsNow(n)
		}
	}
	e.lookAtBattery(site.Name)
}

// lookAtBattery has the battery of a site looked at before the Step ends.
func (e *Engine) lookAtBattery(site string) {
	if e.storing.nodes != nil {
		e.storing.look.add(site)
	}
}

// lookAtBatteries has all looked at.
func (e *Engine) lookAtBatteries() {
	if e.storing.nodes == nil {
		return
	}
	for name, site := range e.st.Sites { // order-free: a set
		if site.Battery != nil {
			e.storing.look.add(name)
		}
	}
	e.storing.look.addAll(e.st.SortedBatteries())
}

// drawsNow takes in what a node draws.
func (e *Engine) drawsNow(n *state.Node) {
	s := &e.storing
	if s.nodes == nil || n == nil {
		return
	}
	now := drawn{site: n.Site}
	switch {
	case n.Silent: // nobody knows
	case n.Power == api.PowerSleeping && n.Sleep != nil:
		now.draw = n.Sleep.Draw
	default:
		now.draw = e.index.DrawNow(n.Name)
	}
	if before := s.nodes[n.Name]; before != now {
		e.drawsNothing(n.Name)
		s.nodes[n.Name] = now
		s.sites[now.site] += now.draw
		e.batteryLoaded(now.site)
	}
}

// drawsNothing takes a node out.
func (e *Engine) drawsNothing(node string) {
	s := &e.storing
	if before, known := s.nodes[node]; known {
		if s.sites[before.site] -= before.draw; s.sites[before.site] == 0 {
			delete(s.sites, before.site)
		}
		delete(s.nodes, node)
		e.batteryLoaded(before.site)
	}
}

// batteryLoaded takes in that a site draws more, or less.
func (e *Engine) batteryLoaded(site string) {
	if b := e.st.Batteries[site]; b != nil && !b.Plain {
		e.storing.look.add(site)
	}
}

// drawOf is what the nodes of a site draw now, with what it takes besides at a moment.
func (e *Engine) drawOf(site string, at api.Time) api.Power {
	watts, more := min(e.storing.sites[site], mostSite), e.index.Overhead(site, at)
	return api.Power(watts/1000*more + watts%1000*more/1000)
}

// mostSite bounds what the nodes of a site draw, so that it stays in range: 1 TW.
const mostSite = 1_000_000_000_000_000

// tendBatteries looks at those that something has happened to, as many as one Step may.
func (e *Engine) tendBatteries() {
	if e.storing.nodes == nil || e.err != nil {
		return
	}
	left := batteriesAtOnce
	for e.storing.look.len() > 0 && !e.full() {
		if left == 0 {
			e.out.More = true
			return
		}
		if e.tendBattery(e.storing.look.take()) {
			left--
		}
	}
}

// tendBattery asks of a battery what is best now, and reports whether it planned. It reads
// the state alone.
func (e *Engine) tendBattery(name string) bool {
	site, was := e.st.Sites[name], e.st.Batteries[name]
	by := e.dispatchOf(site)
	switch {
	case by == "" && was == nil:
		return false
	case by == "":
		e.leaveBattery(name, site, was)
		return false
	case was == nil || was.By != by || was.Until != 0 && was.Until <= e.st.Now || was.Plain:
		e.planBattery(site, was, by)
		return true
	}
	return e.followLoad(site, was)
}

// leaveBattery has a battery do nothing that nobody asks for any more.
func (e *Engine) leaveBattery(name string, site *api.Site, was *state.Stored) {
	if was.Plain {
		return
	}
	why := "nothing asks for it: neither the cell's strategy nor the site"
	if site == nil || site.Battery == nil {
		why = "the site has no battery any more"
	}
	e.emit(&state.BatterySet{Site: name, Level: e.levelOf(site, was), Why: why, Plain: true})
}

// planBattery asks for what is best until the signal steps on.
func (e *Engine) planBattery(site *api.Site, was *state.Stored, by api.Dispatch) {
	c := sched.Cells{Site: site.Name, By: by, Level: e.levelOf(site, was), Load: e.drawOf(site.Name, e.st.Now)}
	if was != nil {
		c.Usual = was.Usual
	}
	do := e.index.Course(site.Battery, &c)
	e.emit(&state.BatterySet{
		Site: site.Name, Level: c.Level, Setpoint: do.Setpoint, Until: do.Until, By: by, Why: do.Why, Load: do.Load, Planned: true,
	})
}

// followLoad has a battery give no more than its site draws, and plans anew when that is
// much more than it was. The weather, and what the site makes, are those of when it was
// last asked, so that nothing follows but from events.
func (e *Engine) followLoad(site *api.Site, was *state.Stored) bool {
	draw := e.index.LessOwn(site.Name, e.drawOf(site.Name, was.At), was.At)
	switch {
	case was.Setpoint < 0 && -was.Setpoint > draw:
		ev := &state.BatterySet{
			Site: site.Name, Level: e.levelOf(site, was), Setpoint: -(draw / sched.WholeWatt * sched.WholeWatt), Until: was.Until, By: was.By, Why: was.Why, Load: draw,
		}
		e.emit(ev)
	case was.Until != 0 && draw > was.Load+site.Battery.MostDischarge()/drawsMore:
		if again := was.Planned.Add(settles); again > e.st.Now {
			e.timers.add(timer{at: again, kind: timerBattery, node: site.Name})
			return false
		}
		e.planBattery(site, was, was.By)
		return true
	}
	return false
}

// levelOf is how full a battery is now. Of one of which nothing is known no more is there
// than what is kept.
func (e *Engine) levelOf(site *api.Site, was *state.Stored) api.Microjoules {
	switch {
	case site == nil || site.Battery == nil:
		return was.Level
	case was == nil:
		return site.Battery.Kept()
	}
	return LevelAt(site.Battery, was, e.st.Now)
}

// LevelAt is how full a battery is at a moment, in µJ in its cells, as it does what it is
// asked.
func LevelAt(b *api.Battery, s *state.Stored, now api.Time) api.Microjoules {
	return min(b.After(s.Level, s.Obeyed(), now.Sub(s.At)).Level, api.Microjoules(b.Capacity))
}

// heardBattery takes in what was heard of a battery. What is about an earlier order says
// nothing of this one.
func (e *Engine) heardBattery(in *Battery) {
	was, site := e.st.Batteries[in.Site], e.st.Sites[in.Site]
	if was == nil || in.Order != was.Order {
		return
	}
	switch {
	case was.Plain:
		e.heardOfPlain(in, was)
		return
	case site == nil || site.Battery == nil:
		return // it is told to stop before the Step ends
	}
	modelled := LevelAt(site.Battery, was, e.st.Now)
	ev := &state.BatteryReported{Site: in.Site, Level: modelled, Idle: clipTo(plain(in.Failed), mostIdle), Told: in.Told}
	switch {
	case in.Told:
		ev.Level = min(max(in.Level, 0), api.Microjoules(site.Battery.Capacity))
	case ev.Idle == was.Idle:
		return // nothing new
	case ev.Idle != "":
		// What it was to do since it last obeyed did not happen.
		ev.Level = LevelAt(site.Battery, was, min(max(in.Obeyed, was.At), e.st.Now))
	}
	far := ev.Level - modelled
	ev.Anew = max(far, -far) > api.Microjoules(site.Battery.Capacity/believed)
	e.emit(ev)
}

// heardOfPlain forgets a battery that nobody asks for once it has stopped: from then on it
// is somebody else's. One that does not stop goes on with what it was told last.
func (e *Engine) heardOfPlain(in *Battery, was *state.Stored) {
	switch why := clipTo(plain(in.Failed), mostIdle); {
	case why == "":
		e.emit(&state.BatteryForgotten{Site: in.Site})
	case why != was.Idle:
		e.emit(&state.BatteryReported{Site: in.Site, Level: was.Level, Idle: why})
	}
}

// batteryTimer reminds of when a battery is planned anew.
func (e *Engine) batteryTimer(site string) {
	if b := e.st.Batteries[site]; b != nil && !e.follower {
		e.timers.add(timer{at: b.Until, kind: timerBattery, node: site})
		e.lookAtBattery(site)
	}
}

// batteryTimers begins to look after the batteries of a state.
func (e *Engine) batteryTimers() {
	for _, name := range e.st.SortedSites() {
		e.batteryPut(e.st.Sites[name])
	}
	for _, name := range e.st.SortedBatteries() {
		e.batteryTimer(name)
	}
}

// batteriesFollow has the batteries looked at that follow a signal.
func (e *Engine) batteriesFollow() {
	for _, name := range e.st.SortedBatteries() {
		if e.st.Batteries[name].Until == e.st.Now {
			e.lookAtBattery(name)
		}
	}
}

// Charging is a battery that somebody must tell what to do.
type Charging struct {
	Site     string
	Order    uint64
	Setpoint api.Power
	Battery  api.Battery
	Idle     string // why it does not do what the order says; "": it does
	Gone     bool   // nobody asks for it any more: it is to stop, and is forgotten then
}

// Charging lists the batteries that were ever asked for anything, by site.
func (e *Engine) Charging() (out []Charging) {
	for _, name := range e.st.SortedBatteries() {
		b := e.st.Batteries[name]
		c := Charging{Site: name, Order: b.Order, Setpoint: b.Setpoint, Idle: b.Idle, Gone: b.Plain}
		if site := e.st.Sites[name]; site != nil && site.Battery != nil {
			c.Battery = *site.Battery
		}
		out = append(out, c)
	}
	return out
}

// ViewBatteries shows the batteries of sites as they stand at a moment; that of the last
// record if it is later.
func (e *Engine) ViewBatteries(now api.Time) (out []api.BatteryView) {
	now = max(now, e.st.Now)
	for _, name := range e.st.SortedSites() {
		site := e.st.Sites[name]
		if site.Battery == nil {
			continue
		}
		v := api.BatteryView{Site: name, Battery: *site.Battery}
		if b := e.st.Batteries[name]; b != nil {
			level := api.Energy(LevelAt(site.Battery, b, now))
			v.Level, v.Setpoint, v.Since, v.Until, v.By, v.Why, v.Idle, v.Told = &level, b.Setpoint, b.Since, b.Until, b.By, b.Why, b.Idle, b.Told
		}
		out = append(out, v)
	}
	return out
}
