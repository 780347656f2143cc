package energy

import (
	"math"
	"math/bits"

	"drover.dev/api"
)

// Made is what a site made itself from a moment until another, in µJ, as its signal of
// generation says: of a value that was published all of it, of a forecast the lower end
// of its interval, and nothing where it has no value or while it has a fault. foreseen
// tells whether any of it was forecast. Parts of a time come to no more than the whole.
func Made(s *api.Signal, from, to api.Time) (uj api.Microjoules, foreseen bool) {
	if s == nil || s.Fault != "" || s.Step <= 0 {
		return 0, false
	}
	from, to = max(from, s.Start), min(to, s.End())
	for from < to {
		i := int(from.Sub(s.Start) / s.Step)
		until := min(to, s.Start.Add(api.Duration(i+1)*s.Step))
		milliwatts := s.Values[i]
		if i >= int(s.Known) {
			_, spread := s.At(from)
			milliwatts -= min(spread, milliwatts)
		}
		if part := heldFor(milliwatts, until.Sub(from)); part > 0 {
			uj, foreseen = min(uj+part, mostMade), foreseen || i >= int(s.Known)
		}
		from = until
	}
	return uj, foreseen
}

// mostMade bounds what is made, so that two such amounts can be added, at 640 MWh: more than
// an attempt can take.
const mostMade = math.MaxInt64 / 4

// heldFor is the energy of a power in mW over a time, rounded down.
func heldFor(milliwatts int64, d api.Duration) api.Microjoules {
	const nanoMilli = 1_000_000 // mW · ns in a µJ
	if milliwatts <= 0 || d <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(milliwatts), uint64(d))
	if hi >= nanoMilli {
		return mostMade
	}
	uj, _ := bits.Div64(hi, lo, nanoMilli)
	return api.Microjoules(min(uj, mostMade))
}
