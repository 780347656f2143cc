package outlook

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/series"
)

// What series of demand and of capacity begin with.
const (
	demandPrefix   = "demand/"
	capacityPrefix = "capacity/"
)

// limitAt names a capacity, as LAYER/RESOURCE, at the begin of a bucket.
type limitAt struct {
	what string
	at   api.Time
}

// limitsIn are the capacities among series that were read.
func limitsIn(list []series.Series, bounds map[string]bool, v View) map[limitAt]float64 {
	out := map[limitAt]float64{}
	for _, s := range list {
		if !bounds[s.Name] || s.Step != v.Step {
			continue
		}
		begin := s.Begin()
		for i, y := range s.Grid() {
			if !math.IsNaN(y) {
				out[limitAt{s.Name[len(capacityPrefix):], begin + api.Time(i)*api.Time(v.Step)}] = y
			}
		}
	}
	return out
}

// risked grades the chance of a demand above the capacity by what came.
func (t *track) risked(at api.Time, y, limit float64) {
	if f := t.current(); f != nil {
		if h := f.step(at, t.view); h >= 0 {
			t.Risk.Grade(f.interval(h).Above(limit), t.Risk.Share(), y > limit)
		}
	}
}

// believed is a chance as far as such chances held so far. Until a shortage came, and
// did not come, there is nothing to judge them by: it is as it was told.
func (t *track) believed(chance float64) float64 {
	if t.Risk.Came == 0 || t.Risk.Came == t.Risk.N {
		return chance
	}
	return t.Risk.Chance(chance, t.Risk.Share())
}
