package twin

import (
	"cmp"
	"math"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Supply is what the nodes of a site drew over a stretch of time, with what the site took
// besides, and where that came from.
type Supply struct {
	Site      string
	Nodes     float64 // J that the nodes drew
	Joules    float64 // J with what the site took besides (PUE), and its battery took or gave
	Own       float64 // J of those that the site made itself
	Generated float64 // J that it made in all
	Carbon    float64 // g CO2e: of the grid for what came from there, and of what is its own
	Cost      float64 // of what came from the grid, in the units of the price
	// Battery is what the site's battery did; nil: it has none.
	Battery *Battery
}

// add sums two supplies.
func (s *Supply) add(o *Supply) {
	s.Nodes, s.Joules, s.Own, s.Generated = s.Nodes+o.Nodes, s.Joules+o.Joules, s.Own+o.Own, s.Generated+o.Generated
	s.Carbon, s.Cost = s.Carbon+o.Carbon, s.Cost+o.Cost
}

// supply counts a site as time passes. Power that the site makes itself is used first: the
// grid gives the rest, and what is left over is given away for nothing.
type supply struct {
	Supply
	drawn   int64      // by its nodes, in µW
	since   api.Time   // up to when all is counted
	changed []*machine // since then, so that what they draw is not in drawn yet
	battery *store     // nil: there is none

	carbon, price       cursor
	outside, made       cursor // without a signal where nothing is known
	cooling             []api.CoolingPoint
	effectiveness, over float64 // PUE without a temperature; g/kWh of what is its own
}

// newSupply counts a site from now on.
func newSupply(site *api.Site, from Signals, own float64, was *state.Stored, now api.Time) *supply {
	none := Constant(0, now)
	s := &supply{
		Supply: Supply{Site: site.Name}, since: now, cooling: site.Cooling, over: own,
		effectiveness: float64(max(site.PUE, 1000)) / 1000,
		carbon:        cursor{Signal: cmp.Or(from.Carbon, none)}, price: cursor{Signal: cmp.Or(from.Price, none)},
		made: cursor{Signal: from.Generation},
	}
	if s.battery = newStore(site, s.price.Signal, was, now); s.battery != nil {
		s.Battery = &s.battery.Battery
	}
	if len(site.Cooling) > 0 {
		s.outside.Signal = from.Temperature
	}
	return s
}

// supplies gives every site of a world its own, in the order of its first node.
func supplies(cfg *Config) (list []*supply, of map[string]*supply) {
	of = map[string]*supply{}
	for i := range cfg.Nodes {
		name := cfg.Nodes[i].Site
		if of[name] != nil {
			continue
		}
		site := &api.Site{Name: name}
		for k := range cfg.Sites {
			if cfg.Sites[k].Name == name {
				site = &cfg.Sites[k]
			}
		}
		signals, ok := cfg.Signals[name]
		if !ok {
			signals = cfg.Signals[""]
		}
		var was *state.Stored
		if cfg.From != nil {
			was = cfg.From.Batteries[name]
		}
		of[name] = newSupply(site, signals, cfg.OwnCarbon, was, cfg.Start)
		list = append(list, of[name])
	}
	return list, of
}

// change notes a machine that is about to draw more or less. All until now is counted.
func (s *supply) change(m *machine, now api.Time) {
	s.pass(now)
	if !m.changed {
		m.changed = true
		s.changed = append(s.changed, m)
	}
}

// pass counts what is drawn up to now. Until a moment at which a machine changes nothing
// else does but the signals, which step.
func (s *supply) pass(now api.Time) {
	if now <= s.since {
		return
	}
	for _, m := range s.changed {
		draws := m.draws()
		s.drawn += draws - m.drawn
		m.drawn, m.changed = draws, false
	}
	s.changed = s.changed[:0]
	for s.since < now {
		until, pue, made := now, s.effectiveness, 0.0
		if s.outside.Signal != nil {
			degrees, end := s.outside.holds(s.since)
			pue, until = s.at(degrees), min(until, end)
		}
		if s.made.Signal != nil {
			watts, end := s.made.holds(s.since)
			made, until = max(watts, 0), min(until, end)
		}
		if s.battery != nil {
			until = min(until, s.battery.stepsOn(s.since))
		}
		s.stretch(until, pue, made)
	}
}

// at is the PUE at a temperature in °C.
func (s *supply) at(degrees float64) float64 {
	return float64(max(api.PUEAt(s.cooling, int64(math.Round(degrees*1000))), 1000)) / 1000
}

// stored is what the battery adds to what the site draws up to a moment, in J, when so many
// W are needed besides what the site makes.
func (s *supply) stored(until api.Time, needs float64) float64 {
	s.battery.note(s.since, until, needs)
	bought, given := s.battery.pass(until.Sub(s.since), needs)
	return bought - given
}

// stretch counts the time up to a moment, in which PUE and generation stay as they are.
func (s *supply) stretch(until api.Time, pue, made float64) {
	seconds := until.Sub(s.since).Std().Seconds()
	nodes := float64(s.drawn) / 1e6
	watts := nodes * pue
	if s.battery != nil {
		watts += s.stored(until, watts-min(watts, made)) / seconds
	}
	own := min(watts, made)
	carbon, price := s.carbon.until(s.since), s.price.until(s.since)
	grid := watts - own
	s.Nodes += float64(nodes * seconds)
	s.Joules += float64(watts * seconds)
	s.Own += float64(own * seconds)
	s.Generated += float64(made * seconds)
	s.Carbon += (float64(grid*(s.carbon.until(until)-carbon)) + float64(float64(own*s.over)*seconds)) / wattSeconds
	s.Cost += float64(grid*(s.price.until(until)-price)) / wattSeconds
	s.since = until
}
