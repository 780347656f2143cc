// Package outlook keeps forecasts of a cell's series current: it fits models to them
// within a bounded share of a processor, keeps what they said with its origin, grades it
// when the truth arrives, and takes another model when that one has been better for long
// enough. Nothing of it decides; what it says enters decisions as an input.
package outlook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/series"
)

// View is a way to look at a series: at which step, how far back, how far ahead.
type View struct {
	Name    string
	Step    time.Duration
	History int           // steps that models learn from
	Horizon int           // steps ahead
	Seasons []int         // in steps
	Every   time.Duration // between forecasts
	Refit   time.Duration // between fits; in between models take in what has come
	Least   int           // values before anything is said
	Models  []string      // that compete, the first one in force; the last is snaive, by which all are measured
}

// Views are those of an outlook: the next half hour by minutes, the next week by hours.
func Views() []View {
	return []View{
		{Name: "minutes", Step: time.Minute, History: 360, Horizon: 30, Every: 5 * time.Minute, Refit: 30 * time.Minute, Least: 20, Models: []string{"ets", "regression", naive}},
		{Name: "hours", Step: time.Hour, History: 2000, Horizon: 168, Seasons: []int{24, 168}, Every: time.Hour, Refit: 24 * time.Hour, Least: 24, Models: []string{"auto", "theta", naive}},
	}
}

// Config is what an outlook works with. Series, Dir and Now are required.
type Config struct {
	Series *series.Store
	Dir    string          // of the files that hold what was said, and how good it was; made if it is missing
	Models Models          // holds what was fitted; nil: every forecast is of a new fit
	Now    func() api.Time // by which the series are dated
	// Share is the part of one processor that fitting may take, over time. Default 0.05.
	Share float64
	// Tracks bounds how many series and views are forecast. Default 400.
	Tracks int
	Views  []View // default Views
	Log    *slog.Logger
}

// Outlook forecasts series. Its methods are safe for concurrent use, but for Turn.
type Outlook struct {
	cfg Config

	// What fitting may take before it has to rest, and since when it was added to.
	budget time.Duration
	added  time.Time

	mu        sync.Mutex
	tracks    map[key]*track
	anomalies []api.Anomaly // the newest last
	counts    Counts
}

// Counts are what an outlook has done since it was opened.
type Counts struct {
	Fits, Failed, Anomalies, Switched, Damaged uint64
	Updated                                    uint64  // forecasts of models that were fitted before
	Graded                                     uint64  // values that a forecast was held against
	Seconds                                    float64 // spent on fitting
}

// key is what is forecast: a series as a view shows it.
type key struct{ name, view string }

const maxAnomalies = 200

// Open reads what was fitted before. A file that is damaged is removed, and what it
// held fitted anew.
func Open(cfg Config) (*Outlook, error) {
	if cfg.Series == nil || cfg.Dir == "" || cfg.Now == nil {
		return nil, errors.New("open outlook: it needs series, a folder and a clock")
	}
	cfg.Share = cmp.Or(cfg.Share, 0.05)
	cfg.Tracks = cmp.Or(cfg.Tracks, 400)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Views == nil {
		cfg.Views = Views()
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open outlook: make its folder: %w", err)
	}
	o := &Outlook{cfg: cfg, tracks: map[key]*track{}}
	if err := o.load(); err != nil {
		return nil, fmt.Errorf("open outlook: %w", err)
	}
	return o, nil
}

// turnEvery is how often an outlook looks whether there is something to do.
const turnEvery = 5 * time.Second

// Run keeps forecasts current until ctx ends.
func (o *Outlook) Run(ctx context.Context) {
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for o.Turn(func() bool { return ctx.Err() != nil }) && ctx.Err() == nil {
		}
	}
}

// Turn grades what has come true, then fits the one series that is due longest, unless
// the share of the processor is used up. It reports whether it fitted one.
func (o *Outlook) Turn(stop func() bool) bool {
	now := o.cfg.Now()
	o.follow()
	for _, v := range o.cfg.Views {
		if err := o.grade(v, now); err != nil {
			o.cfg.Log.Warn("forecasts could not be graded", "view", v.Name, "error", err)
		}
	}
	if !o.mayFit(time.Now()) || stop() {
		return false
	}
	t := o.due(now)
	if t == nil {
		return false
	}
	begin := time.Now()
	o.fit(t, now, stop)
	took := time.Since(begin)
	o.budget -= took
	o.mu.Lock()
	o.counts.Seconds += took.Seconds()
	o.mu.Unlock()
	return true
}

// burst is how much of its share fitting may save up.
const burst = 2 * time.Second

// mayFit reports whether there is something left of the share.
func (o *Outlook) mayFit(now time.Time) bool {
	if o.added.IsZero() {
		o.budget = burst
	} else {
		o.budget = min(o.budget+time.Duration(o.cfg.Share*float64(now.Sub(o.added))), burst)
	}
	o.added = now
	return o.budget > 0
}

// wanted ranks the series that are forecast by what depends on them; 0 is none.
func wanted(name string) int {
	for i, prefix := range []string{"arrivals/cell", "load/", "held/", "demand/", "signal/", "used/", "arrivals/", "cell/"} {
		if strings.HasPrefix(name, prefix) {
			return i + 1
		}
	}
	return 0
}

// follow begins to track series that are new, the most wanted first, and forgets those
// that are gone.
func (o *Outlook) follow() {
	list := o.cfg.Series.List()
	slices.SortStableFunc(list, func(a, b series.Info) int { return cmp.Compare(wanted(a.Name), wanted(b.Name)) })
	keep := map[key]bool{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range list {
		for _, v := range o.cfg.Views {
			if k := (key{s.Name, v.Name}); wanted(s.Name) > 0 && len(keep) < o.cfg.Tracks {
				keep[k] = true
				if o.tracks[k] == nil {
					o.tracks[k] = newTrack(s.Name, v)
				}
			}
		}
	}
	for k := range o.tracks {
		if !keep[k] {
			delete(o.tracks, k)
			_ = os.Remove(o.path(k)) // it may never have been written
		}
	}
}

// due is the track whose fit is due longest; nil when none is.
func (o *Outlook) due(now api.Time) *track {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first *track
	for _, t := range o.tracks { // order-free: the least of all, by time and name
		if t.Due <= now && (first == nil || t.before(first)) {
			first = t
		}
	}
	return first
}

func (t *track) before(u *track) bool {
	return cmp.Or(cmp.Compare(t.Due, u.Due), cmp.Compare(t.Name, u.Name), cmp.Compare(t.View, u.View)) < 0
}

// Counts is what was done so far.
func (o *Outlook) Counts() Counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts
}
