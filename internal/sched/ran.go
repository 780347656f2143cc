package sched

import (
	"math/big"

	"drover.dev/api"
)

// Stretch is the time from a moment until another one.
type Stretch struct{ From, To api.Time }

// ran is the time in which something ran, in one stretch or more.
type ran []Stretch

// ranFor is when an attempt ran that ends now and took a time for it: the last of it in
// which it did not stand still. still is in the order of time. What it ran longer than
// there was time since it was first held, it ran before.
func ranFor(wall api.Duration, now api.Time, still []Stretch) (out ran) {
	end := now
	for i := len(still) - 1; i >= 0 && wall > 0; i-- {
		if run := min(end.Sub(still[i].To), wall); run > 0 {
			out = append(out, Stretch{end.Add(-run), end})
			wall -= run
		}
		end = min(end, still[i].From)
	}
	if wall > 0 {
		out = append(out, Stretch{end.Add(-wall), end})
	}
	return out
}

// lasts is how long it is, all in all.
func (r ran) lasts() (d api.Duration) {
	for i := range r {
		d += r[i].To.Sub(r[i].From)
	}
	return d
}

// mean is the mean value of a signal, and its spread, in that time.
func (r ran) mean(s *api.Signal) (value, spread int64) {
	if len(r) == 1 {
		return s.Mean(r[0].From, r[0].To)
	}
	var values, spreads big.Int // by the nanosecond, what 64 bits do not hold
	for i := range r {
		v, d := s.Mean(r[i].From, r[i].To)
		part := big.NewInt(int64(r[i].To.Sub(r[i].From)))
		values.Add(&values, new(big.Int).Mul(part, big.NewInt(v)))
		spreads.Add(&spreads, part.Mul(part, big.NewInt(d)))
	}
	whole := big.NewInt(max(int64(r.lasts()), 1))
	return values.Quo(&values, whole).Int64(), spreads.Quo(&spreads, whole).Int64()
}
