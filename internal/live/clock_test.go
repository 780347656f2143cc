package live

import (
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// wallClock is a machine's clock that a test sets.
type wallClock struct{ off atomic.Int64 }

func (w *wallClock) now() api.Time { return api.Time(time.Now().UnixNano() + w.off.Load()) }

func (w *wallClock) set(by api.Duration) { w.off.Add(int64(by)) }

// The clock is set forward a day while a node is silent, whose task may run once
// at most: the node's lease has not ended by that.
func TestTheClockIsSetForwardADay(t *testing.T) {
	var clock wallClock
	c := run(t, Config{Wall: clock.now, Heartbeat: 50 * time.Millisecond, SilentAfter: 200 * time.Millisecond})
	do(t, c, &engine.PutSettings{Caller: engine.Caller{Principal: "test", Key: "lease"}, Lease: api.Hour})
	join(t, c, "n1").hello()
	w := job("once", 1)
	w.Tasks[0].AtMostOnce = true
	do(t, c, submit(w))
	node := func(st *state.State) *state.Node { return st.Nodes["n1"] }
	until(t, c, "the silence", func(st *state.State) bool { return node(st) != nil && node(st).Silent })
	var fell api.Time
	view(t, c, 0, func(st *state.State) { fell = node(st).SilentAt })

	clock.set(24 * api.Hour)
	_, seq := do(t, c, submit(job("other", 1)))
	view(t, c, seq, func(st *state.State) {
		if once := st.Named("default", "once"); st.Now < fell.Add(24*api.Hour) || node(st).SilentAt < fell.Add(24*api.Hour) || once.Counts.Pending != 0 {
			t.Errorf("at %s, a day after the silence of %s: the lease runs from %s, %+v", st.Now, fell, node(st).SilentAt, once.Counts)
		}
	})
}

// The clock is set back an hour: records go on to be dated forward, and what is
// due comes, though late.
func TestTheClockIsSetBackAnHour(t *testing.T) {
	var clock wallClock
	c := run(t, Config{Wall: clock.now})
	a := join(t, c, "n1")
	a.hello()
	w := job("again", 1)
	w.Tasks[0].Restart = &api.Restart{Attempts: 2, Backoff: 200 * api.Millisecond, MaxBackoff: api.Second}
	_, seq := do(t, c, submit(w))
	var before api.Time
	view(t, c, seq, func(st *state.State) { before = st.Now })

	clock.set(-api.Hour)
	a.pull()
	for id := range a.held {
		must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{
			{Attempt: id, N: 1, Kind: api.ReportStarted},
			{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeFailed, ExitCode: 1}},
		}}))
	}
	until(t, c, "the second attempt", func(st *state.State) bool {
		return st.Named("default", "again").Groups[0].Tasks[0].Try == 2
	})
	view(t, c, 0, func(st *state.State) {
		if st.Now < before {
			t.Errorf("time ran back from %s to %s", before, st.Now)
		}
	})
}
