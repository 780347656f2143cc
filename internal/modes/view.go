package modes

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"sync"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/journal"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// view is the cell as it stands at a moment. It is read, and copied for each world that
// goes on from it.
type view struct {
	truth *truth
	state *state.State
	now   api.Time
}

// quantities are what is graded.
type quantities struct {
	joules float64
	jobs   float64 // job-seconds, see twin.Reading
}

func between(a, b twin.Reading) quantities {
	return quantities{b.Joules - a.Joules, b.JobSeconds - a.JobSeconds}
}

// demandOf gives what is thought to come, by seed; nil is nothing.
type demandOf func(seed int) twin.Demand

// predict is the mean over the seeds of what passes until a moment.
func (v *view) predict(ctx context.Context, until api.Time, seeds int, demand demandOf) (quantities, error) {
	got := make([]quantities, seeds)
	err := each(seeds, func(seed int) error {
		w, err := v.world(seed, seeds, nil)
		if err == nil {
			err = w.Begin(demandFor(demand, seed))
		}
		if err != nil {
			return err
		}
		r, err := w.Advance(until, func() bool { return ctx.Err() != nil })
		got[seed] = quantities{r.Joules, r.JobSeconds}
		return err
	})
	var mean quantities
	for _, q := range got {
		mean.joules += q.joules / float64(seeds)
		mean.jobs += q.jobs / float64(seeds)
	}
	return mean, err
}

func demandFor(demand demandOf, seed int) twin.Demand {
	if demand == nil {
		return func() (a twin.Arrival, ok bool) { return a, false }
	}
	return demand(seed)
}

// each does n things side by side and waits for all.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// world goes on from the view, with run times that are drawn from what was learnt. The
// draws of the seeds are spread evenly over each job's distribution.
func (v *view) world(seed, of int, observe func(twin.Ended)) (*twin.World, error) {
	st, err := journal.CopyState(v.state)
	if err != nil {
		return nil, err
	}
	return twin.New(twin.Config{
		From: st, Start: v.now, Seed: uint64(seed) + 1, Observe: observe,
		Guess: func(w *state.Workload) []twin.Truth { return v.guess(st, w, seed, of) },
	})
}

// guess says how long a job will run in all that waits or runs.
func (v *view) guess(st *state.State, w *state.Workload, seed, of int) []twin.Truth {
	row, ok := v.truth.rowOf(w.Spec)
	if !ok || len(w.Groups) != 1 {
		return nil
	}
	r := &v.truth.rows[row]
	p := v.truth.learnt.Predict(keysOf(r))
	for _, t := range w.Groups[0].Tasks {
		if t.Status == api.TaskRunning {
			p = p.Beyond(passed(st.Nodes[t.Node], v.now.Sub(t.Started)))
			break
		}
	}
	out := twin.Truth{Run: drawn(p, w.Spec.Name, seed, of), Code: r.Program}
	return []twin.Truth{out}
}

// passed is how long something has run, in s on the reference node.
func passed(n *state.Node, d api.Duration) float64 {
	if n != nil && n.Speed > 0 {
		return d.Std().Seconds() * float64(n.Speed) / 1000
	}
	return d.Std().Seconds()
}

// unknown is how long a job is taken to run while no run was seen at all: a minute, as
// profiles assume.
const unknown = api.Minute

// drawn is the run time of a job in one of so many worlds: each takes another stratum
// of the distribution (McKay, Beckman and Conover, 1979, "A Comparison of Three Methods for
// Selecting Values of Input Variables").
func drawn(p calibrate.Distribution, name string, seed, of int) api.Duration {
	if len(p) == 0 {
		return unknown
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	stratum := r.Perm(of)[seed]
	s := p.Quantile((float64(stratum) + r.Float64()) / float64(of))
	return max(api.Duration(s*float64(api.Second)), 1)
}

// task predicts when a job that comes next will have ended.
func (v *view) task(ctx context.Context, to *tasks, row, seeds int) error {
	took := make([]float64, seeds)
	err := each(seeds, func(seed int) error {
		w, err := v.world(seed, seeds, func(e twin.Ended) {
			if e.Arrival == 0 && e.Task == 0 && e.Index == 0 {
				took[seed] = e.At.Sub(e.Submitted).Std().Seconds()
			}
		})
		if err != nil {
			return err
		}
		_, err = w.Run(v.one(row, seed, seeds), func() bool { return ctx.Err() != nil })
		return err
	})
	if err != nil {
		return err
	}
	to.predicted(row, took, v.truth)
	return nil
}

// one is the demand of a single job, which comes in a moment.
func (v *view) one(row, seed, of int) twin.Demand {
	r, done := &v.truth.rows[row], false
	return func() (a twin.Arrival, ok bool) {
		if done {
			return a, false
		}
		done = true
		a = rehearse.Arrival(r, row+1)
		a.At = v.now + 1
		a.Truth[0].Run = drawn(v.truth.learnt.Predict(keysOf(r)), a.Workload.Name, seed, of)
		a.Truth[0].CPU = 0
		return a, true
	}
}
