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

// outlook answers what the API asks of this server's series.
type outlook struct{ *observer }

var _ httpapi.Outlook = outlook{}

// Outlook implements httpapi.Cell.
func (c *Cell) Outlook() httpapi.Outlook {
	if c.observer == nil {
		return nil
	}
	return outlook{c.observer}
}

// Series implements httpapi.Outlook.
func (o outlook) Series(prefix string) api.SeriesList {
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
func (o outlook) SeriesPoints(q api.SeriesQuery) (api.SeriesView, error) {
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
