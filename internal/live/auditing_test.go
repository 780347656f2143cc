package live

import (
	"context"
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/state"
)

// audited waits until everything that the journal holds was audited.
func audited(t *testing.T, c *Cell) {
	t.Helper()
	view(t, c, must[uint64](t)(c.journal.Last(t.Context())), func(*state.State) {})
	for end := time.Now().Add(wait); c.audit.lag() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the audit stays %d records behind", c.audit.lag())
		}
	}
}

func TestTheAuditFollowsTheLeader(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir, SnapshotEvery: 7}) // what it reads goes to the archive meanwhile
	a := join(t, c, "n1")
	a.hello()
	for i := range 30 {
		do(t, c, submit(job(fmt.Sprint("job-", i), 2)))
	}
	a.work(60)
	audited(t, c)
	if n, d := c.audit.audited.Load(), c.audit.divergences.Load(); n < 32 || d != 0 {
		t.Errorf("%d records were audited, %d of them differ: %v", n, d, c.Divergences())
	}
	closeCell(t, c)
	c = run(t, Config{Dir: dir})
	do(t, c, submit(job("again", 1)))
	audited(t, c)
	if n, d := c.audit.audited.Load(), c.audit.divergences.Load(); n < 2 || d != 0 {
		t.Errorf("after a restart %d records were audited, %d of them differ: %v", n, d, c.Divergences())
	}
	t.Logf("%d records, all audited, %d divergences", c.Status().Record, c.audit.divergences.Load())
}

// A divergence is counted and kept, and the server goes on. It is made here by an
// audit that begins with another state than the leader did.
func TestADivergenceIsKept(t *testing.T) {
	c := open(t, Config{})
	c.audit.auditor = history.NewAuditor("", func(context.Context, uint64) (*state.State, error) {
		st := state.New()
		st.NextID = 17
		return st, nil
	})
	go func() { _ = c.Run(context.WithoutCancel(t.Context())) }() // ends with Close
	<-c.Ready()
	do(t, c, submit(job("one", 1)))
	do(t, c, submit(job("two", 1)))
	audited(t, c)
	list := c.Divergences()
	if len(list) != 1 || list[0].Record != 2 || list[0].Event != 0 || list[0].Want == list[0].Got {
		t.Fatalf("found %v", list)
	}
	t.Log(list[0])
	if n := c.audit.divergences.Load(); n != 1 {
		t.Errorf("%d are counted", n)
	}
	view(t, c, 0, func(st *state.State) {
		if st.Now == api.Time(0) {
			t.Error("the server stopped")
		}
	})
}
