package live

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// bulky is a service of a hostile tenant, nearly as large as one may be.
func bulky(version string) *api.Workload {
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindService, Name: "bulky", Tenant: "hostile", Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Args: []string{version, strings.Repeat("x", 200_000)},
	}}}
	w.Normalize()
	return w
}

// A hundred roll-backs are few bytes as commands, and a record each as events.
// They are decided in batches that fit, and what another tenant asks for in the
// meantime is not held up.
func TestSmallCommandsWithLargeEventsHoldNobodyUp(t *testing.T) {
	c := run(t, Config{})
	do(t, c, submit(bulky("1")))
	second := submit(bulky("2")).(*engine.Submit)
	second.Key = "second"
	do(t, c, second)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	before := c.shadow.seq()
	var all sync.WaitGroup
	var mu sync.Mutex
	count := map[state.Code]int{}
	for i := range 100 {
		all.Go(func() {
			in := &engine.Rollback{
				Caller: engine.Caller{Principal: "test", Key: fmt.Sprint("back", i)}, Tenant: "hostile", Name: "bulky", Revision: uint32(1 + i%2),
			}
			answers, _, err := c.Do(ctx, []engine.Input{in})
			if err != nil {
				t.Errorf("roll-back %d: %v", i, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			count[answers[0].Code]++
		})
	}
	slowest := time.Duration(0)
	for i := range 20 {
		began := time.Now()
		do(t, c, submit(job(fmt.Sprint("honest", i), 1)))
		slowest = max(slowest, time.Since(began))
	}
	all.Wait()
	if count[state.CodeOK]+count[state.CodeNotFound]+count[state.CodeBusy] != 100 {
		t.Errorf("answers by code: %v", count)
	}
	view(t, c, 0, func(st *state.State) {
		if st.Epoch != 1 {
			t.Errorf("the leadership was lost %d times", st.Epoch-1)
		}
	})
	t.Logf("100 roll-backs of 200 kB in %d records, answers by code %v; 20 submissions of another tenant, the slowest %v",
		c.shadow.seq()-before, count, slowest)
}

// What still waits when its caller gives up is taken back; what is on its way into
// the journal is not.
func TestAnInputThatNobodyWaitsForIsTakenBack(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	hang := make(chan struct{})
	under := make(chan struct{})
	f.once(func(ctx context.Context, expect uint64, record []byte) (uint64, error) {
		close(under)
		<-hang
		return f.Journal.Append(ctx, expect, record)
	})
	first := make(chan error, 1)
	go func() {
		_, _, err := c.Do(context.WithoutCancel(t.Context()), []engine.Input{submit(job("first", 1))})
		first <- err
	}()
	<-under
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err := c.Do(ctx, []engine.Input{submit(job("second", 1))})
	if _, busy := err.(*httpapi.BusyError); !busy || c.queue.len() != 0 {
		t.Errorf("got %v, %d inputs still wait", err, c.queue.len())
	}
	close(hang)
	if err := <-first; err != nil {
		t.Error(err)
	}
	_, seq := do(t, c, submit(job("third", 1)))
	view(t, c, seq, func(st *state.State) {
		if st.Named("default", "second") != nil || len(st.Workloads) != 2 {
			t.Errorf("%d workloads, want first and third", len(st.Workloads))
		}
	})
}
