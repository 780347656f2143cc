package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
)

// TestLedgerFails breaks the ledger's file under a running agent: what was to be
// written is written to a new one, and only then carried out.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	cfg := testConfig(t, c, t.TempDir())
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n, err := open(ctx, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ledger.file.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.work(ctx) }()
	as := job(1, shell("true"))
	c.assign(as)
	if r := c.result(t, as.Attempt); r.Outcome != api.OutcomeSucceeded {
		t.Errorf("got %+v", r)
	}
	cancel()
	if err := errors.Join(<-done, n.close()); err != nil {
		t.Error(err)
	}
}

// TestLeaseEnds cuts a node off: what may run at most once is stopped by the
// agent itself, the rest runs on.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	c := newCell(t)
	w := &cut{cell: c}
	cfg := testConfig(t, c, t.TempDir())
	cfg.Link = w
	runAgent(t, cfg)
	once, other := job(1, shell("sleep 60")), job(2, shell("sleep 60"))
	once.Task.AtMostOnce = true
	c.assign(once, other)
	c.until(t, "both starts", func() bool { return len(c.started) == 2 })
	pid := c.started[once.Attempt][0]
	w.off.Store(true)
	deadline := time.Now().Add(20 * time.Second)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatal("still running, long after the lease")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !alive(c.started[other.Attempt][0]) {
		t.Error("the other task was stopped, too")
	}
	w.off.Store(false)
	if r := c.result(t, once.Attempt); r.Outcome != api.OutcomeLost || r.Reason != "lease ended" {
		t.Errorf("got %+v", r)
	}
	c.change(func() {
		for i := range c.items {
			c.items[i].Desire, c.items[i].Task, c.items[i].Version = api.DesireStop, nil, c.version
		}
	})
	c.result(t, other.Attempt)
}

// cut is a link that can be cut without anyone being told.
type cut struct {
	*cell
	off atomic.Bool
}

func (w *cut) Request(ctx context.Context, verb string, body []byte) ([]byte, error) {
	if w.off.Load() {
		return nil, errors.New("no answer")
	}
	return w.cell.Request(ctx, verb, body)
}

func alive(pid int32) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}
