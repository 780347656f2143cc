package rehearse

import (
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/forecast"
	"drover.dev/internal/foresight"
)

// A leader forecasts what its tasks will hold from the minutes of the last six hours,
// every five minutes, by a model that it fits every half hour. The same is done here, by
// the model that is in force there at first, from what was seen of the world so far.
const (
	aheadModel   = "ets"
	aheadStep    = api.Minute
	aheadHistory = 360 // minutes
	aheadHorizon = 30
	aheadLeast   = 20
	aheadEvery   = 5
	aheadRefit   = 30
)

// looksAhead reports whether a cell of the plan may ask what its tasks will hold.
func (p *Plan) looksAhead() bool {
	for i := range p.Fleet.Sites {
		if r := p.Fleet.Sites[i].Rest; r != nil && r.Ahead > 0 {
			return true
		}
	}
	for i := range p.Declared {
		if r := p.Declared[i].Rest; r != nil && r.Ahead > 0 {
			return true
		}
	}
	return false
}

// foreseer forecasts what the tasks of a world will hold.
type foreseer struct {
	minute      api.Time // that is under way; 0: none yet
	cpu, memory heldSeries
}

func newForeseer() *foreseer {
	return &foreseer{cpu: heldSeries{name: foresight.CPU}, memory: heldSeries{name: foresight.Memory}}
}

// look is shown the cell, and says what is to be expected when that is news.
func (f *foreseer) look(now api.Time, e *engine.Engine) engine.Input {
	held := engine.HeldRoom(e.State())
	if minute := now - now%api.Time(aheadStep); minute != f.minute {
		f.minute = minute
		f.cpu.close(minute)
		f.memory.close(minute)
	}
	f.cpu.add(float64(held.CPU))
	f.memory.add(float64(held.Memory))
	if now%api.Time(30*api.Second) != 0 {
		return nil
	}
	return f.say(now, e)
}

// say is nil when there is nothing to say, or nobody asks.
func (f *foreseer) say(now api.Time, e *engine.Engine) engine.Input {
	asked := e.Ahead()
	if asked.Quantile == 0 || f.cpu.said == nil || f.memory.said == nil {
		return nil
	}
	in, err := foresight.Say(asked, []api.SeriesForecast{*f.cpu.said, *f.memory.said}, engine.HeldRoom(e.State()), now)
	if err != nil { // as without a forecast
		return nil
	}
	if !in.Renews(e.State(), now) {
		return nil
	}
	return in
}

// heldSeries is one series by minutes, and what is forecast of it.
type heldSeries struct {
	name   string
	sum    float64 // of the minute that is under way
	n      int
	values []float64
	kept   *forecast.Kept // fitted, and carried on by what came since
	since  int            // values since the fit
	fresh  []float64      // those that the model has not seen
	said   *api.SeriesForecast
}

func (h *heldSeries) add(v float64) { h.sum, h.n = h.sum+v, h.n+1 }

// close ends a minute, and forecasts anew when it is time.
func (h *heldSeries) close(at api.Time) {
	if h.n == 0 {
		return
	}
	v := h.sum / float64(h.n)
	h.sum, h.n = 0, 0
	if h.values = append(h.values, v); len(h.values) > aheadHistory {
		h.values = h.values[1:]
	}
	h.fresh = append(h.fresh, v)
	h.since++
	if len(h.values) < aheadLeast || time.Duration(at)%(aheadEvery*time.Minute) != 0 {
		return
	}
	if err := h.learn(); err != nil {
		h.kept, h.said = nil, nil // as without a forecast
		return
	}
	h.forecast(at)
}

// learn has the model take in what has come, by a fit when that is due.
func (h *heldSeries) learn() error {
	if h.kept != nil && h.since < aheadRefit {
		next, err := h.kept.Extend(h.fresh)
		if err != nil {
			return err
		}
		h.kept, h.fresh = &next, nil
		return nil
	}
	m, err := forecast.New(aheadModel, forecast.Options{Horizon: aheadHorizon, Seed: 1})
	if err != nil {
		return err
	}
	fits, err := forecast.FitEach(m, []forecast.Series{{Values: h.values}}, forecast.Run{})
	if err != nil {
		return err
	}
	k := forecast.Keep(fits[0], h.values)
	h.kept, h.fresh, h.since = &k, nil, 0
	return nil
}

func (h *heldSeries) forecast(at api.Time) {
	p, err := h.kept.Fitted.Predict(aheadHorizon)
	if err != nil {
		h.said = nil
		return
	}
	h.said = &api.SeriesForecast{Series: h.name, Step: aheadStep, Model: aheadModel, Origin: at, Points: make([]api.ForecastPoint, len(p.Mean))}
	for i := range h.said.Points {
		h.said.Points[i] = api.ForecastPoint{
			At: at.Add(api.Duration(i) * aheadStep), Mean: p.Mean[i], Lo80: p.Lo80[i], Hi80: p.Hi80[i], Lo95: p.Lo95[i], Hi95: p.Hi95[i],
		}
	}
}
