package shift

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Predictor forecasts an hourly signal from what it has seen of it.
type Predictor interface {
	Observe(v float64)
	Predict(out []float64)
}

// Signal is one part of what jobs are to save, and what is known of it.
type Signal struct {
	Values []float64
	Scale  float64 // its share in the sum that is minimised
	// Known is, for each hour, how many values from the first on are known when it
	// begins. Nil: those of the hours before it.
	Known []int
	// Predict forecasts the values behind the known ones. It sees these one after
	// the other and nothing else.
	Predict Predictor
}

// Sum is the signal that is minimised.
func Sum(signals []Signal) []float64 {
	out := make([]float64, len(signals[0].Values))
	for _, s := range signals {
		for i, v := range s.Values {
			out[i] += s.Scale * v
		}
	}
	return out
}

// view is what is thought of the hours to come.
type view struct {
	signals []Signal
	seen    []int // by signal: values that its predictor has seen
	part    []float64
}

// from writes the expected sum of the hours from one on into out.
func (v *view) from(hour int, out []float64) {
	clear(out)
	for i, s := range v.signals {
		known := hour
		if s.Known != nil {
			known = min(max(s.Known[hour], hour), len(s.Values))
		}
		for ; v.seen[i] < known; v.seen[i]++ {
			s.Predict.Observe(s.Values[v.seen[i]])
		}
		ready := min(known-hour, len(out))
		for h := range ready {
			out[h] += s.Scale * s.Values[hour+h]
		}
		if ready == len(out) {
			continue
		}
		v.part = slices.Grow(v.part[:0], len(out)-ready)[:len(out)-ready]
		s.Predict.Predict(v.part)
		for h, value := range v.part {
			out[ready+h] += s.Scale * value
		}
	}
}

// ErrStopped says that planning was ended before it was done.
var ErrStopped = errors.New("planning was stopped")

// Roll starts jobs as they come: every hour the signals are forecast anew from what
// is known by then, each waiting job looks for its best start, and those that find
// it within the hour start. With a room above 0, at most so many jobs run at a time:
// all of the waiting ones are then fitted together, with as many more as came in the
// last day. Step, which may be nil, is called before each hour; false ends it with
// [ErrStopped].
func Roll(jobs []Job, signals []Signal, room int, step func(hour int) bool) ([]float64, error) {
	r, err := newRoller(jobs, signals)
	if err != nil {
		return nil, err
	}
	if r.room = room; room > 0 {
		r.reach += again
	}
	for hour := range signals[0].Values {
		if step != nil && !step(hour) {
			return nil, ErrStopped
		}
		r.hour(hour)
	}
	return r.starts, nil
}

func newRoller(jobs []Job, signals []Signal) (*roller, error) {
	if len(signals) == 0 {
		return nil, errors.New("nothing says what is to be saved: no signal")
	}
	values := make([][]float64, len(signals))
	for i, s := range signals {
		values[i] = s.Values
		if s.Predict == nil || s.Known != nil && len(s.Known) != len(s.Values) {
			return nil, fmt.Errorf("signal %d needs a predictor, and what is known at each hour or nothing of it", i)
		}
	}
	if err := Check(jobs, values...); err != nil {
		return nil, err
	}
	r := &roller{jobs: jobs, view: view{signals: signals, seen: make([]int, len(signals))}, starts: make([]float64, len(jobs))}
	for i, j := range jobs {
		r.order = append(r.order, i)
		r.reach = max(r.reach, int(math.Ceil(j.Slack+j.Hours))+2)
	}
	slices.SortStableFunc(r.order, func(a, b int) int {
		switch {
		case jobs[a].Submit < jobs[b].Submit:
			return -1
		case jobs[a].Submit > jobs[b].Submit:
			return 1
		}
		return a - b
	})
	return r, nil
}

type roller struct {
	jobs    []Job
	view    view
	starts  []float64
	order   []int // by submission; those before next have come
	next    int
	waiting []int
	reach   int // hours that plans look ahead
	room    int
	load    occupancy
	ahead   []float64
}

// look takes in who came, and is what is thought of the hours to come.
func (r *roller) look(hour int) Curve {
	for ; r.next < len(r.order) && r.jobs[r.order[r.next]].Submit < float64(hour+1); r.next++ {
		r.waiting = append(r.waiting, r.order[r.next])
	}
	r.ahead = slices.Grow(r.ahead[:0], r.reach)[:r.reach]
	r.view.from(hour, r.ahead) // also with nobody waiting: predictors learn
	if len(r.waiting) == 0 {
		return Curve{}
	}
	return NewCurve(r.ahead)
}

func (r *roller) hour(hour int) {
	c := r.look(hour)
	if len(r.waiting) == 0 {
		return
	}
	planned := r.plan(c, float64(hour))
	left := r.waiting[:0]
	for k, i := range r.waiting {
		if planned[k] >= 1 {
			left = append(left, i)
			continue
		}
		r.starts[i] = float64(hour) + planned[k]
		if r.room > 0 {
			r.load.take(r.starts[i], r.jobs[i].Hours, 1)
		}
	}
	r.waiting = left
}

// plan gives the start of each waiting job, counted from now.
func (r *roller) plan(c Curve, now float64) []float64 {
	local := make([]Job, len(r.waiting))
	for k, i := range r.waiting {
		j := r.jobs[i]
		from := max(j.Submit, now)
		local[k] = Job{Submit: from - now, Hours: j.Hours, Slack: max(j.Submit+j.Slack-from, 0), Weight: j.Weight}
	}
	if r.room <= 0 {
		return Optimal(local, c)
	}
	return fit(append(local, r.expected(now)...), c, r.room, r.load.from(int(now)))[:len(local)]
}

// again is after how many hours work is expected to come again as it came.
const again = 24

// expected are the jobs of the next day if they come as those of the last day came,
// counted from now. Without them all who wait would take the same cheap hours, for
// which those who come later compete.
func (r *roller) expected(now float64) []Job {
	var out []Job
	for k := r.next - 1; k >= 0; k-- {
		j := r.jobs[r.order[k]]
		j.Submit += again - now
		if j.Submit < 1 {
			break
		}
		out = append(out, j)
	}
	return out
}
