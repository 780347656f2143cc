package twin

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// TestDelays: the cell hears of a start, of an end and of a stop so much later than they
// were decided, or happened. A task holds its room until then.
func TestDelays(t *testing.T) {
	ms := func(n api.Duration) api.Duration { return n * api.Millisecond }
	heard := map[string]api.Time{}
	w, err := New(Config{
		Nodes: fleet(t, "1x1,1Gi"), Check: true,
		Startup: map[string]Startup{api.DriverNoop: {Cold: ms(30), Warm: ms(10), Report: ms(5), Stop: ms(20)}},
		Watch: func(now api.Time, events []state.Event) {
			for _, ev := range events {
				switch ev := ev.(type) {
				case *state.TaskPlaced:
					heard["placed "+name(ev.Ref, ev.Try)] = now
				case *state.TaskStarted:
					heard["started "+name(ev.Attempt.TaskRef, ev.Attempt.Try)] = now
				case *state.TaskEnded:
					heard["ended "+name(ev.Attempt.TaskRef, ev.Attempt.Try)] = now
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	low, high := oneTask("low", 1000), oneTask("high", 1000)
	high.Priority = 5
	jobs := []Arrival{
		{At: 0, Workload: low, Truth: []Truth{{Run: ms(1000)}}},
		{At: api.Time(ms(500)), Workload: high, Truth: []Truth{{Run: ms(100)}}},
	}
	if _, err := w.Run(func() (a Arrival, ok bool) {
		if len(jobs) == 0 {
			return a, false
		}
		a, jobs = jobs[0], jobs[1:]
		return a, true
	}, nil); err != nil {
		t.Fatal(err)
	}
	for what, at := range map[string]api.Duration{
		"placed 1/1": 0, "started 1/1": ms(30), // cold
		"ended 1/1": ms(520), "placed 2/1": ms(520), "started 2/1": ms(530), // it made room
		"ended 2/1": ms(530 + 100 + 5), "placed 1/2": ms(635), "started 1/2": ms(645), "ended 1/2": ms(645 + 1000 + 5),
	} {
		if got, ok := heard[what]; !ok || got != api.Time(at) {
			t.Errorf("%s at %s (%v), want %s", what, api.Duration(got), ok, at)
		}
	}
}

func name(ref api.TaskRef, try uint32) string {
	return string(rune('0'+ref.Workload)) + "/" + string(rune('0'+try))
}
