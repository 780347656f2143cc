package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Waiting asks when jobs of a cell as it stands will start and end.
type Waiting struct {
	State *state.State // of the cell; it is copied, not changed
	Now   api.Time     // when the worlds begin, at the state's time or later
	Jobs  []uint64     // which of its workloads; those that have ended are left out of the answer
	// Besides is how long tasks took besides running, by driver, the last few times: each
	// world takes one of them.
	Besides map[string][]Besides
	// Came are the last jobs that came, in order: each world meets others like them. With
	// ten or less nothing else comes.
	Came    []Came
	Seeds   int          // worlds, 1 to 1000
	Horizon api.Duration // how far after Now is looked at
	Workers int          // worlds at a time
	Done    func(worlds int)
}

// Besides is how long a task takes besides running: from its placement to the record of
// its start, and from the end of its run to the record of that.
type Besides struct {
	Before api.Duration `cbor:"1,keyasint"`
	After  api.Duration `cbor:"2,keyasint"`
}

// BesidesOf are those of nodes that always take the same.
func BesidesOf(by map[string]twin.Startup) map[string][]Besides {
	out := make(map[string][]Besides, len(by))
	for driver, s := range by { // order-free: a copy
		out[driver] = []Besides{{s.Warm, s.Report}}
	}
	return out
}

// besides draws for a world.
func (q *Waiting) besides(seed uint64) map[string]twin.Startup {
	startup := map[string]twin.Startup{}
	for _, driver := range sortedNames(q.Besides) {
		if list := q.Besides[driver]; len(list) > 0 {
			b := list[rand.New(rand.NewPCG(seed, uint64(len(driver)))).IntN(len(list))]
			startup[driver] = twin.Startup{Cold: b.Before, Warm: b.Before, Report: b.After}
		}
	}
	return startup
}

// Awaited is what is foreseen of a job. Began is when it had begun already: then there
// is no Start.
type Awaited struct {
	Job   uint64
	Began api.Time
	Start grade.Quantiles
	End   grade.Quantiles
	Run   grade.Lengths // from its first element's start to its end
}

// Await runs, for each seed, the cell on in virtual time until the jobs have ended. As
// with [Foresee], how long tasks run is drawn from their profiles. Besides the runs of
// schedules come jobs like those that came. All jobs are told of by the same worlds.
func Await(ctx context.Context, q Waiting) ([]Awaited, error) {
	if q.Seeds < 1 || q.Seeds > 1000 || q.Horizon <= 0 || q.Horizon > api.MaxDuration || q.Now < q.State.Now {
		return nil, errors.New("look ahead: it takes 1 to 1000 seeds, a horizon, and a moment that the state does not lie behind")
	}
	jobs := q.open()
	if len(jobs) == 0 {
		return nil, nil
	}
	fates := make([][]fate, q.Seeds)
	err := inParallel(ctx, q.Seeds, q.Workers, q.Done, func(ctx context.Context, i int) (err error) {
		fates[i], err = q.world(ctx, uint64(i)+1, jobs)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Awaited, len(jobs))
	for i, id := range jobs {
		out[i] = q.awaited(id, i, fates)
	}
	return out, nil
}

// open are the jobs that have not ended and that the twin knows of.
func (q *Waiting) open() (out []uint64) {
	for _, id := range q.Jobs {
		w := q.State.Workloads[id]
		if w != nil && w.Spec.Kind == api.KindJob && !w.Status.Final() && !w.Stopping && !w.Away() && w.NextRun == 0 {
			out = append(out, id)
		}
	}
	return out
}

// world runs one world on until all jobs have ended.
func (q *Waiting) world(ctx context.Context, seed uint64, jobs []uint64) ([]fate, error) {
	st, err := journal.CopyState(q.State)
	if err != nil {
		return nil, fmt.Errorf("look ahead: %w", err)
	}
	draw := drawer{seed: seed, now: q.Now}
	cfg := twin.Config{
		From: st, Start: q.Now, Until: q.Now, Horizon: q.Horizon, Startup: q.besides(seed), Seed: seed,
		Guess: func(w *state.Workload) []twin.Truth { return draw.truths(st, w) },
	}
	seen := newWitness(st, nil, &api.Workload{})
	cfg.Watch = seen.watch
	w, err := twin.New(cfg)
	if err != nil {
		return nil, &WorldError{err}
	}
	over := seen.ended(jobs)
	come := q.coming(draw, over)
	if _, err = w.Run(come.demand, func() bool { return over() || ctx.Err() != nil }); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("look ahead with seed %d: %w", seed, err)
	}
	out := make([]fate, len(jobs))
	for i, id := range jobs {
		if f := seen.byID[id]; f != nil {
			out[i] = *f
		}
	}
	return out, nil
}

// awaited sums up what the worlds say of one job.
func (q *Waiting) awaited(id uint64, at int, fates [][]fate) Awaited {
	out := Awaited{Job: id, Began: Began(q.State.Workloads[id])}
	var starts, ends []api.Time
	var runs []api.Duration
	for _, f := range fates {
		began, ended := orNever(f[at].began), orNever(f[at].ended)
		if out.Began != 0 {
			began = out.Began
		}
		run := api.Duration(math.MaxInt64)
		if ended != never {
			run = ended.Sub(began)
		}
		starts, ends, runs = append(starts, began), append(ends, ended), append(runs, run)
	}
	out.End = grade.Quantiles(moments(ends))
	if out.Began == 0 {
		out.Start = grade.Quantiles(moments(starts))
	}
	if out.End.P90 != 0 { // else the longest are not known
		slices.Sort(runs)
		n := len(runs)
		out.Run = grade.Lengths{P10: runs[rank(0.1, n)], P50: runs[rank(0.5, n)], P90: runs[rank(0.9, n)]}
	}
	return out
}

// Began is when the first element of a workload began to run; 0: none has, as far as its
// state tells.
func Began(w *state.Workload) (first api.Time) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Started != 0 && (first == 0 || t.Started < first) {
				first = t.Started
			}
		}
	}
	return first
}
