package forecast

import (
	"fmt"
	"math"
)

// Updating forecasts one series again and again while it grows, as a planner does
// that plans anew every hour. It learns from every value when it comes, at a cost
// that does not depend on how many came before.
//
// For each step ahead there is one linear regression on the last values, on those
// of the same phase and its neighbours one, two, three and seven seasons before
// what is predicted, on means, and on how far today is off yesterday, by phase.
// Its normal equations are kept up by each value, old ones forgotten slowly, and
// solved once a season with a ridge penalty (Hoerl and Kennard, 1970, "Ridge
// Regression"). Forecasting each step by itself, instead of one step again and
// again, is the direct strategy (Cox, 1961, "Prediction by Exponentially Weighted
// Moving Averages and Related Methods").
//
// It sees nothing but what was observed before. The zero value is of no use.
type Updating struct {
	season  int
	values  []float64
	steps   []normalEquations // one for each step ahead
	row     []float64
	settled int // values after which the regressions are trusted
}

// The model's constants were chosen on carbon intensity and hold for prices, too.
const (
	seasonsBack   = 8      // how far features look back
	forgetting    = 0.9998 // a value is worth half after about 3,500 more
	shrinkage     = 1e-3   // ridge penalty, relative to a column's square
	trustAfter    = 3      // seasons of fitting before a regression is used
	maxSeason     = 288    // a day of 5 minutes
	maxUpdatingBy = 4      // seasons ahead at most
)

// NewUpdating makes a model of a series with so many steps in a season, 6 to 288,
// that predicts up to ahead steps, at most four seasons.
func NewUpdating(season, ahead int) (*Updating, error) {
	if season < 6 || season > maxSeason {
		return nil, fmt.Errorf("a season has 6 to %d steps, not %d", maxSeason, season)
	}
	if ahead < 1 || ahead > maxUpdatingBy*season {
		return nil, fmt.Errorf("it predicts 1 to %d steps ahead, not %d", maxUpdatingBy*season, ahead)
	}
	return &Updating{season: season, steps: make([]normalEquations, ahead), settled: (seasonsBack + trustAfter) * season}, nil
}

// Observe takes the next value in. One that is no number is taken as the value a
// season before.
func (u *Updating) Observe(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = u.before(len(u.values))
	}
	u.values = append(u.values, v)
	now := len(u.values) - 1
	for h := range u.steps {
		origin := now - h - 1
		if origin < seasonsBack*u.season {
			break
		}
		u.row = u.features(origin, h+1, u.row[:0])
		u.steps[h].add(u.row, v, forgetting)
		if now%u.season == 0 {
			u.steps[h].settle(shrinkage)
		}
	}
}

// Predict forecasts the next steps into out. Where it has learnt too little, or
// behind the steps that it was made for, the last season repeats itself.
func (u *Updating) Predict(out []float64) {
	now := len(u.values) - 1
	for h := range out {
		switch {
		case h < len(u.steps) && now+1 >= u.settled && u.steps[h].weights != nil:
			u.row = u.features(now, h+1, u.row[:0])
			out[h] = dot(u.steps[h].weights, u.row)
		case h >= len(u.steps) && h >= u.season:
			out[h] = out[h-u.season]
		default:
			out[h] = u.before(now + 1 + h)
		}
	}
}

// before is the last value known of the same phase as step i, or the last of all.
func (u *Updating) before(i int) float64 {
	for ; i >= 0; i -= u.season {
		if i < len(u.values) {
			return u.values[i]
		}
	}
	if n := len(u.values); n > 0 {
		return u.values[n-1]
	}
	return 0
}

// features describe the step h ahead of origin by values up to origin.
func (u *Updating) features(origin, h int, row []float64) []float64 {
	m, x := u.season, u.values
	at := origin + h
	for _, back := range [...]int{0, 1, 2, 3, 5} {
		row = append(row, x[origin-back])
	}
	known := func(i int) float64 {
		for i > origin {
			i -= m
		}
		return x[i]
	}
	for _, seasons := range [...]int{1, 2, 3, 7} {
		for near := -1; near <= 1; near++ {
			row = append(row, known(at-seasons*m+near))
		}
	}
	row = append(row, x[origin-m], x[origin-2*m], x[origin-7*m])
	day, week := mean(x[origin-m+1:origin+1]), mean(x[origin-7*m+1:origin+1])
	phase, here := 0.0, 0.0
	for d := range 7 {
		phase += known(at-(d+1)*m) / 7
		here += x[origin-d*m] / 7
	}
	row = append(row, day, week, phase, here)
	off := x[origin] - x[origin-m]
	for harmonic := 1; harmonic <= 2; harmonic++ {
		sin, cos := math.Sincos(2 * math.Pi * float64(harmonic*(at%m)) / float64(m))
		row = append(row, week*sin, week*cos, off*sin, off*cos)
	}
	return append(row, 1)
}

// normalEquations are a least-squares fit that grows by rows.
type normalEquations struct {
	gram    []float64 // lower triangle, row by row
	right   []float64
	weights []float64 // nil before the first settling
}

// add takes a row in and lets those before it count less.
func (e *normalEquations) add(row []float64, y, keep float64) {
	if e.right == nil {
		e.gram = make([]float64, len(row)*(len(row)+1)/2)
		e.right = make([]float64, len(row))
	}
	at := 0
	for i, v := range row {
		line := e.gram[at : at+i+1]
		for j := range line {
			line[j] = line[j]*keep + v*row[j]
		}
		at += i + 1
		e.right[i] = e.right[i]*keep + v*y
	}
}

// settle solves the equations by Cholesky's method, with a penalty on each weight
// relative to its column; the last column, the constant, bears none.
func (e *normalEquations) settle(penalty float64) {
	n := len(e.right)
	l := make([]float64, len(e.gram))
	w := make([]float64, n)
	for i, at := 0, 0; i < n; i, at = i+1, at+i+1 {
		for j, other := 0, 0; j <= i; j, other = j+1, other+j+1 {
			v := e.gram[at+j] - dot(l[at:at+j], l[other:other+j])
			if i != j {
				l[at+j] = v / l[other+j]
				continue
			}
			if i < n-1 {
				v += penalty * e.gram[at+j]
			}
			l[at+j] = math.Sqrt(max(v, 1e-12))
		}
		w[i] = (e.right[i] - dot(l[at:at+i], w[:i])) / l[at+i]
	}
	for i := n - 1; i >= 0; i-- {
		at := i * (i + 1) / 2
		w[i] /= l[at+i]
		for j := range i {
			w[j] -= l[at+j] * w[i]
		}
	}
	e.weights = w
}

// Repeating forecasts that the last season comes again: the seasonal-naive method,
// for planners. The zero value with a Season of 1 repeats the last value.
type Repeating struct {
	Season int // steps, at least 1
	last   []float64
}

// Observe takes the next value in.
func (r *Repeating) Observe(v float64) {
	r.last = append(r.last, v)
	if drop := len(r.last) - max(r.Season, 1); drop > 0 {
		r.last = r.last[drop:]
	}
}

// Predict forecasts the next steps into out.
func (r *Repeating) Predict(out []float64) {
	for h := range out {
		if len(r.last) == 0 {
			out[h] = 0
			continue
		}
		if n := len(r.last); n < max(r.Season, 1) {
			out[h] = r.last[n-1]
			continue
		}
		out[h] = r.last[h%len(r.last)]
	}
}
