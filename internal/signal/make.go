package signal

import (
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/forecast"
)

// Plan is how a reading is made into a signal.
type Plan struct {
	Zone    string
	Model   string       // that goes on where the reading ends; "none" or "" is none
	Horizon api.Duration // up to where, from now on
}

func knownModel(name string) bool {
	return name == "none" || slices.Contains(forecast.Names(), name)
}

// How far a source's own forecast may be off, as part of the usual level: so much at
// once, and so much more after two days, growing with the square root of the time.
// Sources give no interval; day-ahead forecasts of carbon intensity are off by 5 to
// 15 % (Maji, Sitaraman and Shenoy, 2022, "CarbonCast").
const (
	spreadNow  = 0.05
	spreadMore = 0.20
)

// Make brings a reading to the grid of a signal, with forecasts up to the horizon.
func Make(r *Reading, p Plan, now api.Time) (*api.Signal, error) {
	g, err := r.Points.Grid(now.Add(-31 * api.Day))
	if err != nil {
		return nil, err
	}
	s := &api.Signal{
		Kind: r.Unit.Kind, Zone: p.Zone, Currency: r.Unit.Currency,
		Start: g.Start, Step: g.Step, Values: g.Integers(r.Unit.Factor), Origin: r.Origin, Issued: now,
	}
	for int(s.Known) < len(s.Values) && s.KnownUntil() < r.Known {
		s.Known++
	}
	s.Usual, s.UsualSpread = usual(s.Values[:max(int(s.Known), 1)])
	for i := range s.Values[s.Known:] {
		hours := (float64(i) + 1) * g.Step.Std().Hours()
		s.Spread = append(s.Spread, int64(math.Abs(float64(s.Usual))*(spreadNow+spreadMore*math.Sqrt(hours/48))))
	}
	if err := extend(s, g.Values, r.Unit.Factor, p, now); err != nil {
		return nil, err
	}
	cut(s, now)
	return s, nil
}

// usual is the mean of values, and half of the stretch in which four of five lie.
func usual(values []int64) (mean, spread int64) {
	sorted := slices.Sorted(slices.Values(values))
	n, sum := len(sorted), 0.0
	for _, v := range sorted {
		sum += float64(v)
	}
	return int64(sum / float64(n)), (sorted[(n-1)*9/10] - sorted[n/10]) / 2
}

// extend goes on behind the last value with a model, learnt from all of them.
func extend(s *api.Signal, values []float64, factor float64, p Plan, now api.Time) error {
	h := int(now.Add(p.Horizon).Sub(s.End()) / s.Step)
	h = min(h, api.MaxSignalValues-len(s.Values))
	if p.Model == "" || p.Model == "none" || h < 1 {
		return nil
	}
	model, err := forecast.New(p.Model, forecast.Options{Horizon: h})
	if err != nil {
		return err
	}
	fitted, err := model.Fit(forecast.Series{Values: values, Periods: []int{int(api.Day / s.Step)}})
	if err != nil {
		return err
	}
	f, err := fitted.Predict(h)
	if err != nil {
		return err
	}
	least, most := api.SignalMost(s.Kind)
	for i, v := range f.Mean {
		s.Values = append(s.Values, int64(min(max(math.Round(v*factor), float64(least)), float64(most))))
		s.Spread = append(s.Spread, int64(min(max((f.Hi80[i]-f.Lo80[i])/2*factor, 0), float64(most))))
	}
	return nil
}

// cut drops what a cell would not keep, and what is more than a signal may hold.
func cut(s *api.Signal, now api.Time) {
	old := 0
	for old < int(s.Known)-1 && s.Start.Add(api.Duration(old+1)*s.Step) <= now.Add(-api.SignalPast) {
		old++
	}
	s.Start, s.Values, s.Known = s.Start.Add(api.Duration(old)*s.Step), s.Values[old:], s.Known-int32(old)
	most := min(len(s.Values), api.MaxSignalValues, int(now.Add(api.MaxSignalAhead).Sub(s.Start)/s.Step))
	s.Values = s.Values[:most]
	s.Known = min(s.Known, int32(most))
	s.Spread = s.Spread[:most-int(s.Known)]
}
