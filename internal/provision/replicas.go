package provision

import "math"

// Scaling is how many replicas a load needs: so many that each is used to the target
// share of its capacity, within limits.
type Scaling struct {
	Each     float64 // capacity of one replica, in the unit of the load; above 0
	Target   float64 // share of it that is to be used, above 0, at most 1
	Min, Max int
}

// Replicas is how many a load needs.
func (s Scaling) Replicas(load float64) int {
	if !(load > 0) {
		return s.Min
	}
	n := math.Ceil(load/(s.Each*s.Target) - 1e-9)
	return int(min(max(n, float64(s.Min)), float64(s.Max)))
}

// Steadied are wishes of which each is followed down only when all others of the last
// window steps were as low: the usual guard against replicas that come and go.
func Steadied(wishes []int, window int) []int {
	out := make([]int, len(wishes))
	for i := range wishes {
		for _, n := range wishes[max(0, i-window+1) : i+1] {
			out[i] = max(out[i], n)
		}
	}
	return out
}
