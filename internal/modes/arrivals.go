package modes

import (
	"math"
	"math/rand/v2"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/forecast"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// arrivals forecasts how many jobs come in the next interval, and which.
type arrivals struct {
	rows  []trace.Row
	every api.Duration
	name  string // of the model
	model forecast.Model
	likes int // how many of the latest rows stand for those to come
}

// candidates are models of counts that fit in moments; which one serves is chosen on the
// first part.
func candidates() []string { return []string{"naive", "average", "ses", "theta", "snaive"} }

// What is looked at of counts.
const (
	origins  = 60  // intervals at the end of the first part, on which models are compared
	lookback = 400 // intervals that a model is fitted to
)

// newArrivals chooses the model with the least squared error on the last intervals of the
// first part: it is the mean that is asked for.
func newArrivals(rows []trace.Row, cut int, split api.Time, every api.Duration) *arrivals {
	a := &arrivals{rows: rows, every: every, name: "naive", model: forecast.Naive{}}
	least := math.Inf(1)
	for _, name := range candidates() {
		m, err := forecast.New(name, forecast.Options{})
		if err != nil {
			continue
		}
		loss, n := 0.0, 0
		for k := range origins {
			now := split.Add(-api.Duration(k+1) * every)
			counts := a.counts(now)
			if len(counts) < 4 {
				break
			}
			p := expect(m, counts, a.season())
			off := p - float64(a.between(now, now.Add(every)))
			loss += off * off
			n++
		}
		if n > 0 && loss/float64(n) < least {
			least, a.name, a.model = loss/float64(n), name, m
		}
	}
	a.likes = min(max(cut/20, 20), 200)
	return a
}

// season is a day in intervals; 0 where an interval is as long.
func (a *arrivals) season() int {
	if n := int(api.Day / a.every); n >= 2 {
		return n
	}
	return 0
}

// before is how many rows have come before a moment.
func (a *arrivals) before(at api.Time) int {
	n, _ := slices.BinarySearchFunc(a.rows, at, func(r trace.Row, t api.Time) int {
		if origin.Add(r.Submit) < t {
			return -1
		}
		return 1
	})
	return n
}

func (a *arrivals) between(from, to api.Time) int { return a.before(to) - a.before(from) }

// counts are those of whole intervals up to now, the oldest first.
func (a *arrivals) counts(now api.Time) []float64 {
	n := min(int(now.Sub(origin)/a.every), lookback)
	out := make([]float64, n)
	for i := range out {
		from := now.Add(-api.Duration(n-i) * a.every)
		out[i] = float64(a.between(from, from.Add(a.every)))
	}
	return out
}

// expect is how many come next; never less than none.
func expect(m forecast.Model, counts []float64, season int) float64 {
	s := forecast.Series{Values: counts}
	if season >= 2 && len(counts) >= 2*season {
		s.Periods = []int{season}
	}
	f, err := m.Fit(s)
	if err != nil {
		return counts[len(counts)-1]
	}
	p, err := f.Predict(1)
	if err != nil || !(p.Mean[0] > 0) {
		return 0
	}
	return p.Mean[0]
}

// expected is how many come in the interval that begins now, by what came before.
func (a *arrivals) expected(now api.Time) float64 {
	counts := a.counts(now)
	if len(counts) == 0 {
		return 0
	}
	return expect(a.model, counts, a.season())
}

// from gives what may come in a time from now, by seed, when so many are expected. A job is
// like one of the last that came, and runs as long as what was learnt of such jobs.
func (a *arrivals) from(now api.Time, within api.Duration, mean float64, seeds int, learnt *calibrate.Durations) demandOf {
	known := a.before(now) // later rows are not looked at
	if known == 0 {
		return nil
	}
	recent := a.rows[max(known-a.likes, 0):known]
	return func(seed int) twin.Demand {
		r := rand.New(rand.NewPCG(uint64(now), uint64(seed)))
		at := make([]api.Time, share(mean, uint64(now), seed, seeds))
		for i := range at {
			at[i] = now.Add(1 + api.Duration(r.Int64N(int64(within))))
		}
		slices.Sort(at)
		return drawnFrom(r, at, recent, learnt)
	}
}

// share gives each seed a whole number of arrivals, such that their mean is as expected
// and they differ by one at most: what is asked for is a mean, and chance in the number would only
// blur it.
func share(mean float64, now uint64, seed, seeds int) int {
	r := rand.New(rand.NewPCG(now, 1<<40))
	at := r.Perm(seeds)[seed]
	return int(mean + (float64(at)+r.Float64())/float64(seeds))
}

// unreal is added to the numbers of jobs that are made up, so that they are taken for no
// row of the trace.
const unreal = 1 << 30

func drawnFrom(r *rand.Rand, at []api.Time, like []trace.Row, learnt *calibrate.Durations) twin.Demand {
	i := 0
	return func() (a twin.Arrival, ok bool) {
		if i == len(at) {
			return a, false
		}
		i++
		row := &like[r.IntN(len(like))]
		a = rehearse.Arrival(row, unreal+i)
		a.At = at[i-1]
		a.Truth[0].Run = unknown
		if p := learnt.Predict(keysOf(row)); len(p) > 0 {
			a.Truth[0].Run = max(api.Duration(p.Quantile(r.Float64())*float64(api.Second)), 1)
		}
		return a, true
	}
}
