package bench

import (
	"context"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// aWhile is how long a job has been there before it is decided about anew: what ends
// sooner is not worth a second look.
const aWhile = 10 * api.Second

// resent is a job that is there and is sent elsewhere.
type resent struct{ job, to int }

// again decides anew about the jobs that are there, one after the other, when it is time to or they stand otherwise
// than when it last did: what ran has ended or was displaced, what waited has begun. Where a job was sent is kept unless another
// place is better, as in every race.
func (r *lineRun) again(ctx context.Context, i int, due bool) error {
	there, how := r.standing(r.jobs[i].at)
	if !due && how == r.stood {
		return nil
	}
	next := r.then[r.jobs[i].kind.at]
	for _, n := range there {
		kept := r.sentTo[n]
		to, err := r.race(len(r.jobs[n].kind.places), kept, func(place, world int) (float64, error) {
			if place == kept {
				return r.look(ctx, i, next, r.then, world)
			}
			return r.look(ctx, i, next, r.then, world, resent{n, place})
		})
		if err == nil && to != kept {
			err = r.resend(resent{n, to})
		}
		if err != nil {
			return err
		}
	}
	_, r.stood = r.standing(r.jobs[i].at)
	return nil
}

// standing are the jobs that have been there for a while, and how they stand.
func (r *lineRun) standing(now api.Time) (jobs []int, how string) {
	var b strings.Builder
	st := r.world.State()
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		j := r.jobOf(w.Spec.Name)
		if j == nil || w.Status.Final() || now.Sub(w.Submitted) < aWhile {
			continue
		}
		t := w.Groups[0].Tasks[0]
		b.WriteString(w.Spec.Name + " " + t.Status.String() + " " + t.Node + "\n")
		jobs = append(jobs, j.n)
	}
	return jobs, b.String()
}

// resend sends a job elsewhere, as its user would.
func (r *lineRun) resend(m resent) error {
	r.sentTo[m.job], r.frozen = m.to, nil
	r.resends++
	return r.world.Tell(r.submission(m))
}

func (r *lineRun) submissions(list []resent) (out []engine.Input) {
	for _, m := range list {
		out = append(out, r.submission(m))
	}
	return out
}

// submission is a job that is submitted again, to go elsewhere.
func (r *lineRun) submission(m resent) engine.Input {
	j := &r.jobs[m.job]
	return &engine.Submit{Workload: j.kind.arrival(j.at, j.name(), j.run, j.kind.places[m.to]).Workload}
}
