package assign

import (
	"math"
	"slices"
)

// maxStates bounds the states of one dynamic programme. Past it the answer is a
// bound instead of the optimum, which stays valid.
const maxStates = 20_000

// knapItem is one item of a knapsack; profit > 0, 0 ≤ weight ≤ capacity.
type knapItem struct {
	profit, weight int64
	ratio          float64
	id             int32
}

// knapState is a set of items by its total weight and profit; node leads to how
// it differs from the break solution.
type knapState struct {
	weight, profit int64
	node           int32
}

// knapNode says that the state was made from that of parent by flipping item.
type knapNode struct{ parent, item int32 }

// knapsack solves 0/1 knapsack problems with integers by a dynamic programme
// over an expanding core (D. Pisinger, 1997, "A Minimal Algorithm for the 0-1
// Knapsack Problem"): items are flipped outward from the break item of the
// greedy solution, and a state is dropped when its linear bound does not beat
// the best. It keeps its memory between calls; one goroutine may use it.
type knapsack struct {
	items     []knapItem
	a, b      []knapState
	nodes     []knapNode
	capacity  int64
	bestValue int64
	bestNode  int32
	breakItem int
	linear    float64 // value of the linear relaxation
	price     float64 // its profit per unit of capacity
	work      int     // items and states seen since the work was last asked for
}

func (k *knapsack) reset(capacity int64) {
	k.items, k.capacity = k.items[:0], capacity
}

// add offers an item; those that cannot pay or cannot fit are left out.
func (k *knapsack) add(id int32, profit, weight int64) {
	if profit <= 0 || weight > k.capacity {
		return
	}
	ratio := math.Inf(1)
	if weight > 0 {
		ratio = float64(profit) / float64(weight)
	}
	k.items = append(k.items, knapItem{profit, weight, ratio, id})
}

// solve returns an upper bound of the best profit, which is the optimum unless
// maxStates was exceeded. chosen appends the items of the best set found.
func (k *knapsack) solve() (bound int64) {
	return k.expand(k.relax())
}

// relax sorts the items and solves the linear relaxation; it returns the greedy
// solution.
func (k *knapsack) relax() knapState {
	k.work += 4 * len(k.items)
	slices.SortFunc(k.items, func(a, b knapItem) int {
		switch {
		case a.ratio > b.ratio:
			return -1
		case a.ratio < b.ratio:
			return 1
		}
		return int(a.id) - int(b.id)
	})
	return k.greedy()
}

func (k *knapsack) expand(first knapState) int64 {
	k.a, k.nodes = append(k.a[:0], first), k.nodes[:0]
	s, t := k.breakItem-1, k.breakItem
	for len(k.a) > 0 && (s >= 0 || t < len(k.items)) {
		if t < len(k.items) {
			t++
			k.flip(t-1, +1, s, t)
		}
		if s >= 0 {
			s--
			k.flip(s+1, -1, s, t)
		}
		if len(k.a) > maxStates {
			return k.relaxed(s, t)
		}
	}
	return k.bestValue
}

// greedy fills the knapsack by ratio up to the break item.
func (k *knapsack) greedy() knapState {
	var st knapState
	st.node = -1
	k.breakItem = len(k.items)
	for i, it := range k.items {
		if st.weight+it.weight > k.capacity {
			k.breakItem = i
			break
		}
		st.weight, st.profit = st.weight+it.weight, st.profit+it.profit
	}
	k.bestValue, k.bestNode = st.profit, -1
	k.linear, k.price = float64(st.profit), 0
	if k.breakItem < len(k.items) {
		k.price = k.items[k.breakItem].ratio
		k.linear += k.price * float64(k.capacity-st.weight)
	}
	return st
}

// flip merges the states with those where item x is added (sign +1) or removed
// (-1), keeps what is undominated and can still win with the items up to s and
// from t on.
func (k *knapsack) flip(x int, sign int64, s, t int) {
	k.work += len(k.a)
	dw, dp := sign*k.items[x].weight, sign*k.items[x].profit
	out, old := k.b[:0], k.a
	top := int64(math.MinInt64)
	for i, j := 0, 0; i < len(old) || j < len(old); {
		var st knapState
		fresh := i == len(old)
		if !fresh && j < len(old) {
			dd := old[j].weight + dw - old[i].weight
			fresh = dd < 0 || dd == 0 && old[j].profit+dp > old[i].profit
		}
		if fresh {
			st = knapState{old[j].weight + dw, old[j].profit + dp, old[j].node}
			j++
		} else {
			st = old[i]
			i++
		}
		if st.profit <= top || !k.alive(st, s, t) {
			continue
		}
		top = st.profit
		if fresh {
			k.nodes = append(k.nodes, knapNode{st.node, int32(x)})
			st.node = int32(len(k.nodes) - 1)
		}
		if st.weight <= k.capacity && st.profit > k.bestValue {
			k.bestValue, k.bestNode = st.profit, st.node
		}
		out = append(out, st)
	}
	k.a, k.b = out, old
}

// alive says whether a state can become, or is, better than the best.
func (k *knapsack) alive(st knapState, s, t int) bool {
	return k.upper(st, s, t) > float64(k.bestValue)
}

// upper bounds what a state can reach, rounded up against the errors of
// floating point.
func (k *knapsack) upper(st knapState, s, t int) float64 {
	room := float64(k.capacity - st.weight)
	u := float64(st.profit)
	switch {
	case room > 0 && t < len(k.items):
		u += room * k.items[t].ratio
	case room < 0 && s < 0:
		return math.Inf(-1)
	case room < 0:
		u += room * k.items[s].ratio
	}
	return u + 1e-12*math.Abs(u) + 0.5
}

// relaxed returns the best bound of the states that are left.
func (k *knapsack) relaxed(s, t int) int64 {
	u := float64(k.bestValue)
	for _, st := range k.a {
		u = max(u, k.upper(st, s, t))
	}
	return int64(math.Ceil(min(u, k.linear*(1+1e-12)+1)))
}

// chosen appends the ids of the items of the best set.
func (k *knapsack) chosen(to []int32) []int32 {
	from := len(to)
	for _, it := range k.items[:k.breakItem] {
		to = append(to, it.id)
	}
	for n := k.bestNode; n >= 0; n = k.nodes[n].parent {
		x := int(k.nodes[n].item)
		if x >= k.breakItem {
			to = append(to, k.items[x].id)
			continue
		}
		to[from+x] = -1
	}
	return slices.DeleteFunc(to, func(id int32) bool { return id < 0 })
}
