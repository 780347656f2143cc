package rehearse

import (
	"math"
	"slices"

	"drover.dev/api"
)

// grain is what hints, pulls and reports make times vary by, whatever the strategy.
const grain = 100 * api.Millisecond

// Probation turns a verdict into what is watched once the change is made: what was
// measured under the present strategy, what that becomes by the change that was
// rehearsed, and the limit: what was measured, or for a guard what it allows. Figures
// that the journal does not tell of finished work are not watched; nil when none is.
func (v *Verdict) Probation(took []Took, window api.Duration, least int32) *api.Probation {
	p := &api.Probation{From: v.Present, Window: window, Least: least}
	for i := range v.Findings {
		f := &v.Findings[i]
		wait, percentile, ok := api.LiveMetric(f.Metric).Parts()
		if !ok || len(p.Goals) == api.MaxGoals {
			continue
		}
		before := figure(took, wait, percentile)
		allowed := before
		if f.Guard {
			allowed *= 1 + f.Required/100
		}
		p.Goals = append(p.Goals, api.Goal{
			Metric: api.LiveMetric(f.Metric), Before: seconds(before), Limit: seconds(allowed) + grain,
			Expected: seconds(before + f.By.Mean), Low: seconds(before + f.By.Low), High: seconds(before + f.By.High),
		})
	}
	if len(p.Goals) == 0 {
		return nil
	}
	return p
}

// seconds is a time in whole milliseconds.
func seconds(s float64) api.Duration {
	return api.Duration(math.Round(1000*min(max(s, 0), api.MaxDuration.Std().Seconds()/2))) * api.Millisecond
}

// figure is a mean, or a percentile by nearest rank, in seconds.
func figure(took []Took, wait bool, percentile uint64) float64 {
	var times []api.Duration
	for i := range took {
		if wait {
			times = append(times, took[i].Waits...)
		} else {
			times = append(times, took[i].Completion)
		}
	}
	if len(times) == 0 {
		return 0
	}
	if percentile > 0 {
		slices.Sort(times)
		return times[int(math.Ceil(float64(percentile)/100*float64(len(times))))-1].Std().Seconds()
	}
	sum := 0.0
	for _, d := range times {
		sum += d.Std().Seconds()
	}
	return sum / float64(len(times))
}
