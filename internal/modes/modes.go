// Package modes grades the twin on a trace: how near it comes to what happens later,
// by how much it is told. The truth is a run of the twin on the trace itself, with
// the run times that the trace gives; a mode sees of it what a cell would have
// seen by then, and nothing that comes after.
package modes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// The modes by what they know.
const (
	Offline     = "offline"        // the first part of the trace, and the fleet
	OfflineWith = "offline-given"  // also which jobs come when, but not how long they run
	Replayed    = "offline-replay" // a trace of the past: each job runs as long as was learnt when it came
	Predictive  = "predictive"     // the cell as it stands at each step; arrivals are forecast
	LiveSync    = "live-sync"      // the cell as it stands at each step, mirrored often
)

// Options say what is graded.
type Options struct {
	Rows     []trace.Row // in the order of their submission, which is counted from the first
	Fleet    rehearse.Fleet
	Strategy string  // "" is the engine's own
	Split    float64 // share of the rows in the first part, which models are fitted to; 0.1 to 0.9
	// Window is what totals are graded over, Ahead how far the predictive mode looks, and
	// Sync how often live-sync mirrors the cell. Each is a multiple of the next.
	Window, Ahead, Sync api.Duration
	Windows             int // at most so many are graded, evenly spread; 0 is all
	Tasks               int // at most so many jobs are graded one by one, evenly spread
	Seeds               int // worlds of each prediction, 1 to 100
	// Done is told how many windows have passed, of how many; it may be nil.
	Done func(n, of int64)
}

// Report is how well each mode does.
type Report struct {
	FirstJobs      int              `json:"firstJobs"` // of the first part
	HeldOutJobs    int              `json:"heldOutJobs"`
	WindowSeconds  float64          `json:"windowSeconds"`
	Windows        int              `json:"windows"`            // that were graded
	OfWindows      int              `json:"windowsHeldOut"`     // of how many
	IdleShare      float64          `json:"idleEnergyShare"`    // of the energy, what the fleet draws doing nothing
	CPUUsed        float64          `json:"cpuUsedShare"`       // of the fleet, over the graded windows
	Tuning         calibrate.Tuning `json:"durations"`          // how run times are weighed, fitted to the first part
	ArrivalsModel  string           `json:"arrivalsForecastBy"` // chosen on the first part
	Modes          []Mode           `json:"modes"`
	WallSeconds    float64          `json:"wallSeconds"`
	RefusedOrFails int64            `json:"refusedOrFailed"` // in the run that is the truth
}

// Mode is how well one does. Accuracy is 100 − MAPE: the mean absolute percentage
// error of the totals of windows. Windows of which the truth is zero have no
// percentage; they are left out and counted.
type Mode struct {
	Mode               string  `json:"mode"`
	Knows              string  `json:"knows"`
	AheadSeconds       float64 `json:"aheadSeconds"` // between predictions; 0: a single one for all that is held out
	EnergyAccuracy     float64 `json:"energyAccuracyPercent"`
	CompletionAccuracy float64 `json:"completionAccuracyPercent"`
	IntervalCoverage   float64 `json:"intervalCoverage"` // of 80 % intervals of the energy of a step
	Energy             Errors  `json:"energy"`
	Completion         Errors  `json:"completion"`
	// EnergyAboveIdle is the weighted error of what is drawn beyond what the fleet draws
	// doing nothing: a fleet that is large beside its work flatters the others.
	EnergyAboveIdle float64  `json:"energyAboveIdleWeightedMape"`
	PerTask         *PerTask `json:"perTask,omitempty"`
}

// origin is the moment of the first row: a time of zero is none.
const origin = api.Time(api.Day)

// Bounds of what is held out: five minutes at a time, steps are for two years.
const (
	maxWindows = 10_000
	maxSteps   = 250_000
)

func (o *Options) validate() error {
	switch {
	case len(o.Rows) < 20 || len(o.Fleet.Nodes) == 0:
		return errors.New("it takes a fleet and at least 20 jobs")
	case !(o.Split >= 0.1 && o.Split <= 0.9):
		return errors.New("the first part is from a tenth to nine tenths of the jobs")
	case o.Sync < api.Second || o.Ahead <= 0 || o.Window <= 0 || o.Ahead%o.Sync != 0 || o.Window%o.Ahead != 0:
		return fmt.Errorf("a window of %v, %v ahead and a mirror every %v: each must be a multiple of the next, and the last at least a second", o.Window, o.Ahead, o.Sync)
	case o.Seeds < 1 || o.Seeds > 100 || o.Tasks < 0 || o.Windows < 0:
		return errors.New("it takes 1 to 100 seeds, and numbers of tasks and windows that are not negative")
	}
	return nil
}

// Grade runs all modes.
func Grade(ctx context.Context, o Options) (*Report, error) {
	began := time.Now()
	g, err := newGrader(o)
	if err != nil {
		return nil, fmt.Errorf("grade the modes: %w", err)
	}
	if err := errors.Join(g.first(ctx), ctx.Err()); err != nil {
		return nil, fmt.Errorf("grade the modes: %w", err)
	}
	offline, given, err := g.offline(ctx)
	if err == nil {
		err = g.walk(ctx)
	}
	var replayed []step
	if err == nil {
		replayed, err = g.replayed(ctx)
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("grade the modes: %w", err)
	}
	r := g.report(g.held(offline), g.held(given), g.held(replayed))
	r.WallSeconds = time.Since(began).Seconds()
	return r, nil
}

// grader goes through the held-out part.
type grader struct {
	Options
	cut      int      // rows before it are the first part
	split    api.Time // when the held-out part begins
	windows  int      // whole ones that are held out
	graded   []bool   // of the windows
	truth    *truth
	arrivals *arrivals
	tuning   calibrate.Tuning
	frozen   *calibrate.Durations // as they were at the split
	before   map[int]bool         // rows that had ended by then
	readings []twin.Reading       // at every mirroring from one window before the split on
	ahead    []step               // of the predictive mode
	sync     []step
	tasks    *tasks
	byHeart  *tasks  // the same ones in the offline mode that is given the jobs
	rate     float64 // of arrivals, in Ahead, as they were last forecast
	idle     float64
}

func newGrader(o Options) (*grader, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	g := &grader{Options: o, cut: int(o.Split * float64(len(o.Rows)))}
	g.split = origin.Add(o.Rows[g.cut].Submit)
	g.windows = int((o.Rows[len(o.Rows)-1].Submit - o.Rows[g.cut].Submit) / o.Window)
	if g.windows < 2 || o.Rows[g.cut].Submit < 2*o.Window {
		return nil, fmt.Errorf("the first part is %v and the rest %v long: a window of %v must fit into each twice", o.Rows[g.cut].Submit, o.Rows[len(o.Rows)-1].Submit-o.Rows[g.cut].Submit, o.Window)
	}
	if most := int(maxSteps / (o.Window / o.Sync)); g.windows > min(most, maxWindows) {
		return nil, fmt.Errorf("%d windows of %v with a mirror every %v are too many: at most %d windows, and %d mirrorings in all", g.windows, o.Window, o.Sync, maxWindows, maxSteps)
	}
	g.graded = spread(g.windows, o.Windows)
	var err error
	if g.truth, err = newTruth(&g.Options); err != nil {
		return nil, err
	}
	g.tasks = newTasks(g.thinned(), o.Rows)
	g.byHeart = newTasks(g.tasks.rows, o.Rows)
	g.idle, err = idleWatts(&g.Options)
	return g, err
}

// spread chooses at most so many of n, evenly.
func spread(n, most int) []bool {
	out := make([]bool, n)
	if most == 0 || most > n {
		most = n
	}
	for i := range most {
		out[(2*i+1)*n/(2*most)] = true
	}
	return out
}

// thinned are the rows that are graded one by one.
func (g *grader) thinned() (list []int) {
	end, n := g.end(), len(g.Rows)-g.cut
	for i, in := range spread(n, min(g.Tasks, n)) {
		if at := origin.Add(g.Rows[g.cut+i].Submit); in && g.Tasks > 0 && at > g.split && at <= end {
			list = append(list, g.cut+i)
		}
	}
	return list
}

// first lets the first part happen, and fits models to what was seen of it.
func (g *grader) first(ctx context.Context) error {
	stop := func() bool { return ctx.Err() != nil }
	from := g.split.Add(-g.Window)
	for at := from; at <= g.split; at = at.Add(g.Sync) {
		r, err := g.truth.world.Advance(at, stop)
		if err != nil {
			return err
		}
		g.readings = append(g.readings, r)
	}
	g.tuning = calibrate.Tune(g.truth.runs)
	g.truth.tuned(g.tuning)
	g.frozen = calibrate.NewDurations(g.tuning)
	g.before = map[int]bool{}
	for i := range g.truth.took {
		g.before[i] = true // order-free: a set
	}
	for i := range g.truth.runs {
		g.frozen.Observe(g.truth.runs[i].Keys, g.truth.runs[i].Took)
	}
	g.arrivals = newArrivals(g.Rows, g.cut, g.split, g.Ahead)
	return nil
}

// walk goes through the held-out part from mirroring to mirroring.
func (g *grader) walk(ctx context.Context) error {
	perWindow, perAhead := int(g.Window/g.Sync), int(g.Ahead/g.Sync)
	for k := range g.windows * perWindow {
		now := g.split.Add(api.Duration(k) * g.Sync)
		if g.Done != nil && k%perWindow == 0 {
			g.Done(int64(k/perWindow), int64(g.windows))
		}
		if g.graded[k/perWindow] {
			if err := g.look(ctx, k, now, perAhead); err != nil {
				return err
			}
		}
		if err := g.pass(ctx, now.Add(g.Sync)); err != nil {
			return err
		}
	}
	_, err := g.truth.world.Advance(g.end().Add(late), func() bool { return ctx.Err() != nil })
	g.tasks.learn(g.truth)
	g.byHeart.learn(g.truth)
	g.settle(perWindow, perAhead)
	return err
}

// late is how long after the last window the ends of jobs are still waited for.
const late = 30 * api.Day

// look predicts what comes next.
func (g *grader) look(ctx context.Context, k int, now api.Time, perAhead int) error {
	v := g.truth.view(now)
	if k%perAhead == 0 {
		g.rate = g.arrivals.expected(now)
		p, err := v.predict(ctx, now.Add(g.Ahead), g.Seeds, g.arrivals.from(now, g.Ahead, g.rate, g.Seeds, g.truth.learnt))
		if err != nil {
			return err
		}
		g.ahead = append(g.ahead, step{at: k, predicted: p})
	}
	few := g.rate / float64(perAhead)
	p, err := v.predict(ctx, now.Add(g.Sync), g.Seeds, g.arrivals.from(now, g.Sync, few, g.Seeds, g.truth.learnt))
	g.sync = append(g.sync, step{at: k, predicted: p})
	return err
}

// pass lets time pass to the next mirroring. Jobs that are graded one by one are
// looked at just before they come.
func (g *grader) pass(ctx context.Context, until api.Time) error {
	stop := func() bool { return ctx.Err() != nil }
	for row, ok := g.tasks.next(until); ok; row, ok = g.tasks.next(until) {
		before := origin.Add(g.Rows[row].Submit) - 1
		if _, err := g.truth.world.Advance(before, stop); err != nil {
			return err
		}
		if err := g.truth.view(before).task(ctx, g.tasks, row, g.Seeds); err != nil {
			return err
		}
	}
	r, err := g.truth.world.Advance(until, stop)
	g.readings = append(g.readings, r)
	return errors.Join(err, ctx.Err())
}

// settle puts the truth beside each prediction.
func (g *grader) settle(perWindow, perAhead int) {
	for _, list := range []struct {
		steps []step
		n     int
	}{{g.sync, 1}, {g.ahead, perAhead}} {
		for i := range list.steps {
			s := &list.steps[i]
			at := s.at + perWindow // in readings
			s.window = s.at / perWindow
			s.actual = between(g.readings[at], g.readings[at+list.n])
			s.before = between(g.readings[at-list.n], g.readings[at])
		}
	}
}

// held puts the truth beside what was told at the split; persistence is the last window
// before it.
func (g *grader) held(steps []step) []step {
	n := int(g.Window / g.Sync)
	for i := range steps {
		s := &steps[i]
		s.actual = between(g.readings[(s.window+1)*n], g.readings[(s.window+2)*n])
		s.before = between(g.readings[0], g.readings[n])
	}
	return steps
}

func (g *grader) report(offline, given, replayed []step) *Report {
	last := &g.readings[len(g.readings)-1]
	r := &Report{
		FirstJobs: g.cut, HeldOutJobs: len(g.Rows) - g.cut, WindowSeconds: g.Window.Std().Seconds(), OfWindows: g.windows,
		Tuning: g.tuning, ArrivalsModel: g.arrivals.name, RefusedOrFails: last.Refused + last.Failed,
	}
	watts, seconds := 0.0, 0.0
	for i := range offline {
		watts += offline[i].actual.joules
		seconds += g.Window.Std().Seconds()
	}
	r.Windows = len(offline)
	r.IdleShare = g.idle * seconds / watts
	r.CPUUsed = (watts/seconds - g.idle) / g.truth.full()
	idle := g.idle * g.Window.Std().Seconds()
	late := modeOf(OfflineWith, "the first part, the fleet, and which jobs come when", 0, given, idle)
	late.PerTask = g.byHeart.score()
	live := modeOf(LiveSync, "the cell as it stood at each mirroring", g.Sync, g.sync, idle)
	live.PerTask = g.tasks.score()
	r.Modes = append(r.Modes, modeOf(Offline, "the first part of the trace, and the fleet", 0, offline, idle), late,
		modeOf(Replayed, "the trace, and of each job the runs that had ended when it came", 0, replayed, idle),
		modeOf(Predictive, "the cell as it stood at each step, and arrivals up to then", g.Ahead, g.ahead, idle), live)
	return r
}

// Find gives a mode by its name; nil when there is none.
func (r *Report) Find(name string) *Mode {
	if i := slices.IndexFunc(r.Modes, func(m Mode) bool { return m.Mode == name }); i >= 0 {
		return &r.Modes[i]
	}
	return nil
}
