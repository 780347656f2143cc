package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/signal"
)

// signals brings what is said of grids, prices and weather into the journal while this
// server leads.
func (c *Cell) signals(ctx context.Context) {
	w := &watchman{
		cell: c, sources: c.cfg.Signals.Sources(), due: map[string]time.Time{}, said: map[string]string{}, accepted: map[string]api.Time{},
		busy: map[string]bool{}, slots: make(chan struct{}, atOnce), replies: make(chan reply),
	}
	tick := time.NewTicker(c.cfg.SignalTick)
	defer tick.Stop()
	select {
	case <-ctx.Done():
		return
	case <-c.ready:
	}
	defer w.asking.Wait()
	for {
		if c.leading.Load() {
			w.look(ctx)
		} else {
			clear(w.due) // a new leader asks at once
		}
		select {
		case <-ctx.Done():
			return
		case r := <-w.replies:
			delete(w.busy, r.key)
			if c.leading.Load() {
				w.tell(r.key, r.fault)
				w.put(ctx, r.news)
			}
		case <-tick.C:
		}
	}
}

// watchman knows which source is to be asked when. A slow one keeps nobody waiting.
type watchman struct {
	cell    *Cell
	sources []signal.Source
	due     map[string]time.Time
	said    map[string]string // the last trouble of each source in the log
	busy    map[string]bool   // those that are asked now
	// accepted is from when on an operator takes what each source says to be true.
	accepted map[string]api.Time
	asking   sync.WaitGroup
	slots    chan struct{}
	replies  chan reply
}

// reply is what came of asking a source.
type reply struct {
	key   string
	news  *api.Signal
	fault error
}

// atOnce is how many sources are asked at the same time.
const atOnce = 8

// look asks the sources that are due, and sees to zones of which nothing is known.
func (w *watchman) look(ctx context.Context) {
	if !w.cell.cfg.Signals.NoDefaults {
		w.average(ctx)
	}
	w.hurry(ctx)
	var asked []signal.Source
	now := time.Now()
	for _, s := range w.sources {
		if key := s.Key(); !w.busy[key] && !now.Before(w.due[key]) {
			asked = append(asked, s)
			w.due[key], w.busy[key] = now.Add(s.Every()), true
		}
	}
	known := w.known(ctx, asked)
	for _, s := range asked {
		w.asking.Go(func() { w.ask(ctx, s, known[s.Key()]) })
	}
}

// hurry asks the sources at once whose values an operator has accepted.
func (w *watchman) hurry(ctx context.Context) {
	for key, s := range w.known(ctx, w.sources) { // order-free: each by itself
		if s.Accepted > w.accepted[key] && s.Accepted <= w.cell.cfg.Wall() {
			w.accepted[key] = s.Accepted
			delete(w.due, key)
		}
	}
}

// ask asks one source, in its turn.
func (w *watchman) ask(ctx context.Context, s signal.Source, last *api.Signal) {
	r := reply{key: s.Key()}
	select {
	case <-ctx.Done():
		return
	case w.slots <- struct{}{}:
	}
	r.news, r.fault = w.cell.lookAt(ctx, s, last)
	<-w.slots
	select {
	case <-ctx.Done():
	case w.replies <- r:
	}
}

// lookAt asks a source, and gives what of its answer, or of its failure, is news.
func (c *Cell) lookAt(ctx context.Context, s signal.Source, last *api.Signal) (*api.Signal, error) {
	now := c.cfg.Wall()
	found, err := s.Look(ctx, c.cfg.SignalClient, last, now)
	if ctx.Err() != nil {
		return nil, nil
	}
	if err != nil {
		return signal.Trouble(s.Key(), last, err, now), err
	}
	return signal.News(last, found, now), nil
}

// known are the signals as they stand; what they point to never changes.
func (w *watchman) known(ctx context.Context, of []signal.Source) map[string]*api.Signal {
	out := map[string]*api.Signal{}
	if len(of) == 0 {
		return out
	}
	_, err := w.cell.View(ctx, 0, func(e *engine.Engine) {
		for _, s := range of {
			if known := e.State().Signals[s.Key()]; known != nil {
				out[s.Key()] = known
			}
		}
	})
	if err != nil && ctx.Err() == nil {
		w.cell.log.Warn("read what is known of signals", "error", err)
	}
	return out
}

// tell logs a source's trouble once, and when it is over.
func (w *watchman) tell(key string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch before := w.said[key]; {
	case err != nil && before == "":
		w.cell.log.Warn("a signal's source is of no use now: what was known is used on", "signal", key, "error", text)
	case err == nil && before != "":
		w.cell.log.Info("a signal's source is of use again", "signal", key)
	}
	w.said[key] = text
}

// put brings news into the journal.
func (w *watchman) put(ctx context.Context, s *api.Signal) {
	if s == nil {
		return
	}
	answers, _, err := w.cell.Do(ctx, []engine.Input{&engine.PutSignal{Signal: *s}})
	if err == nil && answers[0].Message != "" {
		err = fmt.Errorf("%s", answers[0].Message)
	}
	if err != nil && ctx.Err() == nil {
		w.cell.log.Warn("a signal was not recorded", "signal", s.Key(), "error", err)
		w.due[s.Key()] = time.Now().Add(time.Minute)
	}
}

// average puts the yearly mean of a country where a site stands in a zone of which
// nothing is known, and no source is declared.
func (w *watchman) average(ctx context.Context) {
	declared := map[string]bool{}
	for _, s := range w.sources {
		declared[s.Key()] = true
	}
	var zones []string
	_, err := w.cell.View(ctx, 0, func(e *engine.Engine) {
		st := e.State()
		for _, name := range st.SortedSites() {
			zone := st.Sites[name].Zone
			key := api.SignalKey(api.SignalCarbon, zone)
			if st.Signals[key] == nil && !declared[key] {
				declared[key] = true
				zones = append(zones, zone)
			}
		}
	})
	if err != nil {
		return
	}
	for _, zone := range zones {
		if s, ok := signal.Average(zone, w.cell.cfg.Wall()); ok {
			w.put(ctx, s)
		}
	}
}
