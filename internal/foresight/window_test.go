package foresight

import (
	"math"
	"testing"

	"drover.dev/api"
)

// rising is a forecast by minutes from a moment on: so much at first, one more a minute.
func rising(from api.Time, first float64, n int) *api.SeriesForecast {
	f := &api.SeriesForecast{Series: "held/cell/cpu", View: "minutes", Step: api.Minute, Origin: from}
	for i := range n {
		m := first + float64(i)
		f.Points = append(f.Points, api.ForecastPoint{At: from.Add(api.Duration(i) * api.Minute), Mean: m, Lo80: m - 1, Hi80: m + 1, Lo95: m - 2, Hi95: m + 2})
	}
	return f
}

func TestPeak(t *testing.T) {
	now := api.Time(100 * api.Minute)
	broken := rising(now, 10, 30)
	broken.Points[2].Hi80 = math.NaN()
	for _, c := range []struct {
		name     string
		forecast *api.SeriesForecast
		known    float64
		want     peak
		bad      bool
	}{
		{"from now on", rising(now, 10, 30), 10, peak{14, 16, now.Add(6 * api.Minute)}, false},
		{"of five minutes ago", rising(now.Add(-5*api.Minute), 10, 30), 15, peak{19, 21, now.Add(6 * api.Minute)}, false},
		{"that ends before the window", rising(now, 10, 2), 10, peak{12, 12, now.Add(2 * api.Minute)}, false},
		{"that misses what is known by five", rising(now, 10, 30), 15, peak{19, 21, now.Add(6 * api.Minute)}, false},
		{"below nothing", rising(now, -100, 30), -100, peak{0, 0, now.Add(6 * api.Minute)}, false},
		{"that is over", rising(now.Add(-30*api.Minute), 10, 30), 10, peak{}, true},
		{"that has not begun", rising(now.Add(api.Minute), 10, 30), 10, peak{}, true},
		{"without a word", &api.SeriesForecast{Step: api.Minute}, 10, peak{}, true},
		{"that is no number", broken, 10, peak{}, true},
		{"that has no end", rising(now, math.Inf(1), 30), 10, peak{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := window{now: now, soon: 3 * api.Minute, later: 5 * api.Minute, quantile: 0.9}
			got, err := w.peak(c.forecast, c.known)
			if got != c.want || (err != nil) != c.bad {
				t.Errorf("%+v, %v; want %+v, an error: %v", got, err, c.want, c.bad)
			}
		})
	}
}

func TestFarthest(t *testing.T) {
	now := api.Time(100 * api.Hour)
	minutes, hours := rising(now, 1, 30), rising(now, 1, 168)
	hours.Step = api.Hour
	list := []api.SeriesForecast{*minutes, *hours}
	for _, c := range []struct {
		later api.Duration
		list  []api.SeriesForecast
		want  api.Duration // step; 0: none
	}{
		{10 * api.Minute, list, api.Minute},
		{2 * api.Hour, list, api.Hour},
		{10 * api.Minute, []api.SeriesForecast{list[1], list[0]}, api.Minute},
		{2 * api.Hour, list[:1], api.Minute},
		{2 * api.Hour, nil, 0},
	} {
		got := window{now: now, later: c.later}.farthest(c.list, "held/cell/cpu")
		if c.want == 0 && got != nil || c.want != 0 && (got == nil || got.Step != c.want) {
			t.Errorf("%v ahead in %d forecasts: %+v", c.later, len(c.list), got)
		}
	}
	if got := (window{now: now}).farthest(list, "held/cell/memory"); got != nil {
		t.Errorf("another series: %+v", got)
	}
}
