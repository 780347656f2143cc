package bench

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/profile"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// lateness is what a missed deadline counts in a rehearsal, in seconds of completion time.
const lateness = 60

// settling is how long a world goes on after the last arrival that is looked at, so that what
// has come ends: who looks only at what ends early sends long work anywhere.
const settling = api.Hour

// truly is the number of the world in which all comes as it will.
const truly = -1

// orders say where the jobs of each kind are sent that are not decided one by one: the position among its places.
type orders []int

func (o orders) with(kind, place int) orders {
	o = slices.Clone(o)
	o[kind] = place
	return o
}

// look is what comes of sending job i to a place and all later ones where the orders say, with some that are
// there sent elsewhere, in one world: the completion time of all jobs that are there or come while it is looked at, and so much more for
// each that is late.
func (r *lineRun) look(ctx context.Context, i, place int, then orders, world int, anew ...resent) (float64, error) {
	mine, err := r.copied()
	if err != nil {
		return 0, err
	}
	r.looks++
	now := r.jobs[i].at - 1
	w, err := twin.New(twin.Config{
		From: mine, Start: now, Seed: 1,
		Guess:    func(w *state.Workload) []twin.Truth { return r.guess(mine, w, now, world) },
		Settings: r.submissions(anew),
	})
	if err == nil {
		err = w.Begin(listed(r.coming(i, place, then, world)))
	}
	if err != nil {
		return 0, err
	}
	got, err := w.Advance(now.Add(r.o.Look+settling), func() bool { return ctx.Err() != nil })
	return got.JobSeconds + lateness*float64(got.Missed+got.Refused), err
}

// copied is the cell as it stands. Of the past it has what tells how long such tasks run: names never come back.
func (r *lineRun) copied() (*state.State, error) {
	if r.frozen == nil {
		if err := r.freeze(); err != nil {
			return nil, err
		}
	}
	return journal.DecodeState(r.frozen)
}

// freeze keeps the cell as it stands until time passes, or it is told something.
func (r *lineRun) freeze() (err error) {
	st := *r.world.State()
	shapes := map[string]bool{}
	st.HistoryOrder = slices.DeleteFunc(slices.Clone(st.HistoryOrder), func(key string) bool {
		shapes[key] = strings.HasPrefix(key, "shape ")
		return !shapes[key]
	})
	all := st.Histories
	st.Histories = map[string]*profile.History{}
	for _, key := range st.HistoryOrder {
		st.Histories[key] = all[key]
	}
	r.frozen, err = journal.EncodeState(&st)
	return err
}

// coming is the job, and what comes after it: in truth, or in a rehearsal what the plan of the line says, with
// delays, stops and random arrivals as they may be.
func (r *lineRun) coming(i, place int, then orders, world int) []twin.Arrival {
	j := &r.jobs[i]
	until := j.at.Add(r.o.Look)
	out := []twin.Arrival{j.kind.arrival(j.at, j.name(), r.runOf(j, 0, world), j.kind.places[place])}
	if world == truly {
		for k := i + 1; k < len(r.jobs) && r.jobs[k].at < until; k++ {
			next := &r.jobs[k]
			out = append(out, next.kind.arrival(next.at, next.name(), next.run, next.kind.places[then[next.kind.at]]))
		}
		return out
	}
	for at, k := range r.kinds {
		d := roll(uint64(j.n)<<16|uint64(world/2), uint64(at), world%2 == 1)
		came := func(when api.Time) {
			name := k.Workload + "-like-" + strconv.Itoa(len(out))
			out = append(out, k.arrival(when, name, r.learntRun(k, 0, d.chance()), k.places[then[at]]))
		}
		last := r.last[at]
		if last != nil {
			for g := last.member + 1; g < k.Group; g++ {
				came(max(last.at.Add(api.Duration(g-last.member)*apart), j.at+1))
			}
		}
		f := k.goOn(last, j.at, d)
		for when := f.next(); when < until; when = f.next() {
			for g := range k.Group {
				came(max(when.Add(api.Duration(g)*apart), j.at+1))
			}
		}
	}
	slices.SortStableFunc(out[1:], func(a, b twin.Arrival) int { return cmp.Compare(a.At, b.At) })
	return out
}

// goOn is the flow after the last job that has come: by the clock of the line if it comes by that, and as long as it may
// stand when a group is overdue.
func (k *lineKind) goOn(last *lineJob, now api.Time, d dice) *flow {
	f := &flow{k, d, now}
	if k.Jitter == 0 || last == nil {
		return f
	}
	f.slot = last.at.Add(-api.Duration(last.member)*apart - k.Jitter/2)
	if overdue := f.slot.Add(k.Every + k.Jitter); overdue < now {
		f.slot = now.Add(-k.Every + d.exponential(k.Stops.For))
	}
	return f
}

// guess is how long what waits or runs will run.
func (r *lineRun) guess(st *state.State, w *state.Workload, now api.Time, world int) []twin.Truth {
	j, passed := r.jobOf(w.Spec.Name), api.Duration(0)
	if j == nil {
		return nil
	}
	in := j.kind.In
	for _, t := range w.Groups[0].Tasks {
		node := st.Nodes[t.Node]
		switch {
		case node == nil:
		case t.Status == api.TaskRunning:
			passed = now.Sub(t.Started) * api.Duration(node.Speed) / 1000
		case t.Status == api.TaskPlaced:
			in = max(in-r.fetched(st, &node.Node, now.Sub(t.Placed)), 0)
		}
	}
	return []twin.Truth{{Run: r.runOf(j, passed, world), In: in, Out: j.kind.Out}}
}

// jobOf is the job of a name; nil when there is none.
func (r *lineRun) jobOf(name string) *lineJob {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil || n < 0 || n >= len(r.jobs) {
		return nil
	}
	return &r.jobs[n]
}

// fetched is what a task has got of its inputs since it was placed, if all that fetch now have shared the
// link: a world that goes on from a cell knows of no transfers.
func (r *lineRun) fetched(st *state.State, to *api.Node, since api.Duration) api.Bytes {
	rtt, rate := r.link(to)
	if rate == 0 {
		return 0
	}
	sharing := 0
	for _, name := range st.SortedNodes() {
		n := st.Nodes[name]
		for _, t := range n.SortedHeld() {
			if n.Site == to.Site && t.Status == api.TaskPlaced {
				sharing++
			}
		}
	}
	return api.Bytes((since - rtt).Std().Seconds() * float64(rate) / 8 / float64(max(sharing, 1)))
}

// runOf is how long a job runs in all that has run for a while: as it will, or drawn for a world.
func (r *lineRun) runOf(j *lineJob, passed api.Duration, world int) api.Duration {
	if world == truly {
		return j.run
	}
	u := dice{rand.New(rand.NewPCG(uint64(j.n), uint64(world/2))), world%2 == 1}.chance()
	return r.learntRun(j.kind, passed, u)
}

// learntRun is the quantile of what was learnt of a kind's runs, of those that take longer than what has passed.
func (r *lineRun) learntRun(k *lineKind, passed api.Duration, chance float64) api.Duration {
	p := r.learnt.Predict([]string{k.Workload}).Beyond(passed.Std().Seconds())
	if len(p) == 0 {
		return max(passed, api.Second)
	}
	return max(api.Duration(p.Quantile(chance)*float64(api.Second)), 1)
}
