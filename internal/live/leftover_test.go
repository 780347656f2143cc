package live

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// A leadership takes an engine of its own and the audit of it another one, made
// from copies of the state. When it has ended nothing of it may stay: no engine, no
// goroutine, no buffer.
func TestLeadershipsLeaveNothingBehind(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	const workloads, each = 400, 100
	for n := 0; n < workloads; n += each {
		inputs := make([]engine.Input, each)
		for i := range inputs {
			inputs[i] = submit(job(fmt.Sprint("w", n+i), 1))
		}
		do(t, c, inputs...)
	}
	for i := range 3 {
		leadAnew(t, c, f, i)
	}
	before := leftOver(t, c, nil)
	for i := range 6 {
		leadAnew(t, c, f, 3+i)
	}
	after := leftOver(t, c, &before)
	if grown := after.heap - before.heap; grown > before.state {
		t.Errorf("6 leaderships leave %d KiB behind; a state of the cell takes %d", grown>>10, before.state>>10)
	}
	if after.goroutines > before.goroutines {
		t.Errorf("6 leaderships leave %d goroutines behind", after.goroutines-before.goroutines)
	}
}

// leadAnew loses a record, which ends the leadership, and waits for the next one and
// its audit.
func leadAnew(t *testing.T, c *Cell, f *faulty, i int) {
	t.Helper()
	w := job(fmt.Sprint("again", i), 1)
	f.once(func(context.Context, uint64, []byte) (uint64, error) { return 0, journal.ErrUnknown })
	if _, _, err := c.Do(t.Context(), []engine.Input{submit(w)}); !errors.Is(err, httpapi.ErrNotLeader) {
		t.Fatalf("got %v, want ErrNotLeader", err)
	}
	do(t, c, submit(w))
	for deadline := time.Now().Add(wait); c.audit.lag() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the audit is %d records behind", c.audit.lag())
		}
	}
}

// left is what a cell takes.
type left struct {
	heap, state int64 // bytes, in all and for one state of the cell
	goroutines  int
}

// leftOver measures again and again, for what is just being done for the last leadership
// goes, what leaked stays: the least of some looks, or until no more is left than before.
func leftOver(t *testing.T, c *Cell, before *left) (l left) {
	t.Helper()
	l.goroutines, l.heap = runtime.NumGoroutine(), inUse()
	enough := func() bool { return l.goroutines <= before.goroutines && l.heap-before.heap <= before.state }
	for i := 0; before == nil && i < 20 || before != nil && !enough() && i < 200; i++ {
		time.Sleep(10 * time.Millisecond)
		l.goroutines, l.heap = min(l.goroutines, runtime.NumGoroutine()), min(l.heap, inUse())
	}
	view(t, c, 0, func(st *state.State) {
		copied, err := journal.CopyState(st)
		if err != nil {
			t.Fatal(err)
		}
		l.state = inUse() - l.heap
		runtime.KeepAlive(copied)
	})
	return l
}

// inUse is the heap after collections: what pools keep goes with the second, unless
// it is used in between.
func inUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
