package energy

import (
	"math"
	"math/bits"
)

// Divide splits an amount in the ratio of weights, exactly: the parts sum to the amount,
// and each is within one of its share. Part i is the difference of ⌊amount·c/w⌋ at the
// cumulated weights c before and behind it. Negative weights count as none; without any
// weight, and of an amount that is not positive, the parts are 0.
func Divide(amount int64, weights []int64) []int64 {
	parts := make([]int64, len(weights))
	most := math.MaxInt64 / int64(max(len(weights), 1)) // so that their sum stays in range
	whole, sum, before := uint64(0), uint64(0), uint64(0)
	for _, w := range weights {
		whole += uint64(min(max(w, 0), most))
	}
	if whole == 0 || amount <= 0 {
		return parts
	}
	for i, w := range weights {
		sum += uint64(min(max(w, 0), most))
		hi, lo := bits.Mul64(uint64(amount), sum)
		upTo, _ := bits.Div64(hi, lo, whole)
		parts[i], before = int64(upTo-before), upTo
	}
	return parts
}

// Use is what one of those who share a machine held and used of it over a stretch of
// time.
type Use struct {
	Held int64 // of the capacity, in the unit of the capacity
	Used int64 // CPU time, in the unit of the whole's
}

// Attribute divides what a meter counted over a stretch of time over those who shared
// the machine. The idle part of it goes by what each held of the capacity, the rest by
// the CPU time that each used of busy, all that was used. What nobody held, and what
// others used, is rest: the shares and rest sum to the total, exactly.
func Attribute(total, idle, capacity, busy int64, uses []Use) (shares []int64, rest int64) {
	total = max(total, 0)
	idle = min(max(idle, 0), total)
	held, used := make([]int64, len(uses)+1), make([]int64, len(uses)+1)
	free, others := capacity, busy
	for i, u := range uses {
		held[i], used[i] = max(u.Held, 0), max(u.Used, 0)
		free, others = max(free-held[i], 0), max(others-used[i], 0)
	}
	held[len(uses)], used[len(uses)] = max(free, 0), max(others, 0)
	byHeld, byUsed := Divide(idle, held), Divide(total-idle, used)
	shares, rest = make([]int64, len(uses)), total
	for i := range shares {
		shares[i] = byHeld[i] + byUsed[i]
		rest -= shares[i]
	}
	return shares, rest
}
