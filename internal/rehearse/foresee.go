package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Question asks what would come of a job in a cell as it stands.
type Question struct {
	State *state.State // of the cell; it is copied, not changed
	Now   api.Time     // when the worlds begin, at the state's time or later
	At    api.Time     // when the job comes, at Now or later
	// Workload is a job without a schedule, normalised and validated, with
	// artifacts in the place of files. Profiles are those of its tasks.
	Workload *api.Workload
	Profiles []api.Profile
	Changes  []Change                // of the fleet, from Now on
	Startup  map[string]twin.Startup // by driver
	// Came are the last jobs that came, in order: each world meets others like them until
	// the job has ended. With ten or less nothing else comes.
	Came    []Came
	Seeds   int          // pairs of worlds, 1 to 1000
	Horizon api.Duration // how far after At is looked at
	// Intensity of the grid in g CO2e/kWh and Price in EUR/kWh.
	Intensity, Price float64
	Workers          int // seeds at a time
	Done             func(seeds int)
	Check            bool // see twin.Config

	alike Alike
}

// RefusedError says that the cell would not accept the job.
type RefusedError struct{ Why string }

// Error says why.
func (e *RefusedError) Error() string { return "the cell would not accept it: " + e.Why }

func (q *Question) validate() error {
	switch {
	case q.Seeds < 1 || q.Seeds > 1000:
		return errors.New("it takes 1 to 1000 seeds")
	case q.Horizon <= 0 || q.Horizon > api.MaxDuration:
		return fmt.Errorf("the horizon is more than 0s and at most %s", api.MaxDuration)
	case q.At < q.Now:
		return errors.New("the job cannot come in the past")
	case q.Workload.Kind != api.KindJob || q.Workload.Schedule != nil:
		return errors.New("what would come of it is known of jobs without a schedule: others do not end")
	}
	return nil
}

// Foresee runs, for each seed, the cell in virtual time with the job and without it.
// How long tasks run, also those that run already, is drawn from their profiles, or where
// no run is known from those of others, and is the same in both worlds. So is what comes besides, until the job has ended: the
// runs of schedules, and jobs like those that came.
func Foresee(ctx context.Context, q Question) (*Foreseen, error) {
	if err := q.validate(); err != nil {
		return nil, fmt.Errorf("look ahead: %w", err)
	}
	began := time.Now()
	q.alike = AlikeIn(q.State)
	q.Profiles = slices.Clone(q.Profiles)
	q.alike.profiles(q.Workload, q.Profiles, q.alike.all())
	effects := make([]effect, q.Seeds)
	err := inParallel(ctx, len(effects), q.Workers, q.Done, func(ctx context.Context, i int) error {
		end := q.At.Add(q.Horizon)
		with, made, err := q.world(ctx, uint64(i)+1, true, 0)
		if err != nil {
			return err
		}
		without, _, err := q.world(ctx, uint64(i)+1, false, min(orNever(with.asked.ended), end))
		if err == nil {
			effects[i] = effectOf(with, without, end)
			effects[i].made = made
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := q.sum(effects)
	out.WallSeconds = time.Since(began).Seconds()
	return out, nil
}

// world runs one world to its end; the one without the job up to the job's end. It says
// how many jobs came besides.
func (q *Question) world(ctx context.Context, seed uint64, with bool, until api.Time) (*witness, int, error) {
	st, err := journal.CopyState(q.State)
	if err != nil {
		return nil, 0, fmt.Errorf("look ahead: %w", err)
	}
	q.alike.Inform(st)
	draw := drawer{seed: seed, now: q.Now}
	cfg := twin.Config{
		From: st, Start: q.Now, Horizon: q.At.Sub(q.Now) + q.Horizon, Startup: q.Startup, Seed: seed, Check: q.Check, Until: until,
		Guess: func(w *state.Workload) []twin.Truth { return draw.truths(st, w) },
	}
	for _, c := range q.Changes {
		if err := c.apply(st, &cfg); err != nil {
			return nil, 0, err
		}
	}
	seen, why := newWitness(st, cfg.Nodes, q.Workload), "job "+q.Workload.Name+" is there already"
	cfg.Watch = seen.watch
	cfg.Refused = func(w *api.Workload, message string) {
		if w == q.Workload {
			why = message
		}
	}
	w, err := twin.New(cfg)
	if err != nil {
		return nil, 0, &WorldError{err}
	}
	come := q.coming(draw, func(now api.Time) bool {
		return with && seen.asked.ended != 0 || !with && until <= now
	})
	if _, err = w.Run(q.demand(draw, with, come), func() bool { return ctx.Err() != nil }); err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && with && seen.asked.nodes == nil {
		err = &RefusedError{why}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("look ahead with seed %d: %w", seed, err)
	}
	seen.settle()
	return seen, come.made, nil
}

// coming is what comes to a world besides the job, until over says so of the moment at
// which the last one came. On the copies of a state that changes of the fleet have
// touched, jobs are what they were.
func (q *Question) coming(draw drawer, over func(api.Time) bool) *coming {
	c := comingTo(q.State, q.Came, q.Now, draw, nil).nearTo(q.At)
	c.over, c.asked = func() bool { return over(c.at) }, q.Workload
	return c
}

// demand is the job, if it comes, among those that come besides. One is asked for when the one
// before it has come, so that worlds with the job and without it end the stream alike.
func (q *Question) demand(draw drawer, with bool, come *coming) twin.Demand {
	var held *twin.Arrival
	return func() (a twin.Arrival, ok bool) {
		if held != nil {
			a, held = *held, nil
			return a, true
		}
		a, ok = come.demand()
		if with && (!ok || q.At <= a.At) {
			if with = false; ok {
				next := a
				held = &next
			}
			return q.arrival(draw), true
		}
		return a, ok
	}
}

// arrival is the job that is asked about.
func (q *Question) arrival(draw drawer) twin.Arrival {
	a := twin.Arrival{At: q.At, Workload: q.Workload}
	for i := range q.Workload.Tasks {
		a.Truth = append(a.Truth, draw.truth(q.Workload, q.At, i, profileOf(q.Profiles, i)))
	}
	return a
}
