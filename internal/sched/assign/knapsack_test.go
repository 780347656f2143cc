package assign

import (
	"testing"

	"pgregory.net/rapid"
)

func bruteKnapsack(profit, weight []int64, capacity int64) (best int64) {
	for set := range 1 << len(profit) {
		var p, w int64
		for j := range profit {
			if set>>j&1 == 1 {
				p, w = p+profit[j], w+weight[j]
			}
		}
		if w <= capacity {
			best = max(best, p)
		}
	}
	return best
}

func TestKnapsackIsExact(t *testing.T) {
	var k knapsack
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 11).Draw(t, "n")
		profit := rapid.SliceOfN(rapid.Int64Range(-5, 40), n, n).Draw(t, "profit")
		weight := rapid.SliceOfN(rapid.Int64Range(0, 25), n, n).Draw(t, "weight")
		capacity := rapid.Int64Range(0, 150).Draw(t, "capacity")
		k.reset(capacity)
		for j := range n {
			k.add(int32(j), profit[j], weight[j])
		}
		got, want := k.solve(), bruteKnapsack(profit, weight, capacity)
		if got != want {
			t.Fatalf("profit %d, brute force finds %d", got, want)
		}
		var p, w int64
		for _, j := range k.chosen(nil) {
			p, w = p+profit[j], w+weight[j]
		}
		if p != want || w > capacity {
			t.Fatalf("the set weighs %d of %d and brings %d of %d", w, capacity, p, want)
		}
	})
}
