package live

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/series"
)

// prospect answers what the API asks of this server's series.
type prospect struct {
	*observer
	cell *Cell
}

var _ httpapi.Outlook = prospect{}

// Outlook implements httpapi.Cell.
func (c *Cell) Outlook() httpapi.Outlook {
	if c.observer == nil {
		return nil
	}
	return prospect{c.observer, c}
}

// Series implements httpapi.Outlook.
func (o prospect) Series(prefix string) api.SeriesList {
	out := api.SeriesList{Items: []api.SeriesInfo{}, Bytes: api.Bytes(o.store.Bytes())}
	for _, i := range o.store.List() {
		if strings.HasPrefix(i.Name, prefix) {
			out.Items = append(out.Items, infoOf(i))
		}
	}
	return out
}

func infoOf(i series.Info) api.SeriesInfo {
	return api.SeriesInfo{Name: i.Name, Kind: i.Kind.String(), Last: i.Last}
}

// SeriesPoints implements httpapi.Outlook.
func (o prospect) SeriesPoints(q api.SeriesQuery) (api.SeriesView, error) {
	s, err := o.store.Read(q.Name, series.Range{From: q.Since, To: q.Until, Step: time.Duration(q.Step)})
	switch {
	case errors.Is(err, series.ErrUnknown):
		return api.SeriesView{}, fmt.Errorf("%w as %q", httpapi.ErrNoSeries, q.Name)
	case errors.Is(err, series.ErrRange):
		return api.SeriesView{}, fmt.Errorf("%w: %w", httpapi.ErrBadRange, series.ErrRange)
	case err != nil:
		return api.SeriesView{}, err
	}
	v := api.SeriesView{SeriesInfo: infoOf(s.Info), Step: api.Duration(s.Step), Points: make([]api.SeriesPoint, len(s.Points))}
	for i, p := range s.Points {
		v.Points[i] = api.SeriesPoint{At: p.At, Value: p.Value(s.Kind), N: p.N, Min: p.Min, Max: p.Max}
	}
	return v, nil
}

// Forecasts implements httpapi.Outlook.
func (o prospect) Forecasts(prefix string) api.ForecastList {
	return api.ForecastList{Items: o.ahead.Forecasts(prefix)}
}

// ForecastScores implements httpapi.Outlook.
func (o prospect) ForecastScores(prefix string) api.ForecastScores {
	return api.ForecastScores{Items: o.ahead.Scores(prefix), Anomalies: o.ahead.Anomalies()}
}

// FittedModels implements httpapi.Outlook.
func (o prospect) FittedModels(prefix string) api.FittedModelList {
	return api.FittedModelList{Items: o.ahead.FittedModels(prefix)}
}

// Capacity implements httpapi.Outlook.
func (o prospect) Capacity(horizon api.Duration) (api.CapacityPlan, error) {
	return o.ahead.Capacity(horizon)
}
