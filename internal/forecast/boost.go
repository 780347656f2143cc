package forecast

import (
	"math/rand/v2"
	"slices"
)

// learner is a supervised regressor on columns of features.
type learner interface {
	// learn trains on columns[c][row] against y; seed decides every random choice.
	learn(columns [][]float64, y []float64, seed uint64, run Run) regressor
}

// regressor predicts one row of features.
type regressor interface{ at(x []float64) float64 }

// singleTree is one pruned-by-size tree.
type singleTree struct{ leaves, minLeaf int }

func (s singleTree) learn(cols [][]float64, y []float64, _ uint64, run Run) regressor {
	t := newTable(cols, run)
	return t.grow(everyRow(t.rows), y, y, growth{leaves: s.leaves, minLeaf: s.minLeaf, columns: everyColumn(len(cols))}, run, make([]float64, t.rows))
}

func everyRow(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func everyColumn(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// ensemble adds up trees: start + rate·Σ.
type ensemble struct {
	trees []tree
	start float64
	rate  float64
}

func (e *ensemble) at(x []float64) float64 {
	s := 0.0
	for _, t := range e.trees {
		s += t.at(x)
	}
	return e.start + e.rate*s
}

// forest is a random forest: trees on bootstrap samples, each with a random part of
// the columns (Breiman, 2001, "Random Forests"; columns are drawn per tree as in Ho,
// 1998, "The random subspace method").
type forest struct {
	trees, leaves, minLeaf int
	share                  float64 // of the columns, 0 < share ≤ 1
}

func (f forest) learn(cols [][]float64, y []float64, seed uint64, run Run) regressor {
	t := newTable(cols, run)
	e := &ensemble{trees: make([]tree, f.trees), rate: 1 / float64(f.trees)}
	run.par(f.trees, func(k int) {
		rng := rand.New(rand.NewPCG(seed, uint64(k)))
		rows := make([]int32, t.rows)
		for i := range rows {
			rows[i] = int32(rng.IntN(t.rows))
		}
		columns := rng.Perm(len(cols))[:max(1, int(f.share*float64(len(cols))+.5))]
		slices.Sort(columns)
		e.trees[k] = t.grow(rows, y, y, growth{leaves: f.leaves, minLeaf: f.minLeaf, columns: columns}, Run{}, make([]float64, t.rows))
	})
	return e
}

// boosting is gradient boosting of trees (Friedman, 2001, "Greedy Function
// Approximation: A Gradient Boosting Machine"), on squared or absolute errors, each
// tree on random parts of the rows and columns.
type boosting struct {
	trees, leaves, minLeaf int
	rate                   float64
	rows, columns          float64 // shares, 0 < share ≤ 1
	absolute               bool
}

func (b boosting) learn(cols [][]float64, y []float64, seed uint64, run Run) regressor {
	t := newTable(cols, run)
	e := &ensemble{rate: b.rate, start: mean(y)}
	if b.absolute {
		e.start = median(y)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	rest, grad, step := make([]float64, len(y)), make([]float64, len(y)), make([]float64, len(y))
	for i, v := range y {
		rest[i] = v - e.start
	}
	order := everyRow(t.rows)
	features := t.rowMajor()
	for range b.trees {
		if run.stopped() {
			break
		}
		for i, v := range rest {
			grad[i] = v
			if b.absolute {
				grad[i] = sign(v)
			}
		}
		k := max(1, int(b.rows*float64(t.rows)))
		for i := range k {
			j := i + rng.IntN(t.rows-i)
			order[i], order[j] = order[j], order[i]
		}
		used := slices.Clone(order[:k])
		slices.Sort(used)
		columns := rng.Perm(len(cols))[:max(1, int(b.columns*float64(len(cols))+.5))]
		slices.Sort(columns)
		tr := t.grow(used, grad, rest, growth{leaves: b.leaves, minLeaf: b.minLeaf, ridge: 1, columns: columns, median: b.absolute}, run, step)
		e.trees = append(e.trees, tr)
		t.shrink(tr, features, rest, b.rate, run)
	}
	return e
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// rowMajor returns the bins row by row, which suits walking trees.
func (t *table) rowMajor() []uint8 {
	w := len(t.bins)
	out := make([]uint8, w*t.rows)
	for c, b := range t.bins {
		for r, v := range b {
			out[r*w+c] = v
		}
	}
	return out
}

// shrink takes the rate's part of a tree's predictions off the rest.
func (t *table) shrink(tr tree, features []uint8, rest []float64, rate float64, run Run) {
	const block = 8192
	w := len(t.bins)
	run.par((t.rows+block-1)/block, func(b int) {
		for r := b * block; r < min(t.rows, (b+1)*block); r++ {
			x := features[r*w : (r+1)*w]
			n := &tr[0]
			for n.left != 0 {
				if x[n.column] <= n.bin {
					n = &tr[n.left]
				} else {
					n = &tr[n.right]
				}
			}
			rest[r] -= rate * n.value
		}
	})
}
