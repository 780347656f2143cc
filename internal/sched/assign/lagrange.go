package assign

import "math"

// scale is the number of steps of a multiplier in one unit of cost. Bounds are
// computed in whole steps, so that they are exact.
const scale = 1 << 10

// lanes is how many parts work is cut into for Options.Par. It is fixed, so that
// results do not depend on the machine.
const lanes = 2

// What is known of a pair of agent and job.
const (
	free byte = iota
	out       // the job is not on the agent
	in        // the job is on the agent
)

// hopeless is the price of an agent whose fixed jobs do not fit: large, and safe
// to sum over agents.
const hopeless = math.MaxInt64 / 8

// An oracle knows what sets of jobs cost on one agent. Everything else about the
// relaxation is the same for all problems where each job goes to one agent.
type oracle interface {
	// price returns a lower bound of the least scale·cost(S) − Σ_{j∈S} u_j over
	// the sets S of jobs that known allows on agent i, and appends such a set.
	// Calls with different lanes may run at the same time.
	price(lane, i int, u []int64, known []byte, set []int32) (int64, []int32)
	// fix calls set for the pairs of agent i that u decides, when value is what
	// price returned there and no solution matters that exceeds the bound at u by
	// more than slack.
	fix(lane, i int, u []int64, known []byte, value, slack int64, set func(j int, as byte))
	// cost returns the cost of the jobs of a set on agent i, and whether they fit.
	cost(i int, set []int32) (int64, bool)
	// effort returns the work done in a lane since the last call, in units of some
	// nanoseconds that do not depend on the machine.
	effort(lane int) int
	// complete gives an agent to the jobs that have none (-1), cheaply; false when
	// it finds no room.
	complete(agent []int, u []float64) bool
}

// relaxation is the Lagrangian relaxation of "each job on exactly one agent":
// L(u) = Σ_j u_j + Σ_i min_S (cost_i(S) − Σ_{j∈S} u_j) is a lower bound for
// every u (M. L. Fisher, 1981, "The Lagrangian Relaxation Method for Solving
// Integer Programming Problems").
type relaxation struct {
	m, n  int
	o     oracle
	opt   Options
	known []byte // [agent*n+job]

	round []int64 // multipliers of the latest evaluation
	sets  [][]int32
	value []int64
	count []int32   // agents that want each job
	dir   []float64 // direction of the latest step
	total int64     // L of the latest evaluation, in steps
}

func newRelaxation(m, n int, o oracle, opt Options) *relaxation {
	return &relaxation{
		m: m, n: n, o: o, opt: opt, known: make([]byte, m*n),
		round: make([]int64, n), sets: make([][]int32, m), value: make([]int64, m),
		count: make([]int32, n), dir: make([]float64, n),
	}
}

func (r *relaxation) row(i int) []byte { return r.known[i*r.n : (i+1)*r.n] }

// evaluate returns L(u) in steps and leaves the sets that attain it. serial
// keeps it off Par.
func (r *relaxation) evaluate(u []float64, serial bool) int64 {
	total := int64(0)
	for j, v := range u {
		r.round[j] = int64(math.Round(v))
		total += r.round[j]
		r.count[j] = 0
	}
	if serial {
		for i := range r.m {
			r.value[i], r.sets[i] = r.o.price(0, i, r.round, r.row(i), r.sets[i][:0])
		}
	} else {
		r.opt.Par(lanes, func(lane int) {
			for i := lane; i < r.m; i += lanes {
				r.value[i], r.sets[i] = r.o.price(lane, i, r.round, r.row(i), r.sets[i][:0])
			}
		})
	}
	for i, set := range r.sets {
		if r.value[i] >= hopeless {
			r.total = hopeless
			return hopeless
		}
		total += r.value[i]
		for _, j := range set {
			r.count[j]++
		}
	}
	r.total = total
	return total
}

// exact says whether the latest sets put each job on one agent.
func (r *relaxation) exact() bool {
	for _, c := range r.count {
		if c != 1 {
			return false
		}
	}
	return true
}

// assignment returns what the latest sets say where they agree, -1 elsewhere.
func (r *relaxation) assignment() []int {
	a := make([]int, r.n)
	for j := range a {
		a[j] = -1
	}
	for i, set := range r.sets {
		for _, j := range set {
			if a[j] < 0 {
				a[j] = i
			}
		}
	}
	return a
}

// ascent is how one run of the subgradient method goes.
type ascent struct {
	rounds  int
	step    float64 // share of the gap that the first step aims at, 0 to 2
	patient int     // rounds without gain after which the step halves
	serial  bool
	target  func() int64           // cost in steps that the bound may reach at most; asked every round
	seen    func(bound int64) bool // after each evaluation; false ends the run
}

// ascend improves u in place by the subgradient method with deflected
// directions (P. Camerini, L. Fratta and F. Maffioli, 1975, "On improving
// relaxation methods by modified gradient techniques") and steps after
// B. T. Polyak (1969). It returns the best bound in steps; u are the multipliers
// of that bound.
func (r *relaxation) ascend(u []float64, a ascent) int64 {
	best, bestU := int64(math.MinInt64), append([]float64(nil), u...)
	clear(r.dir)
	step, stale := a.step, 0
	for range a.rounds {
		if r.opt.Stop() {
			break
		}
		bound := r.evaluate(u, a.serial)
		if bound > best {
			if float64(bound-best) > 0.02*scale || best == math.MinInt64 {
				stale = 0
			}
			best = bound
			copy(bestU, u)
		}
		if !a.seen(bound) || bound >= hopeless {
			break
		}
		if stale++; stale > a.patient {
			step, stale = step/2, 0
			copy(u, bestU)
			clear(r.dir)
			if step < 1e-4 {
				break
			}
			continue
		}
		if !r.move(u, step*float64(max(a.target()-bound, scale/4))) {
			break
		}
	}
	copy(u, bestU)
	return best
}

// move steps along the subgradient, deflected by the last direction when they
// oppose each other; false when the subgradient is zero.
func (r *relaxation) move(u []float64, gap float64) bool {
	var dot, norm, old float64
	for j, c := range r.count {
		g := float64(1 - c)
		dot += g * r.dir[j]
		norm += g * g
		old += r.dir[j] * r.dir[j]
	}
	if norm == 0 {
		return false
	}
	keep := 0.0
	if old > 0 {
		keep = max(0, -1.5*dot/old, 0.3*math.Sqrt(norm/old))
	}
	length := 0.0
	for j, c := range r.count {
		r.dir[j] = float64(1-c) + keep*r.dir[j]
		length += r.dir[j] * r.dir[j]
	}
	if length == 0 {
		return false
	}
	for j := range u {
		u[j] += gap / length * r.dir[j]
	}
	return true
}

// ceilSteps turns a bound in steps into one in units of cost.
func ceilSteps(steps int64) int64 {
	q := steps / scale
	if steps%scale > 0 {
		q++
	}
	return q
}
