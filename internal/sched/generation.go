package sched

import (
	"drover.dev/api"
	"drover.dev/internal/energy"
)

// generationTerm values power that is generated on the site of a node and that nothing
// there draws yet.
type generationTerm struct{}

var _ term = generationTerm{}

// value is availability, what is available of what is required, from 0 to 1000: the part
// of the power that the task adds, with what the site takes besides, which the mean
// generation over its run exceeds the present draw of the site's nodes by.
func (generationTerm) value(s *scorer, e *node) int64 {
	if !s.x.knowsSignal(api.SignalGeneration) {
		return 0
	}
	g := s.x.signalAt(e.Site, api.SignalGeneration)
	if g == nil || len(g.Values) == 0 && g.Usual == 0 {
		return 0
	}
	run := e.runOf(s.ask)
	made, _ := g.Mean(s.x.now, s.x.now.Add(run))
	need := scale(int64(s.x.added(e, s.ask, true)), milliwattNanoseconds, int64(run))
	left := made - s.siteDraw(e.Site)
	switch {
	case left <= 0:
		return 0
	case left >= need:
		return unit
	}
	return scale(left, unit, need)
}

// siteDraw is what the nodes of a site draw by what they hold, with what the site takes
// besides, in mW. All sites are added up once for each decision.
func (s *scorer) siteDraw(site string) int64 {
	if s.green.draws == nil {
		s.green.draws = map[string]int64{}
		for _, e := range s.x.nodes {
			s.green.draws[e.Site] = min(s.green.draws[e.Site]+e.draw(), mostAmount)
		}
	}
	return scale(s.green.draws[site], s.x.overhead(site, ran{{s.x.now, s.x.now}}), unit)
}

// draw is what a node draws by what it holds, in mW; what of its accelerators is held
// counts by their number.
func (e *node) draw() int64 {
	idle, full, _ := energy.Machine(&e.Node)
	none, all := energy.Devices(&e.Node)
	draw := idle + none
	if c := int64(e.Capacity.CPU); c > 0 {
		draw += scale(full-idle, min(max(c-int64(e.free.CPU), 0), c), c)
	}
	devices := int64(0)
	for i := range e.Capacity.Accelerators {
		devices += int64(e.Capacity.Accelerators[i].Count)
	}
	if devices > 0 {
		draw += scale(all-none, min(max(devices-int64(e.freeDevices), 0), devices), devices)
	}
	return draw
}
