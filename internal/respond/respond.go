package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy/response"
)

// Event is what a grid asks for.
type Event struct {
	Percent float64      // less than what the cell draws now
	Within  api.Duration // from now
	For     api.Duration
	DryRun  bool // only say what would be done
}

// Check says what is wrong with an event.
func (e Event) Check() error {
	switch {
	case !(e.Percent > 0 && e.Percent <= 100):
		return fmt.Errorf("a cell cannot draw %g %% less: write for example 20%%", e.Percent)
	case e.Within < api.Second || e.Within > api.Day:
		return fmt.Errorf("a cell responds within 1s to 24h, not within %s", e.Within)
	case e.For < api.Minute || e.For > 23*api.Hour:
		return fmt.Errorf("an event lasts for 1m to 23h, not for %s", e.For)
	}
	return nil
}

// Report is what was done, or would be.
type Report struct {
	BaselineWatts  float64  `json:"baselineWatts"` // before
	ReduceWatts    float64  `json:"reduceWatts"`   // asked for
	PlannedWatts   float64  `json:"plannedWatts"`
	ShortWatts     float64  `json:"shortWatts"` // that cannot be saved in time
	ReachedWatts   *float64 `json:"reachedWatts"`
	ReachedSeconds *float64 `json:"reachedSeconds"` // until the nodes to be emptied were empty; null: not in time
	Penalty        float64  `json:"penalty"`        // core-seconds, by priority
	Bound          float64  `json:"bound"`          // no plan has less
	Exact          bool     `json:"exact"`
	Stopped        []Stop   `json:"stopped"`
	Suspended      []Pause  `json:"suspended"`
	Missed         int      `json:"missed,omitempty"` // tasks that were to be suspended, and had ended or could not be any more
	Protected      int      `json:"protected"`        // nodes that are left alone
	Held           int      `json:"held"`             // tasks that wait meanwhile
	DryRun         bool     `json:"dryRun"`
	Seconds        float64  `json:"seconds"`
}

// Stop is a node whose tasks are stopped, to run again later.
type Stop struct {
	Node    string  `json:"node"`
	Tasks   int     `json:"tasks"`
	Watts   float64 `json:"watts"`
	Seconds float64 `json:"seconds"` // until they have stopped
	Penalty float64 `json:"penalty"`
	Sleeps  bool    `json:"sleeps,omitempty"` // the node then sleeps until the event is over
}

// Pause is a task that is held still, to go on later.
type Pause struct {
	Task    string  `json:"task"`
	Node    string  `json:"node"`
	Watts   float64 `json:"watts"`
	Seconds float64 `json:"seconds"` // until it stands still
	Penalty float64 `json:"penalty"`
}

// Shell is the outer world of a response.
type Shell struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Tell, which may be nil, is told what goes on.
	Tell func(text string)
	// Progress, which may be nil, is told how much of the event has passed.
	Progress func(passed api.Duration)
}

// Respond plans an event and, unless it is dry, carries it out: until it is over no node
// takes work, the chosen tasks stand still and the chosen nodes are emptied; then all goes
// on and takes work again, also when ctx ends before.
func Respond(ctx context.Context, c Cell, e Event, sh Shell) (r *Report, err error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	begin := sh.Now()
	s, err := Look(ctx, c, api.Time(begin.UnixNano()), e.For)
	if err != nil {
		return nil, err
	}
	r, pauses, err := s.plan(e)
	if err != nil || e.DryRun {
		return r, err
	}
	defer func() { r.Seconds = sh.Now().Sub(begin).Seconds() }()
	held, err := hold(ctx, c, s)
	defer func() { err = errors.Join(err, lift(ctx, c, held)) }()
	if err != nil {
		return r, err
	}
	lasts := e.For - api.Duration(sh.Now().Sub(begin))
	still, missed, err := suspend(ctx, c, batches(pauses), lasts, sh.Tell)
	defer resume(ctx, c, still)
	if r.Missed = missed; err != nil {
		return r, err
	}
	for _, stop := range r.Stopped {
		if err := c.Drain(ctx, stop.Node, api.DrainRequest{}); err != nil {
			return r, fmt.Errorf("empty node %s: %w", stop.Node, err)
		}
	}
	n := &naps{cell: c, tell: sh.Tell}
	for _, stop := range r.Stopped {
		if stop.Sleeps {
			n.awake = append(n.awake, stop.Node)
		}
	}
	defer func() { err = errors.Join(err, n.wake(ctx)) }()
	return r, r.last(ctx, c, e, begin, sh, n)
}

// plan says what to do about an event, and which tasks are to stand still.
func (s *Survey) plan(e Event) (r *Report, pauses []Task, err error) {
	r = &Report{BaselineWatts: s.Watts, ReduceWatts: s.Watts * e.Percent / 100, Held: s.Pending, DryRun: e.DryRun, Stopped: []Stop{}, Suspended: []Pause{}}
	p, actions, err := s.choose(response.Event{Reduce: r.ReduceWatts, Within: e.Within.Std().Seconds()})
	if err != nil {
		return nil, nil, err
	}
	r.PlannedWatts, r.ShortWatts, r.Penalty, r.Bound, r.Exact = p.Saves, p.Short, p.Penalty, p.Bound, p.Exact || p.Short > 0
	for i := range s.Nodes {
		if s.Nodes[i].Protected != "" {
			r.Protected++
		}
	}
	for _, a := range actions {
		n := &s.Nodes[a.node]
		if a.stop {
			stop := Stop{Node: n.Name, Tasks: n.Tasks, Watts: n.Watts, Seconds: n.After, Penalty: n.Penalty, Sleeps: a.sleep}
			if a.sleep {
				stop.Watts, stop.Seconds = n.Watts+n.Sleep, n.After+n.Down
			}
			r.Stopped = append(r.Stopped, stop)
			r.Held += n.Tasks
			continue
		}
		for _, t := range n.Holdable[a.first:a.behind] {
			r.Suspended = append(r.Suspended, Pause{t.Name, n.Name, t.Watts, reaction, t.Penalty})
			pauses = append(pauses, t)
		}
	}
	return r, pauses, nil
}

// holdFor is how long nodes would leave what runs on them alone, were the response never
// ended: the longest that a drain may wait.
const holdFor = api.Day

// takers are the states of nodes that take work, or would before an event is over: those
// that sleep are woken for what is stopped elsewhere, and what is emptied or overloaded may
// be in service again any minute.
var takers = []string{"ready", "emptying", "overloaded", "sleeping", "waking"}

// hold keeps nodes that take work from taking more, and tells which.
func hold(ctx context.Context, c Cell, s *Survey) (held []string, err error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the nodes: %w", err)
	}
	for i := range nodes {
		if n := &nodes[i]; n.Drained || !slices.Contains(takers, n.Status) {
			continue
		}
		held = append(held, nodes[i].Name) // also when the answer is lost
		if err := c.Drain(ctx, nodes[i].Name, api.DrainRequest{Grace: holdFor}); err != nil {
			return held, fmt.Errorf("keep node %s from taking work: %w", nodes[i].Name, err)
		}
	}
	return held, nil
}

// lift lets nodes take work again, also when ctx has ended.
func lift(ctx context.Context, c Cell, held []string) error {
	enough := 30*time.Second + time.Duration(len(held))*100*time.Millisecond
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enough)
	defer cancel()
	var errs []error
	for _, node := range held {
		if err := c.Drain(ctx, node, api.DrainRequest{Off: true}); err != nil {
			errs = append(errs, fmt.Errorf("node %s takes no work yet, let it with drover drain %s --off: %w", node, node, err))
		}
	}
	return errors.Join(errs...)
}

// last waits until the event is over, and measures what was reached in time, and whether
// that still stands when the time is over.
func (r *Report) last(ctx context.Context, c Cell, e Event, begin time.Time, sh Shell, n *naps) error {
	for held := false; ; {
		if err := n.take(ctx); err != nil {
			return err
		}
		passed := api.Duration(sh.Now().Sub(begin))
		if sh.Progress != nil {
			sh.Progress(passed)
		}
		again := !held && passed >= min(e.Within, e.For) // a node may have been asleep for a moment alone
		if held = held || again; again && r.ReachedSeconds != nil || r.ReachedSeconds == nil && passed <= e.Within {
			if err := r.measure(ctx, c, passed, sh); err != nil {
				return err
			}
		}
		if passed >= e.For {
			return nil
		}
		if err := sh.Sleep(ctx, min(time.Second, (e.For-passed).Std())); err != nil {
			return fmt.Errorf("wait for the end of the event: %w", err)
		}
	}
}

// measure looks whether the cell draws as much less as was planned.
func (r *Report) measure(ctx context.Context, c Cell, passed api.Duration, sh Shell) error {
	now, err := power(ctx, c, api.Time(sh.Now().UnixNano()))
	if err != nil {
		return err
	}
	less := r.BaselineWatts - now.Watts
	r.ReachedWatts = &less
	switch least := min(r.ReduceWatts, r.PlannedWatts) - 1e-6; {
	case less < least && r.ReachedSeconds != nil:
		r.ReachedSeconds = nil
		if sh.Tell != nil {
			sh.Tell(fmt.Sprintf("only %.0f W less after %.0f s", less, passed.Std().Seconds()))
		}
		return nil
	case less < least || r.ReachedSeconds != nil:
		return nil
	}
	seconds := passed.Std().Seconds()
	r.ReachedSeconds = &seconds
	if sh.Tell != nil {
		sh.Tell(fmt.Sprintf("%.0f W less after %.0f s", less, seconds))
	}
	return nil
}
