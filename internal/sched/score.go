package sched

import "drover.dev/api"

// estimate is the latency model's answer for one task on one node:
// T = transfer of inputs over the site links + expected wait + expected run on
// that node + return of the outputs.
type estimate struct {
	transfer, wait, run, back api.Duration
}

func (e *estimate) total() api.Duration { return e.transfer + e.wait + e.run + e.back }

// scorer scores the nodes for one task.
type scorer struct {
	x       *Index
	ask     *Ask
	passing *passing
	ref     api.TaskRef
	plan    *plan
	key     uint64 // of the task, for ties
	terms   []weighted
	view    view // when inOrder
	inOrder bool
	heeds   bool          // bounds are kept
	from    *rack         // whose nodes are offered, in order
	turns   map[*node]int // among equal nodes, between Steps

	turn, source uint64
	devices      api.Milli // accelerators asked for
	want         sought    // of the class that is searched
	simple       bool      // a node's stock tells whether the task fits
	mix          *taskMix
	scarce       []int64 // of supplies
	worth        *worth  // of room on a device of the kind that is asked for
	growths      []kept
	ties         []tie
	narrow       *tie // leaves few nodes

	// The last answer of the latency model.
	known    bool
	site     string
	speed    api.Milli
	latency  int64
	estimate estimate

	green meansOf
}

// scorer prepares the score of a task: the terms that concern it. Within a Step
// the same one serves all tasks, between Steps others may be deciding, too.
func (x *Index) scorer(ref api.TaskRef, a *Ask) *scorer {
	s := &x.own
	if !x.stepping {
		s = &scorer{}
	}
	*s = scorer{x: x, ask: a, ref: ref, plan: x.planOf(a), key: hashRef(ref), terms: s.terms[:0]}
	s.passing, s.ties = x.passing(a), x.ties(a)
	s.turn = ref.Workload + uint64(ref.Index) + uint64(ref.Task)
	for i := range a.Task.Resources.Accelerators {
		s.devices += a.Task.Resources.Accelerators[i].Count
	}
	r := &a.Task.Resources
	s.want.need = roomOf(r.CPU, r.Memory, leastDevices(r)).stock()
	s.want.devices = s.want.need.devices()
	s.simple = x.simple(a)
	for i := range s.plan.terms {
		w := &s.plan.terms[i]
		if w.only != nil && !w.only.concerns(a) {
			continue
		}
		switch w.name {
		case "latency":
			if len(a.Profile.Speeds) > 0 {
				s.terms = append(s.terms, weighted{name: w.name, term: machineTerm{}, weight: w.weight})
				continue
			}
		case "source":
			s.source = hashName(a.Tenant + "/" + a.Workload + "/" + a.Task.Name)
		case "fragmentation", "growth", "backing":
			s.mix, s.growths = x.typicalMix(), x.growthsOf(a)
		case "remnant":
			if s.worth = x.worths()[r.Accelerators[0].Kind]; s.worth == nil {
				continue
			}
		case "scarcity":
			if s.scarce = x.scarcities(); len(s.scarce) == 0 {
				continue
			}
		}
		s.terms = append(s.terms, *w)
	}
	s.view, s.inOrder = s.ordered()
	return s
}

// score is the sum of the weighted terms; a higher one is better.
func (s *scorer) score(e *node) (sum int64) {
	for i := range s.terms {
		sum += s.terms[i].weight * s.terms[i].value(s, e)
	}
	return sum
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

// estimate applies the latency model. The wait is zero: only nodes with room are
// scored.
func (x *Index) estimate(e *node, a *Ask) estimate {
	est := estimate{run: e.takes(a.Profile.Run, a)}
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

// explain is what a Decision records of a node. The terms are put behind those in
// room, which it returns.
func (s *scorer) explain(e *node, room []api.Term) (api.Candidate, []api.Term) {
	out, first := api.Candidate{Node: e.Name}, len(room)
	for i := range s.terms {
		if v := s.terms[i].weight * s.terms[i].value(s, e); v != 0 {
			out.Score += v
			room = append(room, api.Term{Name: s.terms[i].name, Value: v})
		}
	}
	out.Terms = room[first:len(room):len(room)]
	return out, room
}
