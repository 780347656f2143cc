package shift

import (
	"math"
	"slices"
)

// Run is a stretch of time in which a job runs.
type Run struct{ From, To float64 }

// Held are the cheapest stretches of a job that may be held and go on: from its
// submission, or later, to its submission + hours + slack. Each time that it is held it
// runs stop hours longer, to be stored away and brought back. running says that it runs
// when the time begins: then not going on at once counts as a stop, too.
//
// The plan is exact. For a number of stops it is a linear program in the ends of the
// stretches between two hours, and so all of them but one lie at an hour, at the
// submission or at the end of the slack: which hours are run, and where the rest goes,
// is found by dynamic programming. What a number of stops costs at least, the cheapest
// hours without their stops, is convex in that number, so that none is left out
// ([maxStops] aside). Without a cost of stopping the cheapest hours are the plan.
//
// Where hours earn, a stop could, too, as it makes the job longer. That is not what
// holding is for: prices are then counted from the lowest, and the plan is exact only
// where no hour earns.
func (c Curve) Held(j Job, stop float64, running bool) []Run {
	const instant = 1e-8 // 36 µs, in hours
	if j.Hours <= instant {
		return []Run{{j.Submit, j.Submit + j.Hours}}
	}
	h := newHolder(c, j, running)
	if stop <= 0 {
		return h.cheapest(j.Hours)
	}
	var best []Run
	least, bound := math.Inf(1), math.Inf(1)
	for stops := range maxStops + 1 {
		need := j.Hours + float64(stops)*stop
		if need > h.whole+1e-9 {
			break
		}
		need = min(need, h.whole)
		before := bound
		if bound = h.cost(h.cheapest(need)); bound >= least-1e-9*math.Abs(least) && bound >= before {
			break
		}
		runs, cost := h.with(stops, need)
		if h.stops(runs) == stops && (best == nil || cost < least-1e-9*math.Abs(least)) {
			best, least = runs, cost
		}
	}
	if best == nil { // no time is left to choose
		best = []Run{{j.Submit, j.Submit + j.Hours}}
	}
	return best
}

// maxStops bounds how often a job is held.
const maxStops = 48

// Stops is how often a job is held that runs in these stretches.
func Stops(runs []Run) int { return max(len(runs)-1, 0) }

// OfRuns is what a job costs in its stretches.
func (c Curve) OfRuns(j Job, runs []Run) (sum float64) {
	for _, r := range runs {
		sum += j.Weight * (c.to(r.To) - c.to(r.From))
	}
	return sum
}

// holder is the time that one job has, in cells between which the signal changes.
type holder struct {
	at      []float64 // begin of each cell, and the end
	price   []float64 // of an hour in each
	whole   float64   // hours
	running bool

	value []float64 // of dynamic programming, see below
}

func newHolder(c Curve, j Job, running bool) *holder {
	h := &holder{running: running, whole: j.Hours + j.Slack}
	end := j.Submit + h.whole
	for at := j.Submit; at < end-1e-9; {
		next := min(math.Floor(at+1e-9)+1, end)
		if end-next < 1e-9 {
			next = end
		}
		h.at, h.price = append(h.at, at), append(h.price, (c.to(next)-c.to(at))/(next-at))
		at = next
	}
	h.at = append(h.at, end)
	if len(h.price) > 0 {
		if lowest := slices.Min(h.price); lowest < 0 {
			for i := range h.price {
				h.price[i] -= lowest
			}
		}
	}
	return h
}

// stops is how often the job is held that runs in these stretches; -1: in none.
func (h *holder) stops(runs []Run) int {
	if h.running && len(runs) > 0 && runs[0].From > h.at[0]+1e-9 {
		return len(runs)
	}
	return len(runs) - 1
}

func (h *holder) width(cell int) float64 { return h.at[cell+1] - h.at[cell] }

func (h *holder) cost(runs []Run) (sum float64) {
	cell := 0
	for _, r := range runs {
		for cell > 0 && h.at[cell] > r.From {
			cell--
		}
		for ; cell < len(h.price) && h.at[cell] < r.To; cell++ {
			sum += h.price[cell] * max(min(r.To, h.at[cell+1])-max(r.From, h.at[cell]), 0)
		}
		cell = min(cell, len(h.price)-1)
	}
	return sum
}

// cheapest are the cheapest hours, however many stretches they are; the one that is not
// used up is used where it needs no further stretch, if that can be.
func (h *holder) cheapest(need float64) []Run {
	order := make([]int, len(h.price))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case h.price[a] < h.price[b]:
			return -1
		case h.price[a] > h.price[b]:
			return 1
		}
		return a - b
	})
	used := make([]float64, len(order))
	for _, i := range order {
		used[i] = min(h.width(i), max(need, 0))
		need -= used[i]
	}
	var runs []Run
	for i, u := range used {
		switch {
		case u <= 1e-9:
		case u < h.width(i)-1e-9 && i+1 < len(used) && used[i+1] > 1e-9 && (i == 0 || used[i-1] <= 1e-9):
			runs = extend(runs, h.at[i+1]-u, h.at[i+1])
		default:
			runs = extend(runs, h.at[i], h.at[i]+u)
		}
	}
	return runs
}

// extend adds a stretch, which may go on from the last.
func extend(runs []Run, from, to float64) []Run {
	if n := len(runs); n > 0 && from-runs[n-1].To < 1e-9 {
		runs[n-1].To = to
		return runs
	}
	return append(runs, Run{from, to})
}

// with are the cheapest stretches with so many stops in which a job runs for so long;
// nil when there are none.
func (h *holder) with(stops int, need float64) (best []Run, least float64) {
	least = math.Inf(1)
	last := len(h.price) - 1
	for ends := range 4 { // which of the first and the last cell are run whole
		g := goal{first: ends&1 != 0, last: ends&2 != 0 && last > 0, stops: stops}
		if ends&2 != 0 && last == 0 {
			break
		}
		rest := need
		if g.first {
			rest -= h.width(0)
		}
		if g.last {
			rest -= h.width(last)
		}
		if rest < -1e-9 {
			continue
		}
		g.hours = int(math.Floor(rest + 1e-9))
		g.part = max(rest-float64(g.hours), 0)
		if g.part < 1e-9 {
			g.part = 0
		}
		if g.hours > max(last-1, 0) {
			continue
		}
		if cost := h.solve(g); cost < least {
			best, least = h.follow(g), cost
		}
	}
	return best, least
}

// goal is what a plan is made of: whether the first and the last cell are run whole,
// how many between them, and a part of an hour that is run in one of the others.
type goal struct {
	first, last  bool
	hours, stops int
	part         float64
}

// state is what is left to do before a cell: whole hours, stretches to begin, whether
// the job runs, and whether the part is still to come.
type state struct {
	hours, begins int
	on, part      bool
}

// begins is how many stretches a plan of so many stops begins.
func (h *holder) begins(g goal) int {
	if h.running {
		return g.stops
	}
	return g.stops + 1
}

func (h *holder) index(g goal, cell int, s state) int {
	i := (cell*(g.hours+1)+s.hours)*(h.begins(g)+1) + s.begins
	return i*4 + one(s.on)*2 + one(s.part)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// move is a way through a cell: it runs from, to (relative to its begin), and what is
// left to do then.
type move struct {
	from, to float64
	then     state
}

// moves are the ways through a cell, those that run early first.
func (h *holder) moves(g goal, cell int, s state, try func(move)) {
	w, last := h.width(cell), cell == len(h.price)-1
	whole := s.hours > 0
	if cell == 0 {
		whole = g.first
	} else if last {
		whole = g.last
	}
	if whole && (s.on || s.begins > 0) {
		then := state{s.hours, s.begins - one(!s.on), true, s.part}
		if cell > 0 && !last {
			then.hours--
		}
		try(move{0, w, then})
	}
	if cell == 0 && g.first || last && g.last {
		return // it has to
	}
	if s.part && g.part < w {
		if s.on || s.begins > 0 {
			try(move{0, g.part, state{s.hours, s.begins - one(!s.on), false, false}})
		}
		if s.begins > 0 {
			try(move{w - g.part, w, state{s.hours, s.begins - 1, true, false}})
		}
	}
	try(move{0, 0, state{s.hours, s.begins, false, s.part}})
}

// solve is the least cost of a goal, with the costs of all states before each cell kept
// for [holder.follow].
func (h *holder) solve(g goal) float64 {
	cells, begins := len(h.price), h.begins(g)
	size := (cells + 1) * (g.hours + 1) * (begins + 1) * 4
	h.value = slices.Grow(h.value[:0], size)[:size]
	for i := h.index(g, cells, state{}); i < size; i++ {
		h.value[i] = math.Inf(1)
	}
	h.value[h.index(g, cells, state{})], h.value[h.index(g, cells, state{on: true})] = 0, 0
	for cell := cells - 1; cell >= 0; cell-- {
		for i := range (g.hours + 1) * (begins + 1) * 4 {
			s := state{i / 4 / (begins + 1), i / 4 % (begins + 1), i&2 != 0, i&1 != 0}
			h.value[h.index(g, cell, s)], _ = h.step(g, cell, s)
		}
	}
	return h.value[h.index(g, 0, h.start(g))]
}

func (h *holder) start(g goal) state { return state{g.hours, h.begins(g), h.running, g.part > 0} }

// step is the cheapest move from a state, the first of equals.
func (h *holder) step(g goal, cell int, s state) (least float64, best move) {
	least = math.Inf(1)
	h.moves(g, cell, s, func(m move) {
		if cost := h.price[cell]*(m.to-m.from) + h.value[h.index(g, cell+1, m.then)]; cost < least {
			least, best = cost, m
		}
	})
	return least, best
}

// follow are the stretches of the plan that solve found.
func (h *holder) follow(g goal) (runs []Run) {
	s := h.start(g)
	for cell := range h.price {
		_, m := h.step(g, cell, s)
		if m.to > m.from {
			runs = extend(runs, h.at[cell]+m.from, h.at[cell]+m.to)
		}
		s = m.then
	}
	return runs
}
