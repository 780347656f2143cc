package bench

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// lineRun is the line under one way to decide.
type lineRun struct {
	*line
	o      *LineOptions
	jobs   []lineJob
	way    string
	world  *twin.World
	sent   []twin.Arrival // jobs as they are submitted; where to is settled just before
	learnt *calibrate.Durations
	fates  []fate
}

// fate is what became of a job.
type fate struct {
	took float64 // s; 0: it has not ended
	bad  bool    // without success
}

// run lets the jobs come and decides of each, just before it comes, where it is sent.
func (l *line) run(ctx context.Context, o LineOptions, jobs []lineJob, way string) (out lineResult, err error) {
	r := &lineRun{line: l, o: &o, jobs: jobs, way: way, learnt: calibrate.NewDurations(calibrate.Tuning{Prior: 1, HalfLife: 16}), fates: make([]fate, len(jobs))}
	cfg := twin.Config{Nodes: l.fleet.Nodes, Sites: l.fleet.Sites, Home: l.fleet.Home, Start: lineStart, Retain: 1, Seed: 1, Observe: r.ended}
	if way == byTurns {
		cfg.Strategy = byTurns
	}
	if r.world, err = twin.New(cfg); err != nil {
		return out, err
	}
	for i := range jobs {
		r.sent = append(r.sent, jobs[i].arrival(jobs[i].at, jobs[i].name(), jobs[i].run, nil))
	}
	if err = r.world.Begin(listed(r.sent)); err != nil {
		return out, err
	}
	stop := func() bool { return ctx.Err() != nil }
	from := lineStart.Add(o.Warm)
	begun, err := r.world.Advance(lineStart, stop)
	for i := range jobs {
		if err != nil || ctx.Err() != nil {
			return out, errors.Join(err, ctx.Err())
		}
		if jobs[i].at < from {
			continue
		}
		var now twin.Reading
		if now, err = r.world.Advance(jobs[i].at-1, stop); err == nil {
			err = r.decide(ctx, i, &out)
		}
		if begun.Joules == 0 {
			begun = now
		}
		if o.Done != nil {
			o.Done(1)
		}
	}
	end, err2 := r.world.Advance(from.Add(o.For), stop)
	out.kWh = (end.Joules - begun.Joules) / 3.6e6
	if _, err3 := r.world.Advance(from.Add(o.For+api.Day), stop); err == nil {
		err = errors.Join(err2, err3)
	}
	r.count(from, &out)
	return out, errors.Join(err, ctx.Err())
}

func listed(list []twin.Arrival) twin.Demand {
	i := -1
	return func() (a twin.Arrival, ok bool) {
		if i++; i >= len(list) {
			return a, false
		}
		return list[i], true
	}
}

// ended learns from a job's end.
func (r *lineRun) ended(e twin.Ended) {
	j := &r.jobs[e.Arrival]
	r.fates[e.Arrival] = fate{e.At.Sub(e.Submitted).Std().Seconds(), e.Status != api.TaskSucceeded}
	if e.Status == api.TaskSucceeded {
		r.learnt.Observe([]string{j.kind.Workload}, j.run.Std().Seconds()) // as its agent measured it, on the reference node
	}
}

// count sums up the jobs after the warm-up.
func (r *lineRun) count(from api.Time, out *lineResult) {
	for i := range r.jobs {
		if r.jobs[i].at < from {
			continue
		}
		out.jobs++
		f, deadline := r.fates[i], r.jobs[i].kind.spec.Deadline
		if f.bad || f.took == 0 || deadline > 0 && f.took > deadline.Std().Seconds() {
			out.failed++
		}
		if f.took == 0 { // it was given up at its deadline
			f.took = deadline.Std().Seconds()
		}
		out.seconds += f.took
	}
}

// decide settles where a job is sent, and judges some decisions in hindsight.
func (r *lineRun) decide(ctx context.Context, i int, out *lineResult) error {
	if r.way == byTurns {
		return nil
	}
	options := r.layers[r.jobs[i].kind.Workload]
	chosen := 0
	var truth [][]float64
	var err error
	every := max(len(r.jobs)/r.o.Judged, 1)
	if judged := i%every == 0; judged || r.way == byHindsight {
		if truth, err = r.losses(ctx, i, options, 1, true); err != nil {
			return err
		}
	}
	switch r.way {
	case byRehearsal:
		losses, err := r.losses(ctx, i, options, r.o.Worlds, false)
		if err != nil {
			return err
		}
		chosen = surest(losses)
	case byHindsight:
		chosen = least(means(truth))
	}
	r.sent[i].Workload.Tasks[0].Requires.Layers = options[chosen]
	if i%every == 0 {
		out.judged++
		if t := means(truth); t[chosen] <= t[least(t)]+tolerance {
			out.right++
		}
	}
	return nil
}

// tolerance is by how many seconds of loss a decision may be worse than the best one and
// still be right.
const tolerance = 0.5

// least is the first of those with the least loss; the strategy's own choice comes first, and is left only
// for one that is better by more than the tolerance.
func least(losses []float64) int {
	best := 0
	for i, l := range losses {
		if l < losses[best] && (best != 0 || l < losses[0]-tolerance/2) {
			best = i
		}
	}
	return best
}

// surest is the choice of the least mean loss among those that are no worse than the
// strategy's own in three of four worlds: the least of a few noisy means is often only lucky.
// Worlds of the same number meet the same run times and arrivals.
func surest(losses [][]float64) int {
	kept := means(losses)
	for k := range losses {
		worse := 0
		for i, l := range losses[k] {
			if l > losses[0][i]+tolerance {
				worse++
			}
		}
		if 4*worse > len(losses[k]) {
			kept[k] = math.Inf(1)
		}
	}
	return least(kept)
}

func means(losses [][]float64) []float64 {
	out := make([]float64, len(losses))
	for k, list := range losses {
		for _, l := range list {
			out[k] += l / float64(len(list))
		}
	}
	return out
}

// losses is what comes of each choice in each world: the completion time of all jobs that are there or
// come while it is looked at, and so much more for each that is late or fails.
func (r *lineRun) losses(ctx context.Context, i int, options [][]api.Layer, worlds int, truly bool) ([][]float64, error) {
	out := make([][]float64, len(options))
	for k, to := range options {
		for seed := range worlds {
			loss, err := r.look(ctx, i, to, seed, truly)
			if err != nil {
				return nil, err
			}
			out[k] = append(out[k], loss)
		}
	}
	return out, nil
}

func (r *lineRun) look(ctx context.Context, i int, to []api.Layer, seed int, truly bool) (float64, error) {
	st := *r.world.State()
	st.Histories, st.HistoryOrder = nil, nil // names never come back
	mine, err := journal.CopyState(&st)
	if err != nil {
		return 0, err
	}
	now := r.jobs[i].at - 1
	lost := 0 // jobs that end without success: also those that wait beyond their deadline
	w, err := twin.New(twin.Config{
		From: mine, Start: now, Seed: uint64(seed) + 1,
		Guess: func(w *state.Workload) []twin.Truth { return r.guess(mine, w, now, seed, truly) },
		Watch: func(_ api.Time, events []state.Event) {
			for _, ev := range events {
				if f, ok := ev.(*state.WorkloadFinished); ok && f.Status != api.WorkloadSucceeded {
					lost++
				}
			}
		},
	})
	if err == nil {
		err = w.Begin(listed(r.coming(i, to, seed, truly)))
	}
	if err != nil {
		return 0, err
	}
	got, err := w.Advance(now.Add(r.o.Look), func() bool { return ctx.Err() != nil })
	return got.JobSeconds + lateness*float64(got.Missed+got.Refused+int64(lost)), err
}

// coming is the job, and what comes after it: in truth, or in a rehearsal what came in an
// earlier time as long, each seed another one.
func (r *lineRun) coming(i int, to []api.Layer, seed int, truly bool) []twin.Arrival {
	j := &r.jobs[i]
	run := j.run
	if !truly {
		run = r.draw1(j, 0, seed)
	}
	out := []twin.Arrival{j.arrival(j.at, j.name(), run, to)}
	if truly {
		for k := i + 1; k < len(r.jobs) && r.jobs[k].at < j.at.Add(r.o.Look); k++ {
			next := &r.jobs[k]
			out = append(out, next.arrival(next.at, next.name(), next.run, nil))
		}
		return out
	}
	shift := api.Duration(seed+1) * r.o.Look
	for k := range i {
		then := &r.jobs[k]
		if at := then.at.Add(shift); at > j.at && at <= j.at.Add(r.o.Look) {
			out = append(out, then.arrival(at, "like-"+strconv.Itoa(k), r.draw1(then, 0, seed), nil))
		}
	}
	return out
}

// guess is how long what waits or runs will run.
func (r *lineRun) guess(st *state.State, w *state.Workload, now api.Time, seed int, truly bool) []twin.Truth {
	at := strings.LastIndexByte(w.Spec.Name, '-')
	n, err := strconv.Atoi(w.Spec.Name[at+1:])
	if err != nil || n >= len(r.jobs) {
		return nil
	}
	j := &r.jobs[n]
	out := twin.Truth{Run: j.run, In: j.kind.In, Out: j.kind.Out}
	if !truly {
		passed := api.Duration(0)
		for _, t := range w.Groups[0].Tasks {
			if node := st.Nodes[t.Node]; t.Status == api.TaskRunning && node != nil {
				passed = now.Sub(t.Started) * api.Duration(node.Speed) / 1000
			}
		}
		out.Run = r.draw1(j, passed, seed)
	}
	return []twin.Truth{out}
}

// draw1 draws how long a job runs in all that has run for a while, from what was learnt of its kind.
func (r *lineRun) draw1(j *lineJob, passed api.Duration, seed int) api.Duration {
	p := r.learnt.Predict([]string{j.kind.Workload}).Beyond(passed.Std().Seconds())
	if len(p) == 0 {
		return max(passed, api.Second)
	}
	chance := rand.New(rand.NewPCG(uint64(j.n), uint64(seed))).Float64()
	return max(api.Duration(p.Quantile(chance)*float64(api.Second)), 1)
}
