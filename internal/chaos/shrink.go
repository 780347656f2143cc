package chaos

import (
	"maps"
	"slices"
)

// Shrink looks for a history of the same seed that breaks a promise with fewer kinds
// of faults, and fewer of them, than one that did. A history with others is another
// one, so it is run again each time, some dozens at most. It gives the storm that is
// left, and what it came to.
func (s Storm) Shrink(h History) (Storm, History) {
	try := func(t Storm) bool {
		got := t.Run(h.Seed)
		if got.Violation == "" {
			return false
		}
		s, h = t, got
		return true
	}
	kinds := slices.Sorted(maps.Keys(h.Faults))
	for at := -1; at < len(kinds) && len(kinds) > 1; { // first: with those that happened
		fewer, smaller := slices.Clone(kinds), s
		if at >= 0 {
			fewer = slices.Delete(fewer, at, at+1)
		}
		smaller.Only = fewer
		switch fails := try(smaller); {
		case fails && at >= 0:
			kinds = fewer
		default:
			at++
		}
	}
	for smaller := s; smaller.Faults > MinFaults; {
		if smaller.Faults = max(smaller.Faults/2, MinFaults); !try(smaller) {
			break
		}
	}
	return s, h
}
