package bench

import (
	"bytes"
	"context"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
)

// Backfill runs a trace of jobs on a fleet in the twin three times: in the order of
// arrival, with jobs that overtake others by what earlier runs let expect of their run
// times, and, as the bound, with exact run times. The measure is the mean wait.
func Backfill(ctx context.Context, data string, trace []byte, fleet rehearse.Fleet, horizon api.Duration) (Gain, error) {
	out := Gain{Decision: "backfill", Data: data, Measure: "mean wait, s"}
	wait := func(strategy string, exact bool) (float64, error) {
		r, err := rehearse.Run(ctx, rehearse.Plan{
			Fleet: fleet, Trace: bytes.NewReader(trace), Strategy: strategy, Exact: exact, Seed: 1, Horizon: horizon,
			Options: rehearse.Options{Skip: true}, Intensity: rehearse.WorldIntensity, Price: rehearse.AssumedPrice,
		})
		if err != nil {
			return 0, fmt.Errorf("run %s with %s: %w", data, strategy, err)
		}
		out.Series, out.Steps = 1, int(r.Tasks)
		return r.WaitSeconds.Mean, nil
	}
	var err error
	if out.Without, err = wait("fifo", false); err != nil {
		return out, err
	}
	if out.With, err = wait("backfill", false); err != nil {
		return out, err
	}
	bound, err := wait("backfill", true)
	out.Bound, out.Note = &bound, "fifo against backfill by run times learnt on the way; the bound is backfill by exact ones"
	return out, err
}
