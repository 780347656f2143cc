package energy

import (
	"errors"
	"math"
)

// Load is what a fleet's busy machines do at one moment, summed up: everything
// that the power of a fleet of like machines depends on, if one machine's power is
// idle + c + a·x + b·√x + d·x² while it is busy at use x.
type Load struct {
	Busy   float64 // machines' worth of tasks
	Use    float64 // Σ x
	Root   float64 // Σ √x
	Square float64 // Σ x²
}

// Add counts so many machines' worth of tasks at a use from 0 to 1.
func (l *Load) Add(machines, use float64) {
	use = min(max(use, 0), 1)
	l.Busy += machines
	l.Use += machines * use
	l.Root += machines * math.Sqrt(use)
	l.Square += machines * use * use
}

// Sample is a meter's reading beside the load of the same moment.
type Sample struct {
	Load
	Watts float64
}

// Terms is which of a load's sums a model of a fleet goes by.
type Terms uint8

// The terms from the simplest on.
const (
	ByUse    Terms = iota // idle + a·Σx: every machine linear
	ByBusy                // and c for each busy machine
	ByRoot                // and b·Σ√x
	BySquare              // and d·Σx²
	terms
)

// AllTerms lists the models from the simplest on.
func AllTerms() []Terms { return []Terms{ByUse, ByBusy, ByRoot, BySquare} }

// String is the model's formula.
func (t Terms) String() string {
	return [terms]string{"idle + a·x", "idle + c + a·x", "idle + c + a·x + b·√x", "idle + c + a·x + b·√x + d·x²"}[t]
}

// features puts a load's sums into row and returns how many it used.
func (t Terms) features(l *Load, row *[5]float64) int {
	*row = [5]float64{1, l.Use, l.Busy, l.Root, l.Square}
	return int(t) + 2
}

// Fleet is a fitted model of a fleet's power.
type Fleet struct {
	Terms Terms
	// Coefficients of 1, Σx, busy, Σ√x, Σx², in W; those that Terms leaves out are 0.
	Coefficients [5]float64
}

// At is the power in W under a load.
func (f *Fleet) At(l *Load) float64 {
	var row [5]float64
	sum := 0.0
	for i := range f.Terms.features(l, &row) {
		sum += f.Coefficients[i] * row[i]
	}
	return sum
}

// ridge keeps a fit stable when loads do not tell two terms apart: it is added to
// the diagonal of the normal equations of columns that have norm 1.
const ridge = 1e-8

// FitFleet fits a model by weighted least squares. Samples come in the order of
// time; one that is halfLife samples older counts half (0: all count alike).
// Samples whose Watts is NaN are passed over.
func FitFleet(samples []Sample, t Terms, halfLife float64) (*Fleet, error) {
	n := int(t) + 2
	var sums normal
	used := 0
	for i := range samples {
		s := &samples[i]
		if math.IsNaN(s.Watts) {
			continue
		}
		weight := 1.0
		if halfLife > 0 {
			weight = math.Exp2(-float64(len(samples)-1-i) / halfLife)
		}
		var row [5]float64
		t.features(&s.Load, &row)
		sums.add(row[:n], s.Watts, weight)
		used++
	}
	if used < 2*n {
		return nil, errors.New("fit the power of a fleet: too few readings")
	}
	return &Fleet{Terms: t, Coefficients: sums.solve(n)}, nil
}

// normal is the normal equations of a least-squares fit.
type normal struct {
	a [5][5]float64
	b [5]float64
}

func (s *normal) add(row []float64, y, weight float64) {
	for i, v := range row {
		for j := range i + 1 {
			s.a[i][j] += weight * v * row[j]
		}
		s.b[i] += weight * v * y
	}
}

// solve gives the coefficients of the first n columns by Cholesky's method, on
// columns that are scaled to the same norm.
func (s *normal) solve(n int) (x [5]float64) {
	var l [5][5]float64
	var scale [5]float64
	for i := range n {
		scale[i] = 1 / math.Sqrt(max(s.a[i][i], math.SmallestNonzeroFloat32))
	}
	for i := range n {
		for j := range i + 1 {
			v := s.a[i][j] * scale[i] * scale[j]
			if i == j {
				v += ridge
			}
			for k := range j {
				v -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(max(v, ridge))
			} else {
				l[i][j] = v / l[j][j]
			}
		}
	}
	for i := range n {
		v := s.b[i] * scale[i]
		for k := range i {
			v -= l[i][k] * x[k]
		}
		x[i] = v / l[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		v := x[i]
		for k := i + 1; k < n; k++ {
			v -= l[k][i] * x[k]
		}
		x[i] = v / l[i][i]
	}
	for i := range n {
		x[i] *= scale[i]
	}
	return x
}
