package rehearse

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// Work is demand that can be replayed many times: arrivals in the order of their
// times, the first at zero.
type Work []twin.Arrival

// maxWork bounds how many jobs are held in memory.
const maxWork = 5_000_000

// ReadWork reads a whole trace.
func ReadWork(r io.Reader, o Options) (Work, *Trace, error) {
	t, err := OpenTrace(r, o)
	if err != nil {
		return nil, nil, err
	}
	var out Work
	next := t.Demand(0, "")
	for a, ok := next(); ok; a, ok = next() {
		if len(out) == maxWork {
			return nil, t, &TraceError{errors.New("the trace has more jobs than can be replayed from memory")}
		}
		out = append(out, a)
	}
	return out, t, t.Err()
}

// fromZero moves the first arrival to zero.
func (w Work) fromZero() {
	for i := len(w) - 1; i >= 0; i-- {
		w[i].At -= w[0].At
	}
}

// Until gives the part that arrives before d.
func (w Work) Until(d api.Duration) Work {
	for i := range w {
		if api.Duration(w[i].At) >= d {
			return w[:i]
		}
	}
	return w
}

// Cut divides the work where a share of the arrivals has come. The second part
// begins at zero again.
func (w Work) Cut(share float64) (first, rest Work) {
	n := int(share * float64(len(w)))
	rest = append(rest, w[n:]...)
	rest.fromZero()
	return w[:n:n], rest
}

// demand replays the work with a strategy; with "" every job keeps its own. Run times are multiplied by log-normal
// noise of this standard deviation of the logarithm and mean 1, which depends on
// the seed and on the arrival alone: all strategies meet the same truth.
func (w Work) demand(start api.Time, strategy string, jitter float64, seed uint64) twin.Demand {
	i := 0
	return func() (twin.Arrival, bool) {
		if i == len(w) {
			return twin.Arrival{}, false
		}
		a := w[i]
		spec := *a.Workload
		if strategy != "" {
			spec.Strategy = strategy
		}
		a.Workload = &spec
		a.At = start.Add(api.Duration(a.At))
		if jitter > 0 {
			a.Truth = disturbed(a.Truth, jitter, rand.New(rand.NewPCG(seed, uint64(i))))
		}
		i++
		return a, true
	}
}

func disturbed(truth []twin.Truth, jitter float64, r *rand.Rand) []twin.Truth {
	noise := func(d api.Duration) api.Duration {
		return api.Duration(float64(d) * math.Exp(jitter*r.NormFloat64()-jitter*jitter/2))
	}
	out := make([]twin.Truth, len(truth))
	for i, t := range truth {
		t.Run = noise(t.Run)
		if t.Each != nil {
			each := make([]api.Duration, len(t.Each))
			for k, d := range t.Each {
				each[k] = noise(d)
			}
			t.Each = each
		}
		out[i] = t
	}
	return out
}
