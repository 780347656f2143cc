package outlook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/forecast"
	"drover.dev/internal/series"
)

// Models keeps fitted models under the name of their content.
type Models interface {
	Put(ctx context.Context, r io.Reader, want artifact.Digest) (artifact.Digest, int64, error)
	Open(ctx context.Context, d artifact.Digest) (io.ReadSeekCloser, int64, error)
	Delete(ctx context.Context, d artifact.Digest) error
}

// fittedModel says which artifact is the fitted model of a track.
type fittedModel struct {
	Model   string          `cbor:"1,keyasint"`
	Digest  artifact.Digest `cbor:"2,keyasint"`
	Size    int64           `cbor:"3,keyasint"`
	Version uint64          `cbor:"4,keyasint"` // which fit of this model to this series it is, from 1
	Fitted  api.Time        `cbor:"5,keyasint"` // when
	Upto    api.Time        `cbor:"6,keyasint"` // begin of the first step that it has not seen
	Values  int             `cbor:"7,keyasint"` // known ones, to which it was fitted
	Scale   float64         `cbor:"8,keyasint"` // see issued
	Form    string          `cbor:"9,keyasint"`
}

// Bounds of what is read back: how long a store may take, and how many values, of those
// that a model was fitted to, may come before it is fitted anew: one in so many.
const (
	modelWait   = 10 * time.Second
	refitShare  = 8
	maxVersions = 1 << 62
)

// model is the fitted model of a name; nil when there is none.
func (t *track) model(name string) *fittedModel {
	for i := range t.Models {
		if t.Models[i].Model == name {
			return &t.Models[i]
		}
	}
	return nil
}

// serves reports whether the model may still be carried on to a moment without a fit.
func (m *fittedModel) serves(v View, origin api.Time) bool {
	steps := (origin - m.Upto) / api.Time(v.Step)
	return m.Upto > 0 && steps >= 0 && steps < min(api.Time(v.Refit/v.Step), api.Time(m.Values/refitShare))
}

// store keeps a model that was fitted just now.
func (o *Outlook) store(t *track, f forecast.Fitted, is issued, values []float64, now api.Time) error {
	if o.cfg.Models == nil {
		return nil
	}
	data, err := forecast.Keep(f, values).Freeze()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), modelWait)
	defer cancel()
	d, n, err := o.cfg.Models.Put(ctx, bytes.NewReader(data), artifact.Of(data))
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	m := t.model(is.Model)
	if m == nil {
		t.Models = append(t.Models, fittedModel{Model: is.Model})
		m = &t.Models[len(t.Models)-1]
	}
	*m = fittedModel{
		Model: is.Model, Digest: d, Size: n, Version: m.Version%maxVersions + 1, Fitted: now, Upto: is.Origin, Values: known(values), Scale: is.Scale, Form: is.Form,
	}
	return nil
}

// onward forecasts with a model that was fitted before, after the values that came since.
// A model that cannot be used is removed and forgotten, so that it is fitted anew.
func (o *Outlook) onward(t *track, m fittedModel, origin api.Time) (issued, error) {
	out, err := o.carried(t, m, origin)
	if err == nil || errors.Is(err, errNoValues) {
		return out, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), modelWait)
	defer cancel()
	gone := o.cfg.Models.Delete(ctx, m.Digest)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Damaged++
	for i := range t.Models {
		if t.Models[i].Model == m.Model {
			t.Models[i].Upto = 0 // the version counts on
		}
	}
	o.cfg.Log.Warn("a fitted model cannot be used, and is fitted anew", "series", t.Name, "view", t.View, "model", m.Model, "artifact", m.Digest, "error", errors.Join(err, gone))
	return out, err
}

var errNoValues = errors.New("what came since the fit cannot be read")

func (o *Outlook) carried(t *track, m fittedModel, origin api.Time) (out issued, err error) {
	defer o.guard(m.Model, &err)
	k, err := o.thaw(m.Digest)
	if err != nil {
		return out, err
	}
	since, err := o.values(t, m.Upto, origin)
	if err != nil {
		return out, fmt.Errorf("%w: %w", errNoValues, err)
	}
	if k, err = k.Extend(since); err != nil {
		return out, err
	}
	out, err = say(m.Model, k.Fitted, t.view.Horizon)
	out.Origin, out.Scale = origin, m.Scale
	if err == nil && !out.sound(t.view.Horizon) {
		err = errDamaged
	}
	return out, err
}

// thaw reads a model, whose content must be what its name promises.
func (o *Outlook) thaw(d artifact.Digest) (forecast.Kept, error) {
	ctx, cancel := context.WithTimeout(context.Background(), modelWait)
	defer cancel()
	f, _, err := o.cfg.Models.Open(ctx, d)
	if err != nil {
		return forecast.Kept{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, forecast.MaxFrozen+1))
	if err != nil {
		return forecast.Kept{}, err
	}
	if got := artifact.Of(data); got != d {
		return forecast.Kept{}, &artifact.MismatchError{Want: d, Got: got}
	}
	return forecast.Thaw(data)
}

// values are those of the steps from a moment up to another, gaps and anomalies as NaN.
func (o *Outlook) values(t *track, from, origin api.Time) ([]float64, error) {
	step := api.Time(t.view.Step)
	out := make([]float64, max(0, (origin-from)/step))
	for i := range out {
		out[i] = math.NaN()
	}
	if len(out) == 0 {
		return out, nil
	}
	s, err := o.cfg.Series.Read(t.Name, series.Range{From: from, To: origin, Step: t.view.Step})
	if err != nil {
		return nil, err
	}
	if s.Step != t.view.Step {
		return nil, fmt.Errorf("only steps of %v are kept that far back", s.Step)
	}
	for i, v := range s.Grid() {
		if at := (s.Begin() + api.Time(i)*step - from) / step; at >= 0 && at < api.Time(len(out)) {
			out[at] = v
		}
	}
	for _, at := range t.Odd {
		if i := (at - from) / step; at >= from && i < api.Time(len(out)) {
			out[i] = math.NaN()
		}
	}
	return out, nil
}

// Refers reports whether an artifact is a fitted model of now.
func (o *Outlook) Refers(d artifact.Digest) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.tracks { // order-free: is there one
		for i := range t.Models {
			if t.Models[i].Digest == d && t.Models[i].Upto > 0 {
				return true
			}
		}
	}
	return false
}

// FittedModels are those of the series whose names begin with a prefix.
func (o *Outlook) FittedModels(prefix string) []api.FittedModel {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := []api.FittedModel{}
	for _, t := range o.sorted(prefix) {
		for i := range t.Models {
			if m := &t.Models[i]; m.Upto > 0 {
				out = append(out, api.FittedModel{
					Series: t.Name, View: t.View, Model: m.Model, InForce: m.Model == t.Model, Form: m.Form, Version: m.Version,
					Fitted: m.Fitted, Values: m.Values, Size: api.Bytes(m.Size), Digest: api.Digest(m.Digest),
				})
			}
		}
	}
	return out
}
