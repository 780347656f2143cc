package bench

import (
	"context"
	"errors"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
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
	last   []*lineJob     // the last one that came, by kind
	then   orders         // where later jobs are taken to go
	review api.Time       // when the orders are looked at next
	learnt *calibrate.Durations
	fates  []fate
	looks  int // worlds that were looked into

	sentTo  []int  // by job: the place among those of its kind
	resends int    // how often one was sent elsewhere after it came
	stood   string // how jobs stood when it was last decided about them anew
	frozen  []byte // the cell as it stands; nil when that has to be looked at
}

// fate is what became of a job.
type fate struct {
	took float64 // s; 0: it has not ended
	bad  bool    // without success
}

// run lets the jobs come and decides of each, just before it comes, where it is sent.
func (l *line) run(ctx context.Context, o LineOptions, seed uint64, jobs []lineJob, way string) (out lineResult, err error) {
	r, err := l.begin(&o, seed, jobs, way)
	if err != nil {
		return out, err
	}
	if err = r.pass(ctx, &out); err != nil {
		return out, err
	}
	r.count(lineStart.Add(o.Warm), &out)
	return out, ctx.Err()
}

// begin has the line stand ready for its jobs.
func (l *line) begin(o *LineOptions, seed uint64, jobs []lineJob, way string) (*lineRun, error) {
	r := &lineRun{
		line: l, o: o, jobs: jobs, way: way, last: make([]*lineJob, len(l.kinds)), then: make(orders, len(l.kinds)),
		learnt: l.past(seed), fates: make([]fate, len(jobs)), sentTo: make([]int, len(jobs)),
	}
	cfg := twin.Config{Nodes: l.fleet.Nodes, Sites: l.fleet.Sites, Home: l.fleet.Home, Start: lineStart, Retain: 1, Seed: 1, Observe: r.ended}
	if way == byTurns {
		cfg.Strategy = byTurns
	}
	var err error
	if r.world, err = twin.New(cfg); err != nil {
		return nil, err
	}
	for i := range jobs {
		j := &jobs[i]
		r.sent = append(r.sent, j.kind.arrival(j.at, j.name(), j.run, linePlace{}))
	}
	return r, r.world.Begin(listed(r.sent))
}

// pass lets the time pass, from decision to decision and until all is over.
func (r *lineRun) pass(ctx context.Context, out *lineResult) error {
	stop := func() bool { return ctx.Err() != nil }
	from := lineStart.Add(r.o.Warm)
	begun, graded := twin.Reading{}, 0
	for i := range r.jobs {
		j := &r.jobs[i]
		r.last[j.kind.at] = j
		if j.at < from {
			continue
		}
		now, err := r.world.Advance(j.at-1, stop)
		r.frozen = nil
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = r.decide(ctx, i, graded, out)
		}
		if err != nil {
			return err
		}
		if graded++; graded == 1 {
			begun = now
		}
		if r.o.Done != nil {
			r.o.Done(1)
		}
	}
	end, err := r.world.Advance(from.Add(r.o.For), stop)
	out.kWh = (end.Joules - begun.Joules) / 3.6e6
	_, err2 := r.world.Advance(from.Add(r.o.For+api.Day), stop)
	return errors.Join(err, err2)
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
	out.resends = r.resends
	for i := range r.jobs {
		if r.jobs[i].at < from {
			continue
		}
		out.jobs++
		f, k := r.fates[i], r.jobs[i].kind
		deadline := k.spec.Deadline
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
func (r *lineRun) decide(ctx context.Context, i, graded int, out *lineResult) error {
	if r.way == byTurns {
		return nil
	}
	j := &r.jobs[i]
	began, before := time.Now(), r.looks
	chosen, err := r.choose(ctx, i)
	if err != nil {
		return err
	}
	out.looks += r.looks - before
	out.spent += time.Since(began)
	r.send(i, chosen)
	if graded%r.o.every != 0 {
		return nil
	}
	truth := make([]float64, len(j.kind.places))
	for place := range truth {
		if truth[place], err = r.look(ctx, i, place, r.then, truly); err != nil {
			return err
		}
	}
	out.judged++
	if truth[chosen] <= slices.Min(truth)+tolerance {
		out.right++
	}
	return nil
}

// send has a job that is to come go to a place.
func (r *lineRun) send(i, place int) {
	r.jobs[i].kind.places[place].send(r.sent[i].Workload)
	r.sentTo[i] = place
}

// choose is where a job goes. When it is time it first reviews the orders for those after it, and then decides anew about
// those that are there. Without a rehearsal the strategy decides for all.
func (r *lineRun) choose(ctx context.Context, i int) (chosen int, err error) {
	if r.way == byEngine {
		return 0, nil
	}
	j, due := &r.jobs[i], r.jobs[i].at >= r.review
	if due {
		r.review = j.at.Add(r.o.Review)
		for _, k := range r.kinds {
			r.then[k.at], err = r.race(len(k.places), r.then[k.at], func(place, world int) (float64, error) {
				then := r.then.with(k.at, place)
				return r.look(ctx, i, then[j.kind.at], then, world)
			})
			if err != nil {
				return 0, err
			}
		}
	}
	if err := r.again(ctx, i, due); err != nil {
		return 0, err
	}
	return r.race(len(j.kind.places), r.then[j.kind.at], func(place, world int) (float64, error) {
		return r.look(ctx, i, place, r.then, world)
	})
}

// race takes the best of some choices: by as many worlds as a rehearsal has, or in hindsight by the true one.
func (r *lineRun) race(choices, kept int, look looker) (int, error) {
	if r.way == byHindsight {
		return race(choices, kept, 1, func(choice, _ int) (float64, error) { return look(choice, truly) })
	}
	return race(choices, kept, r.o.Worlds, look)
}
