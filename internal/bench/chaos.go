package bench

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"drover.dev/internal/chaos"
)

// ChaosOptions says which storms are run.
type ChaosOptions struct {
	Storm  chaos.Storm
	Seeds  int    // how many, 1 or more
	From   uint64 // the first
	Jobs   int    // at once; 0 is one
	Report func(done int64)
}

// ChaosReport says what storms came to.
type ChaosReport struct {
	Seeds           int              `json:"seeds"`
	Violations      []ChaosViolation `json:"violations"`
	Steps           int64            `json:"steps"`   // moves, of anybody
	Calm            int64            `json:"calm"`    // of them, those at the end in which nothing fails
	Records         int64            `json:"records"` // in the journals, each of them decided twice
	Reducers        int64            `json:"reducers"`
	Faults          map[string]int   `json:"faults"`      // by kind
	Transitions     map[string]int   `json:"transitions"` // of tasks
	Happened        map[string]int   `json:"happened"`    // to servers and nodes
	Seconds         float64          `json:"seconds"`
	WorldsPerSecond float64          `json:"worldsPerSecond"`
}

// ChaosViolation is a promise that a seed's history broke.
type ChaosViolation struct {
	Seed      uint64 `json:"seed"`
	Step      int    `json:"step"`
	Violation string `json:"violation"`
	Replay    Replay `json:"replay"` // what shows it again
}

// Replay is a smaller storm in which a seed breaks a promise, too.
type Replay struct {
	Only   []string `json:"only,omitempty"` // kinds of faults; none: as the seed has it
	Faults int      `json:"faults"`         // about how many
}

// Chaos runs storms of seeds one after the other, or a few at once, and adds up what
// they came to. Violations are in the order of their seeds. A mistake that is made on
// purpose need only be found once: seeds behind the first one that finds it are not
// run, or not reported.
func Chaos(ctx context.Context, o ChaosOptions) (ChaosReport, error) {
	if err := o.Storm.Validate(); err != nil {
		return ChaosReport{}, fmt.Errorf("bench chaos: %w", err)
	}
	if o.Seeds < 1 {
		return ChaosReport{}, fmt.Errorf("bench chaos: %d seeds: at least one is needed", o.Seeds)
	}
	r := ChaosReport{Violations: []ChaosViolation{}, Faults: map[string]int{}, Transitions: map[string]int{}, Happened: map[string]int{}}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a world is some megabytes of short-lived views
	start := time.Now()
	broken := make([]*ChaosViolation, o.Seeds)
	most := o.Seeds // histories that are of interest
	interesting := func(n int) bool { return n < most && ctx.Err() == nil }
	var mu sync.Mutex
	var wait sync.WaitGroup
	for job := range max(o.Jobs, 1) {
		wait.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for n := job; interesting(n); n += max(o.Jobs, 1) {
				mu.Unlock()
				h := o.Storm.Run(o.From + uint64(n))
				mu.Lock()
				if h.Violation != "" {
					broken[n] = &ChaosViolation{Seed: h.Seed, Step: h.Steps, Violation: h.Violation, Replay: Replay{o.Storm.Only, o.Storm.Faults}}
					if o.Storm.Bug != chaos.Sound {
						most = min(most, n+1)
					}
				}
				r.add(&h)
				if o.Report != nil {
					o.Report(int64(r.Seeds))
				}
			}
		})
	}
	wait.Wait()
	for _, v := range broken[:most] {
		if v != nil {
			r.Violations = append(r.Violations, *v)
		}
	}
	r.Seconds = time.Since(start).Seconds()
	r.WorldsPerSecond = float64(r.Seeds) / r.Seconds
	for i := range r.Violations[:min(len(r.Violations), maxShrunk)] {
		r.Violations[i].shrink(o.Storm)
	}
	return r, context.Cause(ctx)
}

// maxShrunk is for how many violations a smaller storm is looked for.
const maxShrunk = 3

func (v *ChaosViolation) shrink(s chaos.Storm) {
	small, h := s.Shrink(s.Run(v.Seed))
	*v = ChaosViolation{Seed: h.Seed, Step: h.Steps, Violation: h.Violation, Replay: Replay{small.Only, small.Faults}}
}

func (r *ChaosReport) add(h *chaos.History) {
	r.Seeds++
	r.Steps, r.Calm = r.Steps+int64(h.Steps), r.Calm+int64(h.Calm)
	r.Records, r.Reducers = r.Records+int64(h.Records), r.Reducers+int64(h.Reducers)
	for name, n := range h.Faults {
		r.Faults[name] += n
	}
	for name, n := range h.Passed {
		r.Transitions[name] += n
	}
	for name, n := range h.Happened {
		r.Happened[name] += n
	}
}
