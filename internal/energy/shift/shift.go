// Package shift plans when work runs that may wait: in the hours in which its
// energy is clean or cheap.
//
// Signals are hourly: value i holds from hour i to hour i+1. Times are in hours
// from the signals' start.
package shift

import (
	"fmt"
	"math"
)

// Job is work that runs in one piece and may start late.
type Job struct {
	Submit float64 // when it could start at the earliest
	Hours  float64 // how long it runs, over 0
	Slack  float64 // by how much its start may be put off
	Weight float64 // its power relative to other jobs, its CPUs for instance
}

// Curve is the integral of a signal: what it costs to run from one time to another.
type Curve struct {
	sums []float64 // up to each hour
}

// NewCurve sums up a signal.
func NewCurve(signal []float64) Curve {
	sums := make([]float64, len(signal)+1)
	for i, v := range signal {
		sums[i+1] = sums[i] + v
	}
	return Curve{sums}
}

// Hours is how far the curve goes.
func (c Curve) Hours() float64 { return float64(len(c.sums) - 1) }

// to is the integral from the start to a time, which is cut to where the curve goes.
func (c Curve) to(t float64) float64 {
	if t <= 0 {
		return 0
	}
	hour := int(t)
	if hour >= len(c.sums)-1 {
		return c.sums[len(c.sums)-1]
	}
	return c.sums[hour] + (t-float64(hour))*(c.sums[hour+1]-c.sums[hour])
}

// Of is what a job costs that starts at a time.
func (c Curve) Of(j Job, start float64) float64 {
	return j.Weight * (c.to(start+j.Hours) - c.to(start))
}

// starts calls try with each start from one time to another that can be best: both
// ends, and those at which the job begins or ends with an hour. Between these the
// cost of a job is linear in its start.
func (j Job) starts(from, to float64, try func(start float64)) {
	try(from)
	if to <= from {
		return
	}
	for begin, end := math.Floor(from)+1, math.Floor(from+j.Hours)+1; ; {
		next := min(begin, end-j.Hours)
		if next >= to {
			break
		}
		if next > from {
			try(next)
		}
		if next == begin {
			begin++
		}
		if next == end-j.Hours {
			end++
		}
	}
	try(to)
}

// Best is the cheapest start of a job from a time on, the earliest of equals.
func (c Curve) Best(j Job, from float64) float64 {
	best, least := from, math.Inf(1)
	j.starts(from, max(j.Submit+j.Slack, from), func(start float64) {
		if cost := c.Of(j, start); cost < least-1e-12*math.Abs(least) || math.IsInf(least, 1) {
			best, least = start, cost
		}
	})
	return best
}

// Optimal are the cheapest starts when the signal is known.
func Optimal(jobs []Job, c Curve) []float64 {
	out := make([]float64, len(jobs))
	for i, j := range jobs {
		out[i] = c.Best(j, j.Submit)
	}
	return out
}

// Total is what jobs cost at their starts.
func Total(jobs []Job, c Curve, starts []float64) (sum float64) {
	for i, j := range jobs {
		sum += c.Of(j, starts[i])
	}
	return sum
}

// AtOnce are the starts of jobs that do not wait.
func AtOnce(jobs []Job) []float64 {
	out := make([]float64, len(jobs))
	for i, j := range jobs {
		out[i] = j.Submit
	}
	return out
}

const (
	maxJobs  = 2_000_000
	maxHours = 20 * 366 * 24
)

// Check says what is wrong with jobs or signals.
func Check(jobs []Job, signals ...[]float64) error {
	if len(jobs) > maxJobs {
		return fmt.Errorf("%d jobs are more than %d", len(jobs), maxJobs)
	}
	for _, s := range signals {
		if len(s) == 0 || len(s) > maxHours || len(s) != len(signals[0]) {
			return fmt.Errorf("signals of %d and %d hours: they must be equally long, 1 to %d hours", len(signals[0]), len(s), maxHours)
		}
		for i, v := range s {
			if math.IsNaN(v) || math.Abs(v) > 1e12 {
				return fmt.Errorf("hour %d of a signal is %g", i, v)
			}
		}
	}
	for i, j := range jobs {
		if !(j.Submit >= 0 && j.Hours > 0 && j.Slack >= 0 && j.Weight >= 0) || j.Submit+j.Hours+j.Slack > maxHours || j.Weight > 1e9 {
			return fmt.Errorf("job %d is submitted at hour %g, runs %g hours with a slack of %g and a weight of %g: one of them cannot be", i, j.Submit, j.Hours, j.Slack, j.Weight)
		}
		if len(signals) > 0 && j.Submit+j.Slack+j.Hours > float64(len(signals[0]))+1e-9 {
			return fmt.Errorf("job %d can end at hour %g, when the signals have ended at %d", i, j.Submit+j.Slack+j.Hours, len(signals[0]))
		}
	}
	return nil
}
