package outlook

import (
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"drover.dev/api"
	"drover.dev/internal/forecast"
	"drover.dev/internal/series"
)

// fit has the models of a track learn from what is known now.
func (o *Outlook) fit(t *track, now api.Time, stop func() bool) {
	values, origin, err := o.history(t, now)
	first := len(t.Now) == 0
	late := first || now.Sub(t.Due) > api.Duration(2*t.view.Every)
	var out []issued
	note := ""
	switch {
	case err != nil:
		note = err.Error()
	case known(values) < t.view.Least:
		note = fmt.Sprintf("%d values are known, %d are needed", known(values), t.view.Least)
	default:
		out, note = o.all(t, values, origin, now, late, stop)
	}
	if stop() {
		return
	}
	o.mu.Lock()
	t.take(out, now)
	if t.Note = note; first && len(out) > 0 {
		t.Due = now // for the model that costs most, when every series has something
	}
	data, err := encode(t)
	o.mu.Unlock()
	if err == nil && len(out) > 0 {
		err = o.keep(t, data)
	}
	if err != nil {
		o.cfg.Log.Warn("a fitted model cannot be kept; it is fitted anew after a restart", "series", t.Name, "error", err)
	}
}

// take makes new forecasts the current ones. Every so often they are kept to be graded
// to their end.
func (t *track) take(fresh []issued, now api.Time) {
	t.Due = now.Add(api.Duration(t.view.Every))
	if len(fresh) == 0 {
		return
	}
	t.Now = fresh
	origin := fresh[0].Origin
	if t.Seen == 0 {
		t.Seen = origin - api.Time(t.view.Step)
	}
	apart := api.Time(t.view.Step) * api.Time(max(t.view.Horizon/6, 1))
	if n := len(t.Past); n == 0 || origin-t.Past[n-1].Origin >= apart {
		t.Past = append(t.Past, fresh...)
	}
}

// history is what models learn from: the closed buckets, gaps as NaN, and the begin of
// the first one that is to be forecast.
func (o *Outlook) history(t *track, now api.Time) ([]float64, api.Time, error) {
	step := api.Time(t.view.Step)
	origin := now / step * step
	s, err := o.cfg.Series.Read(t.Name, series.Range{
		From: max(origin-api.Time(t.view.History)*step, 0), To: origin, Step: t.view.Step,
	})
	if err != nil {
		return nil, 0, err
	}
	if s.Step != t.view.Step {
		return nil, 0, fmt.Errorf("only steps of %v are kept that far back", s.Step)
	}
	values := s.Grid()
	if len(values) == 0 {
		return nil, origin, nil
	}
	for end := s.Begin() + api.Time(len(values))*step; end < origin && len(values) < t.view.History; end += step {
		values = append(values, math.NaN()) // nothing was told since
	}
	for _, at := range t.Odd {
		if i := int((at - s.Begin()) / step); at >= s.Begin() && i < len(values) {
			values[i] = math.NaN()
		}
	}
	return values[max(0, len(values)-t.view.History):], origin, nil
}

func known(values []float64) (n int) {
	for _, v := range values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// all has every model speak: one that was fitted not long ago after what has come since,
// others after a fit; the first one, whose fit costs most, only when there is time.
func (o *Outlook) all(t *track, values []float64, origin, now api.Time, late bool, stop func() bool) (out []issued, note string) {
	fits, updated, failed := uint64(0), uint64(0), uint64(0)
	for i, name := range t.view.Models {
		if m := t.model(name); o.cfg.Models != nil && m != nil && m.serves(t.view, origin) {
			if f, err := o.onward(t, *m, origin); err == nil {
				out, updated = append(out, f), updated+1
				continue
			}
		}
		if i == 0 && late {
			note = name + " waits for its turn"
			continue
		}
		f, err := o.one(t, name, values, origin, now, stop)
		if err != nil {
			note, failed = name+": "+err.Error(), failed+1
			continue
		}
		if f.sound(t.view.Horizon) {
			out, fits = append(out, f), fits+1
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Fits += fits
	o.counts.Updated += updated
	o.counts.Failed += failed
	return out, note
}

// scaleOf is the usual error of the seasonal naive forecast; 0 when it is not known.
func scaleOf(values []float64, period int) float64 {
	scale := forecast.MASEScale(values, period)
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return 0
	}
	return scale
}

// periods are the seasons of which there are two.
func (v View) periods(n int) (out []int) {
	for _, p := range v.Seasons {
		if 2*p <= n {
			out = append(out, p)
		}
	}
	return out
}

// guard turns the fault of a model into an error: it must not stop the server; where it
// lies is for the log, not for who asks for the forecast.
func (o *Outlook) guard(model string, err *error) {
	if r := recover(); r != nil {
		o.cfg.Log.Error("a model has a fault: please report it", "model", model, "panic", r, "stack", string(debug.Stack()))
		*err = fmt.Errorf("the model has a fault: %.120s", fmt.Sprint(r))
	}
}

// one fits one model, and stores it.
func (o *Outlook) one(t *track, name string, values []float64, origin, now api.Time, stop func() bool) (out issued, err error) {
	defer o.guard(name, &err)
	v := t.view
	m, err := forecast.New(name, forecast.Options{Horizon: v.Horizon, Seed: 1, Stop: stop})
	if err != nil {
		return out, err
	}
	s := forecast.Series{Values: values, Periods: v.periods(len(values))}
	fits, err := forecast.FitEach(m, []forecast.Series{s}, forecast.Run{Stop: stop})
	if err != nil {
		return out, err
	}
	if out, err = say(name, fits[0], v.Horizon); err != nil {
		return out, err
	}
	out.Origin, out.Scale = origin, scaleOf(values, s.Period())
	if stop() || !out.sound(v.Horizon) {
		return out, nil
	}
	if err := o.store(t, fits[0], out, values, now); err != nil {
		o.cfg.Log.Warn("a fitted model cannot be stored; it is fitted anew next time", "series", t.Name, "model", name, "error", err)
	}
	return out, nil
}

// say is what a model forecasts.
func say(name string, f forecast.Fitted, horizon int) (out issued, err error) {
	p, err := f.Predict(horizon)
	if err != nil {
		return out, err
	}
	sum := f.Summary()
	out = issued{
		Model: name, Form: sum.Form, Mean: narrow(p.Mean), Lo80: narrow(p.Lo80), Hi80: narrow(p.Hi80), Lo95: narrow(p.Lo95), Hi95: narrow(p.Hi95),
	}
	for _, c := range sum.Coefficients {
		out.Terms = append(out.Terms, namedTerm{c.Name, c.Value})
	}
	return out, nil
}

func narrow(list []float64) []float32 {
	out := make([]float32, len(list))
	for i, v := range list {
		out[i] = float32(v)
	}
	return out
}

// Fit has every track that is due fitted at once, without regard to the share; for tests
// and for tools that have time.
func (o *Outlook) Fit(stop func() bool) {
	for range 2 * o.cfg.Tracks {
		o.added = time.Time{}
		if !o.Turn(stop) {
			return
		}
	}
}
