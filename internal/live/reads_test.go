package live

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// readsWithin is how long 99 of 100 reads may wait for the state, beside all the
// writes that the cell takes.
const readsWithin = 50 * time.Millisecond

// Reads see a state of their own: they do not wait for decisions, for the journal
// or for snapshots. What a busy machine adds to everything is measured by naps
// and allowed for.
func TestReadsBesideWrites(t *testing.T) {
	c := run(t, Config{SnapshotBytes: 1 << 20}) // many snapshots
	a := join(t, c, "n1")
	a.hello()
	stop, written := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				written <- n
				return
			default:
			}
			in := make([]engine.Input, 200)
			for i := range in {
				in[i] = submit(job(fmt.Sprint("w", n, "-", i), 1))
			}
			if _, _, err := c.Do(t.Context(), in); err != nil { // the queue is full
				time.Sleep(time.Millisecond)
			}
		}
	}()
	worked := make(chan int)
	go func() {
		n := 0
		for a.pull(); ; a.pull() {
			n += a.finish()
			select {
			case <-stop:
				worked <- n
				return
			default:
			}
		}
	}()
	const nap = 2 * time.Millisecond
	var waited, late []time.Duration
	for start := time.Now(); time.Since(start) < 2*time.Second || c.count.snapshots.Load() == 0 && time.Since(start) < wait; {
		began := time.Now()
		must[uint64](t)(c.View(t.Context(), 0, nothing))
		waited = append(waited, time.Since(began))
		began = time.Now()
		time.Sleep(nap)
		late = append(late, time.Since(began)-nap)
	}
	close(stop)
	batches, ended := <-written, <-worked
	view(t, c, 0, func(st *state.State) {
		var sum state.Load
		for _, w := range st.Workloads {
			sum.Pending += int64(w.Counts.Pending)
			sum.Held += int64(w.Counts.Placed + w.Counts.Running)
		}
		if got := st.Load(); got != sum {
			t.Errorf("the load is said to be %+v, its parts add up to %+v", got, sum)
		}
	})
	slices.Sort(waited)
	slices.Sort(late)
	p99, busy := waited[len(waited)*99/100], late[len(late)*99/100]
	t.Logf("%d reads beside %d submissions, %d ends, %d snapshots: p99 %v, at most %v; the machine is late by %v (p99)",
		len(waited), 200*batches, ended, c.count.snapshots.Load(), p99, waited[len(waited)-1], busy)
	if p99 > readsWithin+busy {
		t.Errorf("99 of 100 reads wait up to %v, want %v", p99, readsWithin)
	}
	if ended == 0 || c.count.snapshots.Load() == 0 {
		t.Error("nothing was written beside the reads")
	}
}
