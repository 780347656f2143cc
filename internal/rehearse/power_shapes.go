package rehearse

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"drover.dev/internal/energy"
	"drover.dev/internal/report"
)

// PowerShape is a published shape of a machine's power between idle and full, fitted to
// the meter like the forms of the model, with two watts for all machines.
type PowerShape struct {
	Shape  energy.Shape `json:"shape"`
	Factor float64      `json:"factor,omitempty"` // the r of mse and asymptotic (last fit)
	MAPE   float64      `json:"mapePercent"`      // calibrated
	Idle   float64      `json:"idleWatts"`        // of the whole fleet (last fit)
	Rise   float64      `json:"riseWatts"`        // of one machine from idle to full (last fit)
}

// factors are the r that mse and asymptotic are tried with: whichever fits the window best
// predicts what comes after it.
func factors(s energy.Shape) []float64 {
	switch s {
	case energy.MSE:
		return []float64{1.2, 1.4, 2, 4, 8}
	case energy.Asymptotic:
		return []float64{0.05, 0.1, 0.3, 1}
	}
	return []float64{0}
}

// shapeSteps is how finely use is told apart.
const shapeSteps = 1024

// shapeFit is a shape with one factor: what all machines are of it, step by step.
type shapeFit struct {
	factor float64
	at     [shapeSteps + 1]float64 // by use
	sum    []float64
}

// shapeWalk goes through time with one shape.
type shapeWalk struct {
	shape     energy.Shape
	fits      []*shapeFit
	best      int
	line      line // of the last fit
	predicted []float64
}

func newShapeWalks(n int) (out []*shapeWalk) {
	for _, s := range energy.Shapes() {
		w := &shapeWalk{shape: s, predicted: slices.Repeat([]float64{math.NaN()}, n)}
		for _, r := range factors(s) {
			f := &shapeFit{factor: r, sum: make([]float64, n)}
			for i := range f.at {
				f.at[i] = energy.Curve{Shape: s, Full: 1, Factor: r}.At(float64(i) / shapeSteps)
			}
			w.fits = append(w.fits, f)
		}
		out = append(out, w)
	}
	return out
}

// add has so many machines, or a share of one, work at a use in a step.
func (w *shapeWalk) add(step int, machines, use float64) {
	u := int(math.Round(min(max(use, 0), 1) * shapeSteps))
	for _, f := range w.fits {
		f.sum[step] += machines * f.at[u]
	}
}

// line is watts as a line over the sum of a shape.
type line struct{ idle, rise float64 }

// fitLine is the line with the least squares, in which a sample so many steps older counts
// half, and their sum. Power does not fall with use: then it is even.
func fitLine(sum []float64, past []energy.Sample, half float64) (l line, squares float64) {
	var n, x, y, xx, xy, yy float64
	weight := func(i int) float64 { return math.Exp2(-float64(len(past)-1-i) / half) }
	for i := range past {
		if v := past[i].Watts; !math.IsNaN(v) {
			w := weight(i)
			n, x, y, xx, xy, yy = n+w, x+w*sum[i], y+w*v, xx+w*sum[i]*sum[i], xy+w*sum[i]*v, yy+w*v*v
		}
	}
	if n == 0 {
		return line{}, math.Inf(1)
	}
	spread, common := xx-x*x/n, xy-x*y/n
	if spread > 1e-9*xx {
		l.rise = max(common/spread, 0)
	}
	l.idle = (y - l.rise*x) / n
	return l, yy - y*y/n - 2*l.rise*common + l.rise*l.rise*spread
}

// predict calibrates on the window before now, as the forms of the model are.
func (s *shapeWalk) predict(w *powerWalk, now, until int, residuals []float64) {
	past := w.samples[now-w.window : now]
	least := math.Inf(1)
	for i, f := range s.fits {
		if l, squares := fitLine(f.sum[now-w.window:now], past, float64(w.window)/2); squares < least {
			least, s.best, s.line = squares, i, l
		}
	}
	sum := s.fits[s.best].sum
	for i := range past {
		residuals[i] = past[i].Watts - s.line.idle - s.line.rise*sum[now-w.window+i]
	}
	c := energy.Correct(residuals, w.a, w.ahead)
	for i := now; i < until; i++ {
		s.predicted[i] = s.line.idle + s.line.rise*sum[i] + c.At(i-now)
	}
}

// ranked are the shapes, the one with the least error first.
func (w *powerWalk) ranked() (out []PowerShape) {
	for _, s := range w.shapes {
		one := PowerShape{Shape: s.shape, Factor: s.fits[s.best].factor, Idle: s.line.idle, Rise: s.line.rise}
		one.MAPE, _ = w.mape(s.predicted, w.window, len(w.samples))
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b PowerShape) int { return cmp.Compare(a.MAPE, b.MAPE) })
	return out
}

// ShapeTable puts the published shapes side by side.
func (r *PowerReport) ShapeTable() *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "SHAPE"},
		{Title: "ERROR", Right: true},
		{Title: "IDLE (ALL)", Right: true},
		{Title: "TO FULL (ONE)", Right: true},
		{Title: "FACTOR", Right: true},
	}}
	for _, s := range r.Shapes {
		factor := "–"
		if s.Factor != 0 {
			factor = fmt.Sprintf("%g", s.Factor)
		}
		t.Add(string(s.Shape), fmt.Sprintf("%.2f %%", s.MAPE), fmt.Sprintf("%.0f W", s.Idle), fmt.Sprintf("%.0f W", s.Rise), factor)
	}
	return t
}
