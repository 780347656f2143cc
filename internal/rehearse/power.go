package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy"
	"drover.dev/internal/trace"
)

// PowerPlan is what a cluster's power is predicted from.
type PowerPlan struct {
	Tasks    []trace.Row // with what they used
	Meter    []trace.Reading
	Topology Topology
	Window   api.Duration // how far back calibration looks
	Ahead    api.Duration // how far it predicts from one calibration to the next
}

// PowerReport says how well a cluster's power is predicted. Errors are mean
// absolute percentage errors over the same samples.
type PowerReport struct {
	MAPE struct {
		Calibrated   float64 `json:"calibrated"`   // recalibrated every Ahead, from the meter before
		Uncalibrated float64 `json:"uncalibrated"` // the topology's own power models
		Persistence  float64 `json:"persistence"`  // as it was Ahead ago
		// DayAhead is calibrated once a day, and predicts the day without the meter.
		DayAhead float64 `json:"dayAheadWithoutMeter"`
	} `json:"mapePercent"`
	Within10 float64 `json:"within10Percent"` // share of samples that the calibrated twin meets within 10 %
	Samples  int     `json:"samples"`
	Seconds  float64 `json:"seconds"` // of wall time
	// Interval is that of the calibrated prediction, from its own past errors.
	Interval struct {
		Level     float64 `json:"levelPercent"`
		Coverage  float64 `json:"coveragePercent"`  // measured
		HalfWidth float64 `json:"halfWidthPercent"` // of the prediction, on average
	} `json:"interval"`
	// Models is every form of the model with its own error, the best first.
	Models []PowerModel `json:"models"`
	// Shapes is every published shape with its own error, the best first. They are shown
	// beside the forms; predictions are made with those.
	Shapes []PowerShape `json:"shapes"`
	Hosts  int          `json:"hosts"`
	Tasks  int          `json:"tasks"`

	At                           []api.Duration `json:"-"` // of the samples
	Measured, Predicted, Without []float64      `json:"-"` // in W
}

// PowerModel is one form of the model of a machine's power at use x.
type PowerModel struct {
	Formula string  `json:"formula"`
	MAPE    float64 `json:"mapePercent"` // calibrated
	Chosen  int     `json:"timesChosen"` // by its past error
	// Idle is that of the whole fleet in W, the others are of one machine: what it
	// draws for being busy at all, and the coefficients of x, √x and x² (last fit).
	Idle   float64 `json:"idleWatts"`
	Busy   float64 `json:"busyWatts"`
	Use    float64 `json:"useWatts"`
	Root   float64 `json:"rootWatts"`
	Square float64 `json:"squareWatts"`
}

const (
	intervalLevel = 0.8
	day           = 24 * api.Hour
	// recent is the time whose mean error corrects a model.
	recent = 10 * api.Minute
	// maxSteps bounds the samples of a meter's time line.
	maxSteps = 10_000_000
)

// Power replays what tasks used on a cluster and predicts what its meter says,
// looking only at readings from before the time that it predicts.
func Power(ctx context.Context, p PowerPlan) (*PowerReport, error) {
	began := time.Now()
	w, err := newPowerWalk(p)
	if err != nil {
		return nil, err
	}
	for now := w.window; now < len(w.samples); now += w.ahead {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.predict(now); err != nil {
			return nil, err
		}
	}
	r := w.report(p)
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// powerWalk goes through time, calibration by calibration.
type powerWalk struct {
	step                  api.Duration
	window, ahead, a, day int // in steps; a is recent
	samples               []energy.Sample
	assumed               []float64 // what the topology says, in W
	models                [4]powerForm
	shapes                []*shapeWalk
	predicted, without    []float64
	low, high             []float64
	daily                 *energy.Fleet
	dailyUntil            int
}

type powerForm struct {
	last      *energy.Fleet
	predicted []float64
	chosen    int
}

func newPowerWalk(p PowerPlan) (*powerWalk, error) {
	if len(p.Meter) < 2 {
		return nil, errors.New("the meter has fewer than two readings")
	}
	step := stepOf(p.Meter)
	n := int64(p.Meter[len(p.Meter)-1].At / step)
	w := &powerWalk{step: step, window: int(p.Window / step), ahead: int(p.Ahead / step), a: max(int(recent/step), 1), day: int(day / step)}
	switch {
	case w.ahead < 1 || w.window < 2*w.ahead:
		return nil, fmt.Errorf("a meter with a reading every %v cannot predict %v ahead from a window of %v: the window must be at least twice as long as what it predicts", step, p.Ahead, p.Window)
	case n > maxSteps:
		return nil, fmt.Errorf("the meter's last reading is %d steps of %v from the start: more than %d", n, step, maxSteps)
	case int(n) < w.window+w.ahead:
		return nil, fmt.Errorf("the meter has readings for %v: a window of %v and %v ahead need more", p.Meter[len(p.Meter)-1].At, p.Window, p.Ahead)
	}
	if !slices.ContainsFunc(p.Tasks, func(t trace.Row) bool { return len(t.Use) > 0 }) {
		return nil, errors.New("the trace does not say what its tasks used")
	}
	w.samples = make([]energy.Sample, n)
	w.assumed = make([]float64, n)
	for i := range w.samples {
		w.samples[i].Watts = math.NaN()
		w.assumed[i] = p.Topology.idle()
	}
	for _, r := range p.Meter {
		// A reading covers the step that ends with it.
		if i := int64(math.Round(float64(r.At)/float64(step))) - 1; i >= 0 && i < n && r.Value > 0 {
			w.samples[i].Watts = r.Value
		}
	}
	w.shapes = newShapeWalks(int(n))
	cores := p.Topology.cores()
	for i := range p.Tasks {
		w.load(&p.Tasks[i], cores, p.Topology)
	}
	for _, list := range []*[]float64{
		&w.predicted, &w.without, &w.low, &w.high,
		&w.models[0].predicted, &w.models[1].predicted, &w.models[2].predicted, &w.models[3].predicted,
	} {
		*list = slices.Repeat([]float64{math.NaN()}, int(n))
	}
	return w, nil
}

// stepOf is the usual distance of two readings.
func stepOf(meter []trace.Reading) api.Duration {
	gaps := make([]api.Duration, 0, len(meter))
	for i := 1; i < len(meter); i++ {
		gaps = append(gaps, meter[i].At-meter[i-1].At)
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// load adds what a task used to the steps in which it ran, to each by the share of
// it that the task's own sample covers.
func (w *powerWalk) load(t *trace.Row, cores float64, top Topology) {
	own := float64(t.Each.CPU) / 1000
	if own <= 0 {
		return
	}
	machines := float64(max(t.Count, 1)) * own / cores
	step := t.Step
	if step <= 0 || len(t.Use) == 0 {
		step = max(t.Run, 1)
	}
	for k := api.Duration(0); k*step < t.Run; k++ {
		use := 0.0
		if int(k) < len(t.Use) {
			use = float64(t.Use[k]) / float64(t.Each.CPU)
		}
		w.add(t.Submit+k*step, t.Submit+min((k+1)*step, t.Run), machines, use, top.above(use))
	}
}

func (w *powerWalk) add(from, to api.Duration, machines, use, above float64) {
	for i := from / w.step; i < api.Duration(len(w.samples)) && i*w.step < to; i++ {
		if i < 0 {
			continue
		}
		share := float64(min(to, (i+1)*w.step)-max(from, i*w.step)) / float64(w.step) * machines
		w.samples[i].Add(share, use)
		w.assumed[i] += share * above
		for _, s := range w.shapes {
			s.add(int(i), share, use)
		}
	}
}

// predict calibrates on the readings before now and predicts the steps after it.
func (w *powerWalk) predict(now int) error {
	past := w.samples[now-w.window : now]
	until := min(now+w.ahead, len(w.samples))
	residuals := make([]float64, len(past))
	for m, terms := range energy.AllTerms() {
		f, err := energy.FitFleet(past, terms, float64(w.window)/2)
		if err != nil {
			return fmt.Errorf("calibrate on the %v before %v: %w", api.Duration(w.window)*w.step, api.Duration(now)*w.step, err)
		}
		for i := range past {
			residuals[i] = past[i].Watts - f.At(&past[i].Load)
		}
		c := energy.Correct(residuals, w.a, w.ahead)
		for i := now; i < until; i++ {
			w.models[m].predicted[i] = f.At(&w.samples[i].Load) + c.At(i-now)
		}
		w.models[m].last = f
	}
	for _, s := range w.shapes {
		s.predict(w, now, until, residuals)
	}
	best := w.best(now)
	w.models[best].chosen++
	half := w.halfWidth(now)
	for i := now; i < until; i++ {
		p := w.models[best].predicted[i]
		w.predicted[i], w.low[i], w.high[i] = p, p*(1-half), p*(1+half)
	}
	w.dayAhead(now, until, w.models[best].last)
	return nil
}

// best is the form whose predictions were best over the window; without any, the
// one with all terms.
func (w *powerWalk) best(now int) int {
	best, least := len(w.models)-1, math.Inf(1)
	for m := range w.models {
		if e, n := w.mape(w.models[m].predicted, max(now-w.window, w.window), now); n > 0 && e < least {
			best, least = m, e
		}
	}
	return best
}

// halfWidth of the interval, as a share of the prediction: the level's quantile of
// the relative errors over the window; NaN while there are too few.
func (w *powerWalk) halfWidth(now int) float64 {
	var errs []float64
	for i := max(now-w.window, 0); i < now; i++ {
		if e := math.Abs(w.samples[i].Watts-w.predicted[i]) / w.predicted[i]; !math.IsNaN(e) {
			errs = append(errs, e)
		}
	}
	if len(errs) < 2*w.ahead {
		return math.NaN()
	}
	slices.Sort(errs)
	return errs[min(int(math.Ceil(intervalLevel*float64(len(errs)+1))), len(errs))-1]
}

// dayAhead predicts with the model of the day's start.
func (w *powerWalk) dayAhead(now, until int, f *energy.Fleet) {
	if now >= w.dailyUntil {
		w.daily, w.dailyUntil = f, now+w.day
	}
	for i := now; i < until; i++ {
		w.without[i] = w.daily.At(&w.samples[i].Load)
	}
}

// mape is the mean absolute percentage error over steps from up to to, and over
// how many of them.
func (w *powerWalk) mape(predicted []float64, from, to int) (percent float64, n int) {
	sum := 0.0
	for i := from; i < to; i++ {
		if e := math.Abs(predicted[i]-w.samples[i].Watts) / w.samples[i].Watts; !math.IsNaN(e) {
			sum += e
			n++
		}
	}
	return 100 * sum / float64(max(n, 1)), n
}

func (w *powerWalk) report(p PowerPlan) *PowerReport {
	r := &PowerReport{Hosts: p.Topology.Hosts(), Tasks: len(p.Tasks)}
	from, to := w.window, len(w.samples)
	lagged := slices.Repeat([]float64{math.NaN()}, to)
	for i := from; i < to; i++ {
		lagged[i] = w.samples[i-w.ahead].Watts
	}
	r.MAPE.Calibrated, r.Samples = w.mape(w.predicted, from, to)
	r.MAPE.Uncalibrated, _ = w.mape(w.assumed, from, to)
	r.MAPE.Persistence, _ = w.mape(lagged, from, to)
	r.MAPE.DayAhead, _ = w.mape(w.without, from, to)
	covered, width, judged := 0, 0.0, 0
	for i := from; i < to; i++ {
		watts := w.samples[i].Watts
		if math.IsNaN(watts) {
			continue
		}
		r.At = append(r.At, api.Duration(i+1)*w.step)
		r.Measured, r.Predicted, r.Without = append(r.Measured, watts), append(r.Predicted, w.predicted[i]), append(r.Without, w.without[i])
		if math.Abs(w.predicted[i]-watts) <= 0.1*watts {
			r.Within10 += 100 / float64(r.Samples)
		}
		if !math.IsNaN(w.low[i]) {
			judged++
			width += (w.high[i] - w.low[i]) / 2 / w.predicted[i]
			if w.low[i] <= watts && watts <= w.high[i] {
				covered++
			}
		}
	}
	r.Interval.Level = 100 * intervalLevel
	r.Interval.Coverage = 100 * float64(covered) / float64(max(judged, 1))
	r.Interval.HalfWidth = 100 * width / float64(max(judged, 1))
	for m, terms := range energy.AllTerms() {
		c := w.models[m].last.Coefficients
		one := PowerModel{Formula: terms.String(), Chosen: w.models[m].chosen, Idle: c[0], Use: c[1], Busy: c[2], Root: c[3], Square: c[4]}
		one.MAPE, _ = w.mape(w.models[m].predicted, from, to)
		r.Models = append(r.Models, one)
	}
	slices.SortStableFunc(r.Models, func(a, b PowerModel) int {
		switch {
		case a.MAPE < b.MAPE:
			return -1
		case a.MAPE > b.MAPE:
			return 1
		}
		return 0
	})
	r.Shapes = w.ranked()
	return r
}
