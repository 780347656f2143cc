package forecast

import (
	"math"
	"slices"
	"sort"
)

// table is training data for trees: columns cut into at most 255 bins, so that a
// column with up to 255 different values is split exactly.
type table struct {
	bins  [][]uint8   // column, row
	edges [][]float64 // column: a value v falls into the first bin with v ≤ edge, the last one else
	rows  int
}

const maxBins = 255

// newTable bins columns; quantiles of at most 50,000 evenly spread rows give the
// edges of columns with many values.
func newTable(cols [][]float64, run Run) *table {
	t := &table{bins: make([][]uint8, len(cols)), edges: make([][]float64, len(cols))}
	if len(cols) > 0 {
		t.rows = len(cols[0])
	}
	run.par(len(cols), func(c int) {
		t.edges[c] = binEdges(cols[c])
		b := make([]uint8, t.rows)
		for r, v := range cols[c] {
			b[r] = binOf(t.edges[c], v)
		}
		t.bins[c] = b
	})
	return t
}

func binEdges(col []float64) []float64 {
	step := len(col)/50_000 + 1
	var sample []float64
	for i := 0; i < len(col); i += step {
		sample = append(sample, col[i])
	}
	slices.Sort(sample)
	distinct := slices.Compact(slices.Clone(sample))
	var edges []float64
	if len(distinct) <= maxBins {
		for i := 1; i < len(distinct); i++ {
			edges = append(edges, (distinct[i-1]+distinct[i])/2)
		}
		return edges
	}
	for k := 1; k < maxBins; k++ {
		edges = append(edges, sample[k*len(sample)/maxBins])
	}
	return slices.Compact(edges)
}

func binOf(edges []float64, v float64) uint8 { return uint8(sort.SearchFloat64s(edges, v)) }

// node is one node of a tree; a leaf has left 0.
type node struct {
	column      int
	bin         uint8
	edge        float64 // go left when the value is at most edge
	left, right int32
	value       float64
}

// tree is a regression tree (Breiman, Friedman, Olshen and Stone, 1984,
// "Classification and Regression Trees").
type tree []node

// at returns the prediction for one row of features.
func (t tree) at(x []float64) float64 {
	n := &t[0]
	for n.left != 0 {
		if x[n.column] <= n.edge {
			n = &t[n.left]
		} else {
			n = &t[n.right]
		}
	}
	return n.value
}

// growth says how a tree grows.
type growth struct {
	leaves  int     // at most
	minLeaf int     // rows in a leaf, at least
	ridge   float64 // added to the count below each mean
	columns []int   // to split on
	median  bool    // leaves hold the median of the target: for absolute errors
}

// leaf is a part of the rows that may be split further.
type leaf struct {
	at       int32 // its node
	rows     []int32
	hist     []cell
	sum      float64
	gain     float64
	column   int
	bin      int
	splitSum float64
}

// cell sums the gradients of one bin.
type cell struct {
	sum float64
	n   float64
}

// grow builds a tree on the gradients g of the given rows, the best leaf first. The
// leaf values come from target. rows is permuted. into receives each row's leaf value.
func (t *table) grow(rows []int32, g, target []float64, how growth, run Run, into []float64) tree {
	out := tree{{}}
	root := &leaf{rows: rows}
	for _, r := range rows {
		root.sum += g[r]
	}
	root.hist = t.histogram(root, g, how, run)
	t.bestSplit(root, how)
	open := []*leaf{root}
	for len(open) < how.leaves {
		best := -1
		for i, l := range open {
			if l.gain > 1e-12 && (best < 0 || l.gain > open[best].gain) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		l, r := t.split(open[best], g, how, run)
		n := &out[open[best].at]
		n.column, n.bin, n.edge = open[best].column, uint8(open[best].bin), t.edges[open[best].column][open[best].bin]
		n.left, n.right = int32(len(out)), int32(len(out)+1)
		l.at, r.at = n.left, n.right
		out = append(out, node{}, node{})
		open[best] = l
		open = append(open, r)
	}
	for _, l := range open {
		v := leafValue(l.rows, target, how)
		out[l.at].value = v
		for _, r := range l.rows {
			into[r] = v
		}
	}
	return out
}

func leafValue(rows []int32, target []float64, how growth) float64 {
	if !how.median {
		s := 0.0
		for _, r := range rows {
			s += target[r]
		}
		return s / (float64(len(rows)) + how.ridge)
	}
	step := len(rows)/2001 + 1
	v := make([]float64, 0, len(rows)/step+1)
	for i := 0; i < len(rows); i += step {
		v = append(v, target[rows[i]])
	}
	slices.Sort(v)
	return quantile(v, .5) * float64(len(rows)) / (float64(len(rows)) + how.ridge)
}

// histogram sums the gradients by column and bin.
func (t *table) histogram(l *leaf, g []float64, how growth, run Run) []cell {
	h := make([]cell, len(how.columns)*(maxBins+1))
	each := func(i int) {
		own := h[i*(maxBins+1) : (i+1)*(maxBins+1)]
		bins := t.bins[how.columns[i]]
		for _, r := range l.rows {
			c := &own[bins[r]]
			c.sum += g[r]
			c.n++
		}
	}
	if len(l.rows) < 5000 {
		run = Run{}
	}
	run.par(len(how.columns), each)
	return h
}

// bestSplit finds the split that reduces the squared error most; ties go to the
// first column and the lowest edge.
func (t *table) bestSplit(l *leaf, how growth) {
	n := float64(len(l.rows))
	none := l.sum * l.sum / (n + how.ridge)
	l.gain = 0
	for i, c := range how.columns {
		h := l.hist[i*(maxBins+1):]
		s, k := 0.0, 0.0
		for b := range t.edges[c] {
			s += h[b].sum
			k += h[b].n
			if k < float64(how.minLeaf) {
				continue
			}
			if n-k < float64(how.minLeaf) {
				break
			}
			if h[b].n == 0 {
				continue
			}
			rest := l.sum - s
			if gain := s*s/(k+how.ridge) + rest*rest/(n-k+how.ridge) - none; gain > l.gain+1e-12*math.Abs(none) {
				l.gain, l.column, l.bin, l.splitSum = gain, c, b, s
			}
		}
	}
}

// split parts the rows of a leaf; the smaller part is summed, the other is the rest.
func (t *table) split(l *leaf, g []float64, how growth, run Run) (left, right *leaf) {
	bins, cut := t.bins[l.column], uint8(l.bin)
	var over []int32
	k := 0
	for _, r := range l.rows {
		if bins[r] <= cut {
			l.rows[k] = r
			k++
		} else {
			over = append(over, r)
		}
	}
	copy(l.rows[k:], over)
	left = &leaf{rows: l.rows[:k], sum: l.splitSum}
	right = &leaf{rows: l.rows[k:], sum: l.sum - l.splitSum}
	small, large := left, right
	if len(right.rows) < len(left.rows) {
		small, large = right, left
	}
	small.hist = t.histogram(small, g, how, run)
	large.hist = l.hist
	for i, c := range small.hist {
		large.hist[i].sum -= c.sum
		large.hist[i].n -= c.n
	}
	t.bestSplit(left, how)
	t.bestSplit(right, how)
	return left, right
}
