package outlook

import (
	"math"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/series"
)

// grade holds the buckets of a view that have closed since the last time against what
// was forecast of them.
func (o *Outlook) grade(v View, now api.Time) error {
	step := api.Time(v.Step)
	closed := now/step*step - 1 // buckets that begin before have ended
	from := closed
	names := map[string]*track{}
	o.mu.Lock()
	for k, t := range o.tracks { // order-free: the least time, and a set
		if k.view == v.Name && len(t.Now) > 0 && t.Seen+step <= closed {
			from, names[k.name] = min(from, t.Seen+step), t
		}
	}
	o.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	from = max(from, closed-api.Time(v.Horizon)*step)
	bounds := map[string]bool{} // the capacities that demands are held against
	for name := range names {   // order-free: a set
		if what, ok := strings.CutPrefix(name, demandPrefix); ok {
			bounds[capacityPrefix+what] = true
		}
	}
	list, err := o.cfg.Series.ReadAll(func(n string) bool { return names[n] != nil || bounds[n] }, series.Range{From: max(from/step*step, 0), Step: v.Step})
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	limits := limitsIn(list, bounds, v)
	for _, s := range list {
		t := names[s.Name]
		if t == nil || s.Step != v.Step {
			continue // a capacity, or not kept any more
		}
		begin := s.Begin()
		for i, y := range s.Grid() {
			at := begin + api.Time(i)*step
			if at > t.Seen && at < closed && !math.IsNaN(y) {
				o.came(t, at, y)
				if limit, known := limits[limitAt{strings.TrimPrefix(s.Name, demandPrefix), at}]; known {
					t.risked(at, y, limit)
				}
			}
		}
		t.Seen = max(t.Seen, closed/step*step)
	}
	return nil
}

// came grades every forecast of a moment by what came. mu is held.
func (o *Outlook) came(t *track, at api.Time, y float64) {
	for i := range t.Past {
		if h := t.Past[i].step(at, t.view); h >= 0 {
			t.mark(&t.Past[i], h, y)
			o.counts.Graded++
		}
	}
	over := func(f issued) bool {
		return f.Origin+api.Time(len(f.Mean))*api.Time(t.view.Step) <= at+api.Time(t.view.Step)
	}
	if i := slices.IndexFunc(t.Past, over); i >= 0 {
		t.fight(t.Past[i].Origin)
		t.Past = slices.DeleteFunc(t.Past, over)
		o.judge(t, at)
	}
	if f := t.current(); f != nil {
		if h := f.step(at, t.view); h >= 0 {
			o.unusual(t, f, h, at, y)
		}
	}
}

// step is the position of a moment in a forecast; -1 when it has none.
func (f *issued) step(at api.Time, v View) int {
	h := int((at - f.Origin) / api.Time(v.Step))
	if at < f.Origin || h >= len(f.Mean) {
		return -1
	}
	return h
}

// current is the newest forecast of the model in force.
func (t *track) current() *issued {
	for i := range t.Now {
		if t.Now[i].Model == t.Model {
			return &t.Now[i]
		}
	}
	if len(t.Now) > 0 {
		return &t.Now[0]
	}
	return nil
}

// mark adds one value to the grades of a model.
func (t *track) mark(f *issued, h int, y float64) {
	m := t.Marks[f.Model]
	b, err := &m[bandOf(h+1)], math.Abs(y-float64(f.Mean[h]))
	b.N++
	b.Abs += err
	if f.Scale > 0 {
		b.Scaled += err / f.Scale
		b.ScaledN++
	}
	b.Pinball += (pinball(y, f.Lo80[h], 0.1) + pinball(y, f.Hi80[h], 0.9) + pinball(y, f.Lo95[h], 0.025) + pinball(y, f.Hi95[h], 0.975)) / 4
	if y >= float64(f.Lo80[h]) && y <= float64(f.Hi80[h]) {
		b.In80++
	}
	if y >= float64(f.Lo95[h]) && y <= float64(f.Hi95[h]) {
		b.In95++
	}
	t.Marks[f.Model] = m
	f.Graded++
	f.Error += err
}

func pinball(y float64, bound float32, q float64) float64 {
	d := y - float64(bound)
	return max(q*d, (q-1)*d)
}

// The rule by which another model is taken: over the last duels, as many as duelsKept,
// its errors are at least a twentieth smaller in sum, and smaller in three of four. After
// a change duels are counted anew, so that two models that are alike do not take turns.
const (
	duelsKept = 8
	duelsWon  = 6
	duelsBy   = 0.95
)

// fight notes how the models did from one origin.
func (t *track) fight(origin api.Time) {
	d := duel{Origin: origin, Errors: slices.Repeat([]float64{math.NaN()}, len(t.view.Models))}
	for i := range t.Past {
		if f := &t.Past[i]; f.Origin == origin && f.Graded > 0 {
			if m := slices.Index(t.view.Models, f.Model); m >= 0 {
				d.Errors[m] = f.Error / float64(f.Graded)
			}
		}
	}
	t.Duels = append(t.Duels, d)
	t.Duels = t.Duels[max(0, len(t.Duels)-duelsKept):]
}

// judge takes another model if one has been better for long enough. mu is held.
func (o *Outlook) judge(t *track, at api.Time) {
	models := t.view.Models
	mine := slices.Index(models, t.Model)
	for m := range models {
		if m != mine && mine >= 0 && beats(t.Duels, m, mine) {
			o.cfg.Log.Info("another model is better for a series", "series", t.Name, "view", t.View, "from", t.Model, "to", models[m])
			t.Model, t.Since, t.Duels = models[m], at, nil
			o.counts.Switched++
			return
		}
	}
}

func beats(duels []duel, m, mine int) bool {
	if len(duels) < duelsKept {
		return false
	}
	won, his, own := 0, 0.0, 0.0
	for _, d := range duels {
		if max(m, mine) >= len(d.Errors) || math.IsNaN(d.Errors[m]+d.Errors[mine]) {
			return false
		}
		his, own = his+d.Errors[m], own+d.Errors[mine]
		if d.Errors[m] < d.Errors[mine] {
			won++
		}
	}
	return won >= duelsWon && his <= duelsBy*own
}

// A value is an anomaly when it lies farther from the mean than the bound of 95 % by this
// factor, and than this many of the errors that the model usually makes at that distance:
// early intervals can be much too narrow. Before a model was graded so often nothing is.
const (
	farBound  = 2
	farErrors = 6
	farLeast  = 30
)

// unusual tells of a value far outside of what was expected. mu is held.
func (o *Outlook) unusual(t *track, f *issued, h int, at api.Time, y float64) {
	mean, lo, hi := float64(f.Mean[h]), float64(f.Lo95[h]), float64(f.Hi95[h])
	reach := hi - mean
	if y < mean {
		reach = mean - lo
	}
	m := t.Marks[f.Model]
	usual, n := m.usual(bandOf(h + 1))
	if n < farLeast || math.Abs(y-mean) <= max(farBound*reach, farErrors*usual, 1e-9*math.Abs(mean)) {
		return
	}
	t.odd(at)
	a := api.Anomaly{Series: t.Name, View: t.View, At: at, Value: y, Mean: mean, Lo95: lo, Hi95: hi, Model: f.Model}
	o.anomalies = append(o.anomalies, a)
	o.anomalies = o.anomalies[max(0, len(o.anomalies)-maxAnomalies):]
	o.counts.Anomalies++
	o.cfg.Log.Warn("a value is far outside of what was expected", "series", t.Name, "at", at, "value", y, "lo95", lo, "hi95", hi, "model", f.Model)
}

// usual is a model's mean error at a distance, and how many values it was graded by.
func (m *mark) usual(band int) (mean float64, n uint64) {
	sum := 0.0
	for i, b := range m {
		n += b.N
		if i >= band && b.N > 0 && mean == 0 {
			mean = b.Abs / float64(b.N)
		}
		sum += b.Abs
	}
	if mean == 0 && n > 0 {
		mean = sum / float64(n)
	}
	return mean, n
}

// Bounds of the anomalies that models do not learn from: so many in a row are a new
// level, which they do.
const (
	maxOdd  = 64
	newKind = 3
)

// odd notes an anomaly.
func (t *track) odd(at api.Time) {
	t.Odd = append(t.Odd, at)
	t.Odd = t.Odd[max(0, len(t.Odd)-maxOdd):]
	n := len(t.Odd)
	if n >= newKind && t.Odd[n-1]-t.Odd[n-newKind] == (newKind-1)*api.Time(t.view.Step) {
		t.Odd = t.Odd[:n-newKind]
	}
}
