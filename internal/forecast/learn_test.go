package forecast

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// exhaustive finds the best single split of one column by trying all of them.
func exhaustive(cols [][]float64, y []float64, minLeaf int) (best float64) {
	best = math.Inf(1)
	for _, col := range cols {
		for _, edge := range col {
			var l, r []float64
			for i, v := range col {
				if v <= edge {
					l = append(l, y[i])
				} else {
					r = append(r, y[i])
				}
			}
			if len(l) >= minLeaf && len(r) >= minLeaf {
				best = min(best, squares(l)+squares(r))
			}
		}
	}
	return best
}

func squares(x []float64) float64 { return variance(x) * float64(len(x)-1) }

func TestTreeSplitsAsWellAsAllSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 12).Draw(t, "rows")
		cols := make([][]float64, rapid.IntRange(1, 3).Draw(t, "columns"))
		for c := range cols {
			for range n {
				cols[c] = append(cols[c], float64(rapid.IntRange(-3, 3).Draw(t, "x")))
			}
		}
		var y []float64
		for range n {
			y = append(y, float64(rapid.IntRange(-9, 9).Draw(t, "y")))
		}
		minLeaf := rapid.IntRange(1, 3).Draw(t, "least")
		tree := singleTree{leaves: 2, minLeaf: minLeaf}.learn(cols, y, 0, Run{})
		got := 0.0
		for i := range y {
			row := make([]float64, len(cols))
			for c := range cols {
				row[c] = cols[c][i]
			}
			d := y[i] - tree.at(row)
			got += d * d
		}
		want := min(exhaustive(cols, y, minLeaf), squares(y))
		if math.Abs(got-want) > 1e-9*(1+want) {
			t.Fatalf("squared error %g, the best split leaves %g", got, want)
		}
	})
}

// A forest whose trees see every column is the mean of trees on its bootstrap samples.
func TestForestIsTheMeanOfItsTrees(t *testing.T) {
	cols := [][]float64{{1, 2, 3, 4, 5, 6, 7, 8}, {0, 1, 0, 1, 0, 1, 0, 1}}
	y := []float64{1, 3, 2, 5, 4, 8, 6, 9}
	e := forest{trees: 7, leaves: 4, minLeaf: 1, share: 1}.learn(cols, y, 3, Run{}).(*ensemble)
	for i := range y {
		row := []float64{cols[0][i], cols[1][i]}
		sum := 0.0
		for _, tr := range e.trees {
			sum += tr.at(row)
		}
		if got := e.at(row); math.Abs(got-sum/7) > 1e-12 {
			t.Fatalf("row %d: %g, the mean of the trees is %g", i, got, sum/7)
		}
	}
}

func TestBoostingLowersTheError(t *testing.T) {
	cols := make([][]float64, 2)
	var y []float64
	for i := range 200 {
		a, b := float64(i%17), float64(i%5)
		cols[0], cols[1] = append(cols[0], a), append(cols[1], b)
		y = append(y, a*b)
	}
	last := math.Inf(1)
	for _, trees := range []int{1, 10, 100} {
		e := boosting{trees: trees, leaves: 8, minLeaf: 2, rate: .3, rows: 1, columns: 1}.learn(cols, y, 1, Run{})
		sum := 0.0
		for i := range y {
			d := y[i] - e.at([]float64{cols[0][i], cols[1][i]})
			sum += d * d
		}
		if sum >= last {
			t.Errorf("%d trees: squared error %g, with fewer it was %g", trees, sum, last)
		}
		last = sum
	}
	if last > 100 {
		t.Errorf("squared error %g after 100 trees", last)
	}
}

// TestLSTMGradients compares back-propagation with finite differences.
func TestLSTMGradients(t *testing.T) {
	const window = 6
	x := make([]float64, 40)
	for i := range x {
		x[i] = math.Sin(float64(i)) + .1*float64(i%7)
	}
	r := newReader(x, Series{Values: x, Periods: []int{4}})
	net := newLSTM(r.inputs(), 5, newRand(1, 1))
	half := func() float64 {
		m := net.blank()
		return net.pass(r, 10, 10+window, &m, nil) / 2
	}
	grad := make([]float64, len(net.w))
	m := net.blank()
	net.pass(r, 10, 10+window, &m, grad)
	for i, w := range net.w {
		const h = 1e-6
		net.w[i] = w + h
		up := half()
		net.w[i] = w - h
		down := half()
		net.w[i] = w
		if d := (up - down) / (2 * h); math.Abs(d-grad[i]) > 1e-6*(1+math.Abs(d)) {
			t.Fatalf("weight %d: gradient %g, finite differences give %g", i, grad[i], d)
		}
	}
}

func TestLSTMLearnsASeason(t *testing.T) {
	x := make([]float64, 400)
	for i := range x {
		x[i] = 10 + 3*math.Sin(2*math.Pi*float64(i)/12)*(1+.3*math.Sin(2*math.Pi*float64(i)/60))
	}
	f, err := LSTM{Seed: 1}.Fit(Series{Values: x[:380], Periods: []int{12}})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := f.Predict(20)
	naive := MAE(x[380:], x[368:388])
	if got := MAE(x[380:], p.Mean); got > naive {
		t.Errorf("mean absolute error %g, seasonal naive has %g", got, naive)
	}
}

func BenchmarkLSTM(b *testing.B) {
	x := make([]float64, 2000)
	for i := range x {
		x[i] = math.Sin(float64(i)/4) + float64(i%24)/10
	}
	for b.Loop() {
		if _, err := (LSTM{Seed: 1}).Fit(Series{Values: x, Periods: []int{24}}); err != nil {
			b.Fatal(err)
		}
	}
}
