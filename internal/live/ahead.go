package live

import (
	"context"
	"errors"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/foresight"
	"drover.dev/internal/outlook"
	"drover.dev/internal/state"
)

// aheadEvery is how often the leader looks whether what its tasks are expected to hold is
// news. Windows move on by the minute, forecasts come every five.
const aheadEvery = 30 * time.Second

// lookAhead has nodes awake for forecast demand until ctx ends.
func (c *Cell) lookAhead(ctx context.Context) {
	c.whileLeading(ctx, aheadEvery, "nodes are not woken ahead of demand", func() error {
		return c.foresee(ctx, c.observer.ahead, c.cfg.Wall())
	})
}

// foresee tells the engine what tasks are expected to hold, where it asks for that and it
// is news. While nothing is forecast yet there is nothing to tell.
func (c *Cell) foresee(ctx context.Context, ahead *outlook.Outlook, now api.Time) error {
	list := ahead.Forecasts(foresight.CPU)
	list = append(list, ahead.Forecasts(foresight.Memory)...)
	var in *engine.Foreseen
	var fault error
	if _, err := c.View(ctx, 0, func(e *engine.Engine) {
		asked := e.Ahead()
		if asked.Quantile == 0 || len(list) == 0 || unsaid(list) {
			return
		}
		if in, fault = foresight.Say(asked, list, engine.HeldRoom(e.State()), now); fault == nil && !in.Renews(e.State(), now) {
			in = nil
		}
	}); err != nil || fault != nil || in == nil {
		return errors.Join(err, fault)
	}
	answers, _, err := c.Do(ctx, []engine.Input{in})
	if err == nil && answers[0].Code != state.CodeOK {
		err = errors.New(answers[0].Message)
	}
	return err
}

// unsaid reports whether a series of those that are forecast has no forecast yet.
func unsaid(list []api.SeriesForecast) bool {
	said := map[string]bool{}
	for i := range list {
		said[list[i].Series] = said[list[i].Series] || len(list[i].Points) > 0
	}
	return !said[foresight.CPU] || !said[foresight.Memory]
}

// held adds what tasks hold, where the engine asks for a forecast of that.
func (s standing) held(e *engine.Engine) {
	if e.Ahead().Quantile > 0 {
		r := engine.HeldRoom(e.State())
		s.values[foresight.CPU], s.values[foresight.Memory] = float64(r.CPU), float64(r.Memory)
	}
}
