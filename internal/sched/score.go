package sched

import "drover.dev/api"

// estimate is the latency model's answer for one task on one node:
// T = transfer of inputs over the site links + expected wait + expected run on
// that node + return of the outputs.
type estimate struct {
	transfer, wait, run, back api.Duration
}

func (e *estimate) total() api.Duration { return e.transfer + e.wait + e.run + e.back }

// weights says how much each term counts. Terms lie between -1000 and 1000.
type weights struct{ latency, packing, spread, avoid int64 }

// unit is the scale of a term.
const unit = 1000

// weightsOf chooses the weights by objective. A node that packs tighter leaves
// others empty, which is what saves money, energy and carbon.
func weightsOf(a *Ask) weights {
	w := weights{latency: 2, packing: 2, spread: 3, avoid: 4}
	switch a.Objective {
	case api.ObjectiveLatency:
		w.latency, w.packing = 6, 1
	case api.ObjectiveCost, api.ObjectiveEnergy, api.ObjectiveCarbon:
		w.latency, w.packing = 1, 6
	}
	return w
}

// scorer scores the nodes for one task. Nodes of one site and speed come to the
// same estimate, so it remembers the last.
type scorer struct {
	x        *Index
	ask      *Ask
	ref      api.TaskRef
	weights  weights
	site     string
	speed    api.Milli
	latency  int64
	estimate estimate
	known    bool
}

func (x *Index) scorer(ref api.TaskRef, a *Ask) scorer {
	return scorer{x: x, ask: a, ref: ref, weights: weightsOf(a)}
}

// score is the sum of the weighted terms; a higher one is better.
func (s *scorer) score(e *node) int64 {
	t := s.terms(e)
	return t[0] + t[1] + t[2] + t[3]
}

// terms are the weighted terms in the order of termNames.
func (s *scorer) terms(e *node) (t [4]int64) {
	a, w := s.ask, &s.weights
	if !s.known || s.speed != e.Speed || s.site != e.Site {
		s.estimate = s.x.estimate(e, a)
		s.latency = w.latency * nearness(&s.estimate, a)
		s.known, s.speed, s.site = true, e.Speed, e.Site
	}
	t[0] = s.latency
	t[1] = w.packing * e.packing(a)
	if a.Spread {
		t[2] = w.spread * unit / int64(1+e.groups[group{s.ref.Workload, s.ref.Task}])
	}
	if len(e.Taints) > 0 && e.avoided(a) {
		t[3] = -w.avoid * unit
	}
	return t
}

// avoided reports whether a node has a taint that says so and is not tolerated.
func (e *node) avoided(a *Ask) bool {
	for _, t := range e.Taints {
		if t.Effect == api.Avoid && !Tolerates(a.Task.Requires.Tolerations, t) {
			return true
		}
	}
	return false
}

// nearness maps the estimated time to (0, 1000]: 1000 is no time beyond the run
// on a reference node, 500 is twice that.
func nearness(est *estimate, a *Ask) int64 {
	ref := max(a.Profile.Run, api.Millisecond)
	total := min(max(est.total(), 0), maxEstimate)
	ref = min(ref, maxEstimate)
	// Both are at most 2^50 ns, so that the product stays below 2^63 once the
	// lowest bits are dropped.
	return int64(2*unit) * int64(ref>>8) / int64((ref+total)>>8+1)
}

// maxEstimate bounds times inside the score: about 13 days.
const maxEstimate = api.Duration(1) << 50

// packing is how full the node would be, 0 to 1000, CPU and memory alike.
func (e *node) packing(a *Ask) int64 {
	r := &a.Task.Resources
	var sum, n int64
	if c := int64(e.Capacity.CPU); c > 0 {
		sum += (c - int64(e.free.CPU) + int64(r.CPU)) * unit / c
		n++
	}
	if c := int64(e.Capacity.Memory >> 10); c > 0 { // KiB, so that the product cannot overflow
		sum += (c - int64((e.free.Memory-r.Memory)>>10)) * unit / c
		n++
	}
	if n == 0 {
		return 0
	}
	return min(max(sum/n, 0), unit)
}

// estimate applies the latency model. The wait is zero: only nodes with room are
// scored.
func (x *Index) estimate(e *node, a *Ask) estimate {
	est := estimate{run: a.Profile.Run}
	if e.Speed > 0 && e.Speed != 1000 {
		est.run = min(a.Profile.Run, maxEstimate) * 1000 / api.Duration(e.Speed)
	}
	for _, in := range a.Inputs {
		est.transfer = min(est.transfer+x.transfer(in.Site, e.Site, in.Bytes), maxEstimate)
	}
	if a.Output > 0 {
		est.back = x.transfer(e.Site, x.home, a.Output)
	}
	return est
}

// The link that is assumed between two sites when none is declared.
const (
	assumedRTT  = 50 * api.Millisecond
	assumedRate = api.Rate(100_000_000)
)

// transfer is the time for some bytes from one site to another: one round trip
// and the time on the wire. Inside a site, and to or from nowhere in particular,
// it is zero.
func (x *Index) transfer(from, to string, n api.Bytes) api.Duration {
	if from == to || from == "" || to == "" || n <= 0 {
		return 0
	}
	l, ok := x.links[[2]string{from, to}]
	if !ok {
		l = link{assumedRTT, assumedRate}
	}
	return min(l.rtt+wire(n, l.rate), maxEstimate)
}

// wire is n bytes at a rate, without overflow: rates below 1 bit/s count as 1.
func wire(n api.Bytes, r api.Rate) api.Duration {
	r = max(r, 1)
	bits := min(int64(n), 1<<59) * 8
	whole := bits / int64(r)
	if whole > int64(maxEstimate/api.Second) {
		return maxEstimate
	}
	rest := bits % int64(r)
	if rest > 1<<33 {
		return api.Duration(whole)*api.Second + api.Duration(rest/(int64(r)/1000+1))*api.Millisecond
	}
	return api.Duration(whole)*api.Second + api.Duration(rest*1e9/int64(r))
}

var termNames = [4]string{"latency", "packing", "spread", "avoid"}

// explain is what a Decision records of a node. The terms are put behind those in
// room, which it returns.
func (s *scorer) explain(e *node, room []api.Term) (api.Candidate, []api.Term) {
	out, first := api.Candidate{Node: e.Name}, len(room)
	for i, v := range s.terms(e) {
		if out.Score += v; v != 0 {
			room = append(room, api.Term{Name: termNames[i], Value: v})
		}
	}
	out.Terms = room[first:len(room):len(room)]
	return out, room
}
