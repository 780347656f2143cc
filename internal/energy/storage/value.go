package storage

import "slices"

// piece is a straight piece of a convex function of the level in the cells.
type piece struct{ length, slope float64 }

// value is what the steps to come cost, by the level that they begin with: a
// convex, piecewise linear function, known up to a constant. Pieces lie one
// behind the other from the level from on, their slopes ascending.
type value struct {
	from   float64
	pieces []piece
	spare  []piece
}

// band is where a step wants the level to be: below low it charges towards low,
// above high it discharges towards high, between them it does nothing.
type band struct{ low, high float64 }

// next is the level after a step that is limited to in and out.
func (b band) next(level, in, out float64) float64 {
	switch {
	case level < b.low:
		return min(level+in, b.low)
	case level > b.high:
		return max(level-out, b.high)
	}
	return level
}

// moves are the pieces of what a step costs by how far the level falls, from −in
// (charging at full power) to out, as a convex function: where it would not be
// convex, the chord, which [Battery.flow] follows by dividing the step.
func (b Battery) moves(s Step) (list [2]piece, in float64) {
	charge, discharge := b.rates(s)
	in, out := b.limits(s)
	if charge < discharge && in+out > 0 {
		chord := (float64(charge*in) + float64(discharge*out)) / (in + out)
		return [2]piece{{in, -chord}, {out, -chord}}, in
	}
	return [2]piece{{in, -charge}, {out, -discharge}}, in
}

// band is where v stops falling faster than charging costs, and where it begins to
// rise faster than discharging costs. What makes no difference is left undone.
func (v *value) band(charge, discharge float64) (aim band) {
	aim = band{v.from, v.from}
	for _, p := range v.pieces {
		if p.slope < charge {
			aim.low += p.length
		}
		if p.slope > discharge {
			break
		}
		aim.high += p.length
	}
	return aim
}

// before puts a step in front: it returns the band that the step aims for, and v
// becomes the infimal convolution of itself and the step's cost, on levels from 0
// to capacity. The convolution of convex functions is their pieces sorted by slope.
func (v *value) before(b Battery, s Step) band {
	moves, in := b.moves(s)
	aim := v.band(moves[0].slope, moves[1].slope)
	merged := v.spare[:0]
	next := 0
	for _, p := range v.pieces {
		for next < 2 && moves[next].slope <= p.slope {
			merged = join(merged, moves[next])
			next++
		}
		merged = join(merged, p)
	}
	for ; next < 2; next++ {
		merged = join(merged, moves[next])
	}
	v.spare, v.pieces = v.pieces, merged
	v.from -= in
	v.clip(b.Capacity)
	return aim
}

// join appends a piece, to the last one if it goes on with its slope.
func join(list []piece, p piece) []piece {
	if n := len(list); n > 0 && list[n-1].slope == p.slope {
		list[n-1].length += p.length
		return list
	}
	if p.length == 0 {
		return list
	}
	return append(list, p)
}

// clip cuts off what lies below 0 and above capacity.
func (v *value) clip(capacity float64) {
	cut := 0
	for v.from < 0 && cut < len(v.pieces) {
		p := &v.pieces[cut]
		if v.from+p.length > 0 {
			p.length += v.from
			v.from = 0
			break
		}
		v.from += p.length
		cut++
	}
	v.from = max(v.from, 0)
	v.pieces = slices.Delete(v.pieces, 0, cut)
	at := v.from
	for i := range v.pieces {
		if at+v.pieces[i].length >= capacity {
			v.pieces[i].length = max(capacity-at, 0)
			v.pieces = v.pieces[:i+1]
			return
		}
		at += v.pieces[i].length
	}
}

// bands plans steps backwards. The cells end with at most left kWh, which are worth
// nothing.
//
// This is dynamic programming over the level (Bellman, 1957) on exact functions
// instead of a grid. Each step merges two pieces into k sorted ones, so that n
// steps take O(n·k) time and O(n+k) memory, and the answer is exact. Pieces are
// cut off at 0 and at the capacity, so that k stays about twice the number of
// steps which fill the battery.
func bands(b Battery, steps []Step, left float64) []band {
	v := value{pieces: join(nil, piece{min(left, b.Capacity), 0})}
	list := make([]band, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		list[i] = v.before(b, steps[i])
	}
	return list
}
