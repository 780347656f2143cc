package shift

import (
	"cmp"
	"math"
	"slices"
)

// Fit are starts of jobs of which at most room run at a time, for a known signal.
//
// If all jobs take one hour, begin with an hour and weigh the same, they are the
// cheapest there are: hours are taken in the order of their cost, and one is kept
// if those kept so far can still be given to different jobs. Such sets of hours are
// a transversal matroid, for which the greedy choice is optimal (Edmonds, 1971,
// "Matroids and the Greedy Algorithm"). Otherwise jobs are put one by one where
// they cost least, the largest first, and moved as long as that saves something;
// [Optimal] without room is then a bound.
//
// A job that finds no place within its slack starts in the first place behind it.
func Fit(jobs []Job, c Curve, room int) []float64 {
	if room <= 0 {
		return Optimal(jobs, c)
	}
	return fit(jobs, c, room, occupancy{})
}

func fit(jobs []Job, c Curve, room int, load occupancy) []float64 {
	if alike(jobs) {
		return fitHours(jobs, c, room, load)
	}
	return fitAny(jobs, c, room, load)
}

func alike(jobs []Job) bool {
	for _, j := range jobs {
		if j.Hours != 1 || j.Submit != math.Floor(j.Submit) || j.Weight != jobs[0].Weight {
			return false
		}
	}
	return true
}

// occupancy is how many jobs run during each hour, at most at a time. A job counts
// in every hour that it touches, so that room is never exceeded.
type occupancy struct{ running []int }

func (o *occupancy) at(hour int) int {
	if hour < len(o.running) {
		return o.running[hour]
	}
	return 0
}

// touched are the hours of a job, from the first to before the last.
func touched(start, hours float64) (from, to int) {
	return int(math.Floor(start + 1e-9)), int(math.Ceil(start + hours - 1e-9))
}

func (o *occupancy) take(start, hours float64, n int) {
	from, to := touched(start, hours)
	if grow := to - len(o.running); grow > 0 {
		o.running = append(o.running, make([]int, grow)...)
	}
	for h := from; h < to; h++ {
		o.running[h] += n
	}
}

func (o *occupancy) fits(start, hours float64, room int) bool {
	from, to := touched(start, hours)
	for h := from; h < to; h++ {
		if o.at(h) >= room {
			return false
		}
	}
	return true
}

// from is the occupancy counted from an hour on.
func (o *occupancy) from(hour int) occupancy {
	if hour >= len(o.running) {
		return occupancy{}
	}
	return occupancy{slices.Clone(o.running[hour:])}
}

// fitHours gives hours to jobs of one hour.
func fitHours(jobs []Job, c Curve, room int, load occupancy) []float64 {
	m := newMatching(jobs)
	hours := make([]int, 0, len(m.takers))
	for h := range m.takers {
		if len(m.takers[h]) > 0 {
			hours = append(hours, h)
		}
	}
	one := Job{Hours: 1, Weight: 1}
	slices.SortFunc(hours, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.Of(one, float64(a)), c.Of(one, float64(b))), a-b)
	})
	for _, h := range hours {
		for n := load.at(h); n < room && m.matched < len(jobs); n++ {
			if !m.augment(h) {
				break
			}
		}
	}
	out := make([]float64, len(jobs))
	for i, h := range m.hourOf {
		if h >= 0 {
			out[i] = float64(h)
			load.take(out[i], 1, 1)
		}
	}
	for i, h := range m.hourOf {
		if h < 0 {
			out[i] = load.late(jobs[i], room)
			load.take(out[i], 1, 1)
		}
	}
	return out
}

// late is the first place for a job behind its slack.
func (o *occupancy) late(j Job, room int) float64 {
	start := j.Submit + j.Slack
	for !o.fits(start, j.Hours, room) {
		start = math.Floor(start) + 1
	}
	return start
}

// matching gives each kept hour to a job.
type matching struct {
	takers  [][]int // jobs that an hour could be given to
	hourOf  []int   // of each job; -1 is none
	dead    []bool  // jobs from which no free one can be reached, now or later
	seen    []int   // the search that looked at a job last
	search  int
	matched int
}

func newMatching(jobs []Job) *matching {
	m := &matching{hourOf: make([]int, len(jobs)), dead: make([]bool, len(jobs)), seen: make([]int, len(jobs))}
	for i, j := range jobs {
		m.hourOf[i] = -1
		first, last := int(j.Submit), int(math.Floor(j.Submit+j.Slack+1e-9))
		if grow := last + 1 - len(m.takers); grow > 0 {
			m.takers = append(m.takers, make([][]int, grow)...)
		}
		for h := first; h <= last; h++ {
			m.takers[h] = append(m.takers[h], i)
		}
	}
	return m
}

// augment keeps one more unit of an hour if the kept ones can be given out anew so
// that each has its job. It looks breadth first, along jobs whose hours others take.
func (m *matching) augment(hour int) bool {
	m.search++
	type visit struct{ job, through int }
	queue := []visit{}
	reach := func(h, through int) {
		for _, i := range m.takers[h] {
			if !m.dead[i] && m.seen[i] != m.search {
				m.seen[i] = m.search
				queue = append(queue, visit{i, through})
			}
		}
	}
	reach(hour, -1)
	for at := 0; at < len(queue); at++ {
		i := queue[at].job
		if m.hourOf[i] >= 0 {
			reach(m.hourOf[i], at)
			continue
		}
		for back := at; back >= 0; back = queue[back].through {
			take := hour
			if p := queue[back].through; p >= 0 {
				take = m.hourOf[queue[p].job]
			}
			m.hourOf[queue[back].job] = take
		}
		m.matched++
		return true
	}
	for _, v := range queue {
		m.dead[v.job] = true // a closed set of hours and as many jobs stays closed
	}
	return false
}

// rounds bounds how often fitAny looks at all jobs again.
const rounds = 20

func fitAny(jobs []Job, c Curve, room int, load occupancy) []float64 {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(jobs[b].Hours*jobs[b].Weight, jobs[a].Hours*jobs[a].Weight)
	})
	out := make([]float64, len(jobs))
	place := func(i int) {
		out[i] = load.best(jobs[i], c, room)
		load.take(out[i], jobs[i].Hours, 1)
	}
	for _, i := range order {
		place(i)
	}
	for range rounds {
		moved := false
		for _, i := range order {
			was := out[i]
			load.take(was, jobs[i].Hours, -1)
			place(i)
			moved = moved || out[i] != was
		}
		if !moved {
			break
		}
	}
	return out
}

// best is the cheapest start of a job where there is room.
func (o *occupancy) best(j Job, c Curve, room int) float64 {
	best, least := 0.0, math.Inf(1)
	j.starts(j.Submit, j.Submit+j.Slack, func(start float64) {
		if cost := c.Of(j, start); cost < least && o.fits(start, j.Hours, room) {
			best, least = start, cost
		}
	})
	if math.IsInf(least, 1) {
		return o.late(j, room)
	}
	return best
}
