package shift

// RollHeld is [Roll] for jobs that may be held and go on: every hour what is left of
// each is planned anew, and what the plan runs in this hour is run. Each time that a job
// is held it runs stop hours longer.
func RollHeld(jobs []Job, signals []Signal, stop float64, step func(hour int) bool) ([][]Run, error) {
	r, err := newRoller(jobs, signals)
	if err != nil {
		return nil, err
	}
	h := holding{roller: r, stop: stop, left: make([]float64, len(jobs)), running: make([]bool, len(jobs)), runs: make([][]Run, len(jobs))}
	for i, j := range jobs {
		h.left[i] = j.Hours
	}
	for hour := range signals[0].Values {
		if step != nil && !step(hour) {
			return nil, ErrStopped
		}
		h.hour(hour)
	}
	return h.runs, nil
}

// holding is a roller whose jobs are held.
type holding struct {
	*roller
	stop    float64
	left    []float64 // hours of each job
	running []bool    // at the end of the last hour
	runs    [][]Run
}

func (h *holding) hour(hour int) {
	c := h.look(hour)
	left := h.waiting[:0]
	for _, i := range h.waiting {
		if h.advance(i, c, float64(hour)); h.left[i] > 1e-9 {
			left = append(left, i)
		}
	}
	h.waiting = left
}

// advance runs what the plan of a job runs within an hour from now.
func (h *holding) advance(i int, c Curve, now float64) {
	j := h.jobs[i]
	from := max(j.Submit, now)
	local := Job{Submit: from - now, Hours: h.left[i], Slack: max(j.Submit+j.Slack+j.Hours-from-h.left[i], 0), Weight: j.Weight}
	at, running := local.Submit, h.running[i]
	for _, r := range c.Held(local, h.stop, running) {
		if r.From >= 1-1e-9 {
			break
		}
		if running && r.From > at+1e-9 {
			h.left[i] += h.stop
		}
		to := min(r.To, 1, r.From+h.left[i])
		h.runs[i] = extend(h.runs[i], now+r.From, now+to)
		h.left[i] -= to - r.From
		at, running = to, true
	}
	h.running[i] = running && at >= 1-1e-9
	if running && !h.running[i] && h.left[i] > 1e-9 {
		h.left[i] += h.stop
	}
}
