package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
	"drover.dev/internal/state"
)

// nextRun returns the first time of a schedule after now; 0 when there is none.
func nextRun(s *api.Schedule, now api.Time) (api.Time, error) {
	expr, err := cron.Parse(s.Cron)
	if err != nil {
		return 0, err
	}
	zone, err := cron.Zone(s.Zone)
	if err != nil {
		return 0, err
	}
	next, ok := expr.Next(time.Unix(0, int64(now)), zone)
	if !ok {
		return 0, fmt.Errorf("%q never comes", s.Cron)
	}
	return api.Time(next.UnixNano()), nil
}

// maxRuns is how many runs of one schedule may go on at once.
const maxRuns = 1000

// reconcileSchedule starts the run that is due. Times that passed while nobody
// led are made up for by one run, not by many.
func (e *Engine) reconcileSchedule(w *state.Workload) {
	e.keepRuns(w)
	if w.NextRun == 0 || w.NextRun > e.st.Now || !e.fits(submitSize(w.Spec)) {
		return
	}
	due := w.NextRun
	next, _ := nextRun(w.Spec.Schedule, e.st.Now) // validated at submission
	running := e.runningRuns(w)
	skipped := ""
	switch overlap := w.Spec.Schedule.Overlap; {
	case len(running) > 0 && overlap == api.OverlapSkip:
		skipped = "the run before has not ended"
	case len(running) >= maxRuns && overlap == api.OverlapAllow:
		skipped = strconv.Itoa(len(running)) + " runs have not ended"
	case overlap == api.OverlapReplace:
		for _, r := range running { // one at most, but for a change of the policy
			e.emit(&state.WorkloadStopping{ID: r.ID, Final: api.WorkloadCancelled, Reason: "replaced by the next run"})
		}
	}
	e.emit(&state.RunScheduled{ID: w.ID, Next: next, Skipped: skipped})
	if skipped == "" {
		e.startRun(w, due)
	}
}

// startRun submits one run. What was known of its programs and inputs when the
// schedule was submitted goes on to hold.
func (e *Engine) startRun(w *state.Workload, due api.Time) {
	spec := *w.Spec
	spec.Schedule = nil
	spec.Name = e.freeRunName(w, due)
	facts := make([]Fact, len(w.Profiles))
	for i := range facts {
		facts[i].Inputs = w.Profiles[i].BytesIn
	}
	e.create(&Submit{Caller: Caller{Principal: w.Principal}, Workload: &spec, Facts: facts}, "", w.ID)
}

func (e *Engine) runningRuns(w *state.Workload) (out []*state.Workload) {
	for _, id := range w.Runs {
		if r := e.st.Workloads[id]; r != nil && !r.Status.Final() && !r.Stopping {
			out = append(out, r)
		}
	}
	return out
}

// runName names the run of a scheduled job by its time in UTC.
func runName(name string, at api.Time) string {
	const layout = "20060102-150405"
	stamp := time.Unix(0, int64(at)).UTC().Format(layout)
	name = strings.TrimRight(name[:min(len(name), 62-len(layout))], "-")
	return name + "-" + stamp
}

// freeRunName is runName, made different from every name that is known.
func (e *Engine) freeRunName(w *state.Workload, at api.Time) string {
	base := w.Spec.Name
	name := runName(base, at)
	for n := e.st.NextID; e.st.Named(w.Spec.Tenant, name) != nil; n++ {
		name = runName(base[:min(len(base), 32)]+"-"+strconv.FormatUint(n, 36), at)
	}
	return name
}

// keepRuns forgets finished runs beyond the number to keep.
func (e *Engine) keepRuns(w *state.Workload) {
	var finished []uint64
	for _, id := range w.Runs {
		if r := e.st.Workloads[id]; r != nil && r.Status.Final() {
			finished = append(finished, id)
		}
	}
	if extra := len(finished) - int(max(w.Spec.Schedule.Keep, 0)); extra > 0 {
		e.emit(&state.WorkloadForgotten{IDs: finished[:min(extra, maxForget)]})
	}
}
