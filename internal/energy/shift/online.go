package shift

import (
	"fmt"
	"slices"
)

// Outlook is what is expected of the signals' sum at each hour from one on up to
// before another, so many hours ahead, by what is known at that hour. Planning on it
// again and again forecasts once.
func Outlook(signals []Signal, from, to, ahead int) ([][]float64, error) {
	if len(signals) == 0 || from < 0 || to < from || ahead < 1 {
		return nil, fmt.Errorf("an outlook from hour %d to %d, %d hours ahead, on %d signals cannot be", from, to, ahead, len(signals))
	}
	for i, s := range signals {
		if s.Predict == nil || to > len(s.Values) || len(s.Values) > maxHours || s.Known != nil && len(s.Known) != len(s.Values) {
			return nil, fmt.Errorf("signal %d needs a predictor, and %d hours and what is known at each", i, to)
		}
	}
	v := view{signals: signals, seen: make([]int, len(signals))}
	out := make([][]float64, to-from)
	for i := range out {
		out[i] = make([]float64, ahead)
		v.from(from+i, out[i])
	}
	return out, nil
}

// Online starts jobs as they come: every hour each waiting one looks for its best
// start in the outlook of that hour, and those that find it within the hour start, if
// admit lets them; those that it refuses look again an hour later. Times are from the
// outlook's first hour. Whoever is left behind its last hour starts then.
func Online(jobs []Job, outlook [][]float64, admit func(job int, start float64) bool) []float64 {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case jobs[a].Submit < jobs[b].Submit:
			return -1
		case jobs[a].Submit > jobs[b].Submit:
			return 1
		}
		return 0
	})
	out := make([]float64, len(jobs))
	var waiting []int
	for hour := range outlook {
		now := float64(hour)
		for len(order) > 0 && jobs[order[0]].Submit < now+1 {
			waiting, order = append(waiting, order[0]), order[1:]
		}
		c := NewCurve(outlook[hour])
		left := waiting[:0]
		for _, i := range waiting {
			j := jobs[i]
			from := max(j.Submit, now)
			j.Submit, j.Slack = from-now, max(j.Submit+j.Slack-from, 0)
			start := c.Best(j, j.Submit)
			if start >= 1 || admit != nil && !admit(i, now+start) {
				left = append(left, i)
				continue
			}
			out[i] = now + start
		}
		waiting = left
	}
	for _, i := range append(waiting, order...) {
		out[i] = max(jobs[i].Submit, float64(len(outlook)))
	}
	return out
}
