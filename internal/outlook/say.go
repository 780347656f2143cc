package outlook

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
)

// Forecasts are the current forecasts of the series whose names begin with a prefix.
func (o *Outlook) Forecasts(prefix string) []api.SeriesForecast {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := []api.SeriesForecast{}
	for _, t := range o.sorted(prefix) {
		f := api.SeriesForecast{Series: t.Name, View: t.View, Step: api.Duration(t.view.Step), Model: t.Model, Since: t.Since, Note: t.Note, Points: []api.ForecastPoint{}}
		if c := t.current(); c != nil {
			f.Model, f.Form, f.Origin = c.Model, c.Form, c.Origin
			f.Points = c.points(t.view)
		}
		out = append(out, f)
	}
	return out
}

func (f *issued) points(v View) []api.ForecastPoint {
	out := make([]api.ForecastPoint, len(f.Mean))
	for i := range out {
		out[i] = api.ForecastPoint{
			At: f.Origin + api.Time(i)*api.Time(v.Step), Mean: float64(f.Mean[i]),
			Lo80: float64(f.Lo80[i]), Hi80: float64(f.Hi80[i]), Lo95: float64(f.Lo95[i]), Hi95: float64(f.Hi95[i]),
		}
	}
	return out
}

// sorted lists tracks by series and view. mu is held.
func (o *Outlook) sorted(prefix string) (out []*track) {
	for k, t := range o.tracks {
		if strings.HasPrefix(k.name, prefix) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *track) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.View, b.View)) })
	return out
}

// Scores are the grades of every forecast that was followed to its end or is being
// followed, by model and distance.
func (o *Outlook) Scores(prefix string) []api.ForecastScore {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := []api.ForecastScore{}
	for _, t := range o.sorted(prefix) {
		for _, m := range t.view.Models {
			if marks, ok := t.Marks[m]; ok {
				out = append(out, t.scores(m, &marks)...)
			}
		}
	}
	return out
}

func (t *track) scores(model string, m *mark) (out []api.ForecastScore) {
	base, from := t.Marks[naive], 1
	for i, b := range m {
		s := api.ForecastScore{
			Series: t.Name, View: t.View, Model: model, InForce: model == t.Model, From: from, To: bands[i], N: b.N,
		}
		from = bands[i] + 1
		if b.N == 0 {
			continue
		}
		n := float64(b.N)
		s.MAE, s.Pinball = b.Abs/n, b.Pinball/n
		s.Coverage80, s.Coverage95 = float64(b.In80)/n, float64(b.In95)/n
		if b.ScaledN > 0 {
			v := b.Scaled / float64(b.ScaledN)
			s.MASE = &v
		}
		if base[i].N > 0 {
			v := base[i].Abs / float64(base[i].N)
			s.NaiveMAE = &v
		}
		out = append(out, s)
	}
	return out
}

// Anomalies are the latest values far outside of what was expected, the newest last.
func (o *Outlook) Anomalies() []api.Anomaly {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]api.Anomaly{}, o.anomalies...)
}
