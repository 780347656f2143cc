package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
	solver "drover.dev/internal/sched/assign"
)

// rebuild improves a solution by taking the jobs off a few related nodes and
// placing them anew, the ones first that lose most by their second choice. What is
// not better is undone (after Schrimpf, Schneider, Stamm-Wilbrandt and Dueck, 2000,
// "Record Breaking Optimization Results Using the Ruin and Recreate Principle").
type rebuild struct {
	m      *model
	bound  int64
	stop   func() bool
	random uint64
	on     [][]*job // by node
	pulled []*job
	before []stand
}

// stand is where a job was.
type stand struct {
	at      int32
	devices []api.DeviceShare
}

// The most nodes and jobs of a rebuilding.
const (
	rebuiltNodes = 4
	rebuiltJobs  = 24
)

func newRebuild(m *model, bound int64, opt solver.Options) *rebuild {
	r := &rebuild{m: m, bound: bound, stop: opt.Stop, random: opt.Seed, on: make([][]*job, len(m.nodes))}
	for _, j := range m.jobs {
		r.on[j.at] = append(r.on[j.at], j)
	}
	return r
}

// run goes on until many rebuildings in a row gain nothing, and returns the cost.
func (r *rebuild) run(cost int64) int64 {
	patience := 100 + 4*len(r.m.jobs)
	for failed := 0; failed < patience && cost > r.bound && len(r.m.jobs) > 0; failed++ {
		if failed%16 == 0 && r.stop() {
			break
		}
		if gain := r.round(); gain > 0 {
			cost -= gain
			failed = 0
		}
	}
	return cost
}

// below draws a number less than n.
func (r *rebuild) below(n int) int {
	r.random++
	return int(mix(r.random) % uint64(n))
}

// round rebuilds around one job and returns what that saves; 0 also when another
// solution of the same cost has taken the place of the last.
func (r *rebuild) round() int64 {
	seed := r.unhappy()
	if len(seed.near) == 0 {
		return 0
	}
	r.pull(seed)
	before, after := int64(0), int64(0)
	for _, j := range r.pulled {
		before += j.costs[j.at]
		after += j.least
		r.before = append(r.before, stand{j.at, j.devices})
		r.remove(j)
	}
	r.sort()
	byPrice := r.below(2) == 0
	for n, j := range r.pulled {
		i := r.choose(j, byPrice)
		if i < 0 || after+j.costs[i]-j.least > before {
			r.undo(r.pulled[:n])
			return 0
		}
		after += j.costs[i] - j.least
		r.m.put(j, i)
		r.on[i] = append(r.on[i], j)
	}
	return before - after
}

// unhappy is the one of three jobs that could save most.
func (r *rebuild) unhappy() (worst *job) {
	most := int64(-1)
	for range 3 {
		j := r.m.jobs[r.below(len(r.m.jobs))]
		if len(j.near) == 0 {
			continue
		}
		if d := j.costs[j.at] - j.least; d > most {
			worst, most = j, d
		}
	}
	if worst == nil {
		return r.m.jobs[0]
	}
	return worst
}

// pull picks the jobs to place anew: those on the job's node, and on some of the
// nodes that it would rather be on.
func (r *rebuild) pull(seed *job) {
	r.pulled, r.before = append(r.pulled[:0], seed), r.before[:0]
	nodes := [rebuiltNodes]int32{seed.at}
	n := 1
	for n < rebuiltNodes && n <= len(seed.near) {
		i := seed.near[r.below(len(seed.near))]
		if n++; !slices.Contains(nodes[:n-1], i) {
			nodes[n-1] = i
			continue
		}
		nodes[n-1] = seed.at
	}
	for x, i := range nodes[:n] {
		if slices.Contains(nodes[:x], i) {
			continue
		}
		list := r.on[i]
		from := 0
		if len(list) > 0 {
			from = r.below(len(list))
		}
		for k := range list {
			if j := list[(from+k)%len(list)]; j != seed && len(r.pulled) < rebuiltJobs*(x+1)/n {
				r.pulled = append(r.pulled, j)
			}
		}
	}
}

func (r *rebuild) remove(j *job) {
	list := r.on[j.at]
	at := slices.Index(list, j)
	list[at] = list[len(list)-1]
	r.on[j.at] = list[:len(list)-1]
	r.m.lift(j)
}

// sort puts those first that lose most when they do not get their first choice,
// with some chance in it. before moves along.
func (r *rebuild) sort() {
	type entry struct {
		j      *job
		was    stand
		regret int64
	}
	list := make([]entry, len(r.pulled))
	for n, j := range r.pulled {
		first, second := int64(never), int64(never)
		for _, i := range j.near {
			switch c := j.costs[i]; {
			case c < first:
				first, second = c, first
			case c < second:
				second = c
			}
		}
		loss := int64(1) << 40
		if second < never {
			loss = second - first
		}
		list[n] = entry{j, r.before[n], loss/2 + loss/128*int64(r.below(64))}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.regret, a.regret) })
	for n := range list {
		r.pulled[n], r.before[n] = list[n].j, list[n].was
	}
}

// choose is the first of a job's nodes with room: by price, or by cost alone. Now and
// then it overlooks one, which is what leads out of a corner (Christiaens and
// Vanden Berghe, 2020, "Slack Induction by String Removals for Vehicle Routing
// Problems").
func (r *rebuild) choose(j *job, byPrice bool) int32 {
	best := int32(-1)
	for _, i := range j.near {
		if best >= 0 && (byPrice || j.costs[i] >= j.costs[best]) || !r.m.nodes[i].fits(j.it.Ask) || r.below(blink) == 0 {
			continue
		}
		best = i
	}
	if best < 0 {
		return r.m.cheapest(j, nil)
	}
	return best
}

// blink is one in how many nodes is overlooked.
const blink = 12

// undo puts everything back where it was.
func (r *rebuild) undo(placed []*job) {
	for _, j := range placed {
		r.remove(j)
	}
	for n, j := range r.pulled {
		r.m.restore(j, r.before[n].at, r.before[n].devices)
		r.on[j.at] = append(r.on[j.at], j)
	}
}
