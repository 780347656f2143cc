package live

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// watch collects changes until one is wanted no more.
func watch(t *testing.T, c *Cell, from uint64, until func(api.WatchEvent) bool) (out []api.WatchEvent, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	for e, err := range c.Watch(ctx, from) {
		if err != nil {
			return out, err
		}
		out = append(out, e)
		if until(e) {
			return out, nil
		}
	}
	return out, errors.New("the watch ended")
}

func TestAWatchShowsWhatHappensAndResumes(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	do(t, c, submit(job("one", 1)))
	a.work(1)
	last := func(e api.WatchEvent) bool { return e.Type == "workload.finished" }
	all, err := watch(t, c, 0, last)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range all {
		types = append(types, e.Type)
	}
	want := []string{"leader.started", "node.registered", "workload.submitted", "task.placed", "task.started", "task.ended", "workload.finished"}
	if fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", types, want)
	}
	end := all[len(all)-1]
	if end.Workload != "one" || end.Tenant != "default" || end.Status != "succeeded" || end.At == 0 {
		t.Errorf("the last change is %+v", end)
	}
	for i := range all {
		if i > 0 && all[i].Seq == all[i-1].Seq {
			continue
		}
		rest, err := watch(t, c, all[i].Seq-1, last)
		if err != nil || fmt.Sprint(rest) != fmt.Sprint(all[i:]) {
			t.Errorf("resumed after %d: %v, %v", all[i].Seq-1, rest, err)
		}
	}
}

func TestAWatchThatFallsBehindIsTold(t *testing.T) {
	c := run(t, Config{WatchEvents: 10})
	var seq uint64
	for i := range 12 {
		_, seq = do(t, c, submit(job(fmt.Sprint("w", i), 1)))
	}
	view(t, c, seq, func(*state.State) {})
	if _, err := watch(t, c, 1, func(api.WatchEvent) bool { return false }); !errors.Is(err, httpapi.ErrWatchGap) {
		t.Errorf("got %v, want ErrWatchGap", err)
	}
	got, err := watch(t, c, seq-1, func(api.WatchEvent) bool { return true })
	if err != nil || got[0].Workload != "w11" {
		t.Errorf("got %v, %v", got, err)
	}
}

// Specifications may be large: what is kept for watches is bounded by bytes, too.
func TestTheRingIsBoundedByBytes(t *testing.T) {
	r := ring{keep: 1 << 15}
	const each = 1 << 20
	for seq := range uint64(100) {
		r.add(happened{seq: seq + 1, size: each, events: []state.Event{&state.NodeSilent{}}})
	}
	most := ringBytes / each
	if len(r.list) != most || r.bytes != most*each || r.events != most {
		t.Errorf("%d records of %d bytes with %d events are kept, want %d", len(r.list), r.bytes, r.events, most)
	}
	if _, kept := r.after(uint64(99 - most)); kept {
		t.Error("one that was dropped counts as kept")
	}
	if rest, kept := r.after(uint64(100 - most)); !kept || rest[0].seq != uint64(101-most) {
		t.Errorf("what is kept begins with %v, %v", rest, kept)
	}
}

func TestEveryKindOfEventHasAName(t *testing.T) {
	seen := map[string]bool{}
	for k := state.Kind(0); k < 64; k++ {
		ev := state.NewEvent(k)
		if ev == nil {
			continue
		}
		e := describe(ev, nil)
		if e.Type == "" || seen[e.Type] {
			t.Errorf("kind %d (%T) is called %q", k, ev, e.Type)
		}
		seen[e.Type] = true
	}
}

func TestAReadWaitsForItsSequence(t *testing.T) {
	c := run(t, Config{})
	_, seq := do(t, c, submit(job("one", 1)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.View(ctx, seq+1, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read of the future: %v", err)
	}
	read := make(chan bool, 1)
	go func() {
		_, err := c.View(t.Context(), seq+1, func(e *engine.Engine) { read <- e.State().Named("default", "two") != nil })
		if err != nil {
			read <- false
		}
	}()
	do(t, c, submit(job("two", 1)))
	if !<-read {
		t.Error("a read at the command's sequence does not see it")
	}
}
