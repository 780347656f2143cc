package rehearse

import (
	"cmp"
	"math"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
	"drover.dev/internal/engine"
	"drover.dev/internal/twin"
)

// maxNews bounds what is kept of a past: a year of ten signals, hour by hour.
const maxNews = 100_000

// heard notes news of a signal as the cell had it. Of a past that is too long the first
// are forgotten.
func (p *pastReader) heard(s *api.Signal, now api.Time) {
	if len(p.news) == maxNews {
		p.news = slices.Delete(p.news, 0, maxNews/2)
	}
	p.news = append(p.news, twin.News{At: now, Input: &engine.PutSignal{Signal: *s}})
}

// Replay has a plan take place at the time of this past, with what it heard of signals
// then, and with what they turned out to be for its accounts.
func (p *Past) Replay(to *Plan) {
	to.Start, to.News = p.Began, p.News
	to.Carbon, to.Prices = p.truth(api.SignalCarbon, 1e-3), p.truth(api.SignalPrice, 1e-6)
	to.Temperature, to.Generation = p.truth(api.SignalTemperature, 1e-3), p.truth(api.SignalGeneration, 1e-3)
}

// truth is what signals turned out to be, by zone or tariff: the values that were no
// forecasts when they were told. Prices are those in EUR, as the accounts are.
func (p *Past) truth(kind api.SignalKind, unit float64) map[string]*twin.Signal {
	values := map[string]map[api.Time]float64{}
	for _, n := range p.News {
		s := &n.Input.(*engine.PutSignal).Signal //nolint:errcheck // heard made it
		if s.Kind != kind || kind == api.SignalPrice && s.Currency != "EUR" {
			continue
		}
		of := values[s.Zone]
		if of == nil {
			of = map[api.Time]float64{}
			values[s.Zone] = of
		}
		for i, v := range s.Values[:min(int(s.Known), len(s.Values))] {
			of[s.Start.Add(api.Duration(i)*s.Step)] = float64(v) * unit
		}
		if len(s.Values) == 0 && s.Usual != 0 && len(of) == 0 {
			of[n.At], of[n.At.Add(api.Hour)] = float64(s.Usual)*unit, float64(s.Usual)*unit
		}
	}
	out := map[string]*twin.Signal{}
	for _, zone := range sortedNames(values) {
		points := make([]twin.Point, 0, len(values[zone]))
		for at, v := range values[zone] { // order-free: sorted below
			points = append(points, twin.Point{At: at, Value: v})
		}
		slices.SortFunc(points, func(a, b twin.Point) int { return cmp.Compare(a.At, b.At) })
		if s, err := twin.NewSignal(points); err == nil { // one point alone says nothing
			out[zone] = s
		}
	}
	return out
}

// How a source of a plan's signals is imitated.
const (
	heraldPast  = 60 * 24 // hours before the start that forecasts learn from at the most
	heraldAhead = 48      // hours that they reach
)

// heralds tells the cell of the plan's signals: what was recorded, or, hour by hour, the
// hour's value and a forecast for two days that has seen only what was before, with
// prices known as they are published.
func (p *Plan) heralds() twin.Herald {
	if p.News != nil {
		return twin.Recorded(p.News)
	}
	var list []*source
	told := map[string]bool{}
	tell := func(kind api.SignalKind, zone string, signal *twin.Signal, unit float64) {
		if key := api.SignalKey(kind, zone); signal != nil && zone != "" && !told[key] {
			told[key] = true
			list = append(list, newSource(kind, zone, signal, unit, p.Start))
		}
	}
	for i := range p.Fleet.Sites {
		s := &p.Fleet.Sites[i]
		tell(api.SignalCarbon, s.Zone, pick(p.Carbon, s, s.Zone), 1e3)
		tell(api.SignalPrice, tariffOf(s), pick(p.Prices, s, tariffOf(s)), 1e6)
		tell(api.SignalTemperature, s.Zone, pick(p.Temperature, s, s.Zone), 1e3)
		tell(api.SignalGeneration, s.Name, pick(p.Generation, s, s.Zone), 1e3)
	}
	if len(list) == 0 {
		return nil
	}
	hour, next := 0, 0
	return func() (twin.News, bool) {
		at := p.Start.Add(api.Duration(hour) * api.Hour)
		n := twin.News{At: at, Input: &engine.PutSignal{Signal: list[next].at(hour)}}
		if next++; next == len(list) {
			hour, next = hour+1, 0
		}
		return n, true
	}
}

// source imitates where a signal comes from.
type source struct {
	signal  api.Signal
	truth   *twin.Signal
	unit    float64
	from    api.Time // hour 0 of what is learnt
	learn   int      // hours before the start
	predict predictor
	seen    int
	where   *time.Location // of the market
}

func newSource(kind api.SignalKind, zone string, truth *twin.Signal, unit float64, start api.Time) *source {
	s := &source{signal: api.Signal{Kind: kind, Zone: zone, Step: api.Hour, Origin: "rehearsal"}, truth: truth, unit: unit}
	if kind == api.SignalPrice {
		s.signal.Currency = "EUR"
	}
	begin := start - start%api.Time(api.Hour)
	s.learn = max(min(heraldPast, int(begin.Sub(truth.First())/api.Hour)), 0)
	s.from = begin.Add(-api.Duration(s.learn) * api.Hour)
	s.predict, _ = newPredictor(ForecastAuto, 24, heraldAhead) // constants that it takes
	s.where, _ = cron.Zone(MarketZone)                         // and one that there is
	return s
}

// value is the mean of an hour, in the signal's unit.
func (s *source) value(hour int) float64 {
	at := s.from.Add(api.Duration(hour) * api.Hour)
	return s.truth.Mean(at, at.Add(api.Hour))
}

// at is what is said at an hour from the start on: the two days before, this hour, for
// prices what is published, and what is expected behind.
func (s *source) at(hour int) api.Signal {
	now := s.learn + hour
	known := now + 1
	if s.signal.Kind == api.SignalPrice {
		known = int(publishedUntil(s.from.Add(api.Duration(now)*api.Hour), s.where).Sub(s.from) / api.Hour)
	}
	for ; s.seen < known; s.seen++ {
		s.predict.Observe(s.value(s.seen))
	}
	first := max(now-int(api.SignalPast/api.Hour), 0)
	out := s.signal
	out.Start = s.from.Add(api.Duration(first) * api.Hour)
	out.Issued = s.from.Add(api.Duration(now) * api.Hour)
	out.Known = int32(known - first)
	least, most := api.SignalMost(out.Kind)
	add := func(v float64) {
		out.Values = append(out.Values, int64(min(max(math.Round(v*s.unit), float64(least)), float64(most))))
	}
	for h := first; h < known; h++ {
		add(s.value(h))
	}
	ahead := make([]float64, heraldAhead)
	s.predict.Predict(ahead)
	sum := 0.0
	for _, v := range ahead {
		add(v)
		sum += v
	}
	out.Usual = int64(sum / heraldAhead * s.unit)
	for h := range heraldAhead { // grows as that of sources that give none
		out.Spread = append(out.Spread, int64(math.Abs(float64(out.Usual))*(0.05+0.2*math.Sqrt(float64(h+1)/heraldAhead))))
	}
	out.Usual = min(max(out.Usual, least), most)
	return out
}
