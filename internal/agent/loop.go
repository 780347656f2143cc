package agent

import (
	"context"
	"time"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
)

// batch is what waits for the disk: records, and the actions that may follow
// when they are durable.
type batch struct {
	records []core.Record
	actions []core.Action
	sync    bool // someone waits for it
	whole   bool // records are a snapshot: write the ledger anew
}

func (b *batch) add(out *core.Output) {
	if !out.Record.Empty() {
		b.records = append(b.records, out.Record)
	}
	b.actions = append(b.actions, out.Actions...)
	b.sync = b.sync || out.Sync
}

// diskRetry is the wait after a write that failed.
const diskRetry = time.Second

// loop is the agent's one thread of decisions. While the disk syncs one batch,
// the next gathers: under load, hundreds of starts and reports share a sync, and
// a slow disk delays neither heartbeats nor the stop of a task.
type loop struct {
	n       *node
	next    batch // gathers
	current batch // is with the writer
	busy    bool  // there is such a one
	failed  bool  // the last write failed
	since   time.Time
	jobs    chan batch
	done    chan error
	timer   *time.Timer
}

// run steps until ctx ends or, when closing, until everything has been stopped.
func (n *node) run(ctx context.Context) {
	l := &loop{n: n, jobs: make(chan batch), done: make(chan error), timer: time.NewTimer(0)}
	go l.write()
	defer l.close()
	var spare []core.Input
	stop := ctx.Done()
	var deadline <-chan time.Time
	n.post(core.Resume{})
	for {
		select {
		case <-n.inbox.signal:
		case <-l.timer.C:
		case err := <-l.done:
			l.written(err)
		case <-stop:
			if !n.cfg.StopTasks {
				return
			}
			stop, deadline = nil, time.After(n.cfg.StopWait)
			n.log.Info("stopping all tasks")
			n.post(core.Shutdown{})
		case <-deadline:
			n.log.Warn("not all tasks were stopped and reported in time; the next agent goes on with them", "held", n.core.Len())
			return
		}
		spare = n.inbox.take(spare)
		if l.step(spare) {
			return
		}
	}
}

// step lets the core decide; true is the end of a shutdown.
func (l *loop) step(inputs []core.Input) (done bool) {
	n := l.n
	now := sinceBoot()
	out := n.core.Step(now, inputs...)
	n.after(inputs)
	for _, a := range out.Urgent {
		n.carryOut(a)
	}
	if m := out.Record.Lease; m != nil {
		if err := writeLease(n.dirs.lease(), m.Until); err != nil {
			n.log.Error("the lease cannot be written: tasks marked atMostOnce will stop", "error", err)
		}
	}
	l.next.add(&out)
	l.flush()
	l.rearm(now, out.Next)
	return out.Done
}

// rearm sets the timer for what is due next.
func (l *loop) rearm(now, next api.Duration) {
	wait := time.Hour
	if next > 0 {
		wait = max(time.Duration(next-now), 0)
	}
	if l.failed {
		wait = min(wait, diskRetry)
	}
	l.timer.Reset(wait)
}

// lazyRecords is how many records may wait in memory for a sync that others need.
const lazyRecords = 256

// flush hands what gathered to the writer. What need not wait for the disk is
// done at once, and its records wait until something is synced anyway.
func (l *loop) flush() {
	if l.busy || (l.failed && time.Since(l.since) < diskRetry) {
		return
	}
	if !l.next.sync && !l.failed {
		l.carryOut(l.next.actions)
		l.next.actions = nil
		if len(l.next.records) < lazyRecords {
			return
		}
	}
	l.current, l.next = l.next, batch{}
	if l.failed || l.n.ledger.bulky() {
		l.current.records, l.current.whole = l.n.core.Snapshot(), true
	}
	l.busy = true
	l.jobs <- l.current
}

func (l *loop) carryOut(actions []core.Action) {
	for _, a := range actions {
		l.n.carryOut(a)
	}
}

// write is the writer: the only one to touch the ledger after the start.
func (l *loop) write() {
	defer close(l.done)
	for b := range l.jobs {
		reports := b.reports()
		if reports {
			l.n.fail.At(pointBeforeSync)
		}
		var err error
		if b.whole {
			err = l.n.ledger.rewrite(b.records)
		} else {
			err = l.n.ledger.append(b.records, b.sync)
		}
		if reports && err == nil {
			l.n.fail.At(pointAfterSync)
		}
		l.done <- err
	}
}

// written does what had to wait. After an error nothing is known of the file's
// end, so all that the core holds is written to a new one, until that works.
func (l *loop) written(err error) {
	b := l.current
	l.current, l.busy = batch{}, false
	l.failed, l.since = err != nil, time.Now()
	if err == nil {
		l.carryOut(b.actions)
		return
	}
	l.n.log.Error("the ledger cannot be written, and nothing is started or reported until it can: is the disk full?",
		"path", l.n.ledger.path, "err", err)
	l.next.actions = append(b.actions, l.next.actions...)
	l.next.sync = true
}

// close ends the writer, and leaves nothing in memory that was not asked to wait
// for the disk. Starts that are not carried out must not be written.
func (l *loop) close() {
	l.timer.Stop()
	close(l.jobs)
	for range l.done {
	}
	if l.next.sync || l.failed || len(l.next.records) == 0 {
		return
	}
	if err := l.n.ledger.append(l.next.records, true); err != nil {
		l.n.log.Warn("the ledger's last records are not written; the server will be told some things twice", "err", err)
	}
}

// reports tells whether the batch makes a report durable.
func (b *batch) reports() bool {
	for i := range b.records {
		if len(b.records[i].Reports) > 0 {
			return true
		}
	}
	return false
}

// after looks at inputs for what is to be said or done beside the core.
func (n *node) after(inputs []core.Input) {
	for _, in := range inputs {
		switch in := in.(type) {
		case core.Set:
			if len(in.Set.Items) > 0 {
				n.fail.At(pointAfterAssign)
			}
		case core.Welcomed:
			n.welcomed(in.Welcome)
		case core.Ended:
			n.log.Debug("ended", "attempt", in.ID, "outcome", in.Result.Outcome, "reason", in.Result.Reason)
		}
	}
}

func (n *node) welcomed(w api.Welcome) {
	if w.Epoch < n.core.Epoch() {
		n.log.Error("the server is older than one that this node obeyed before and is not obeyed: if its cell was made anew, give the agent a new data directory",
			"epoch", w.Epoch, "seen", n.core.Epoch())
		return
	}
	n.once.Do(func() {
		n.log.Info("registered", "node", n.self.Name, "site", n.self.Site, "layer", n.self.Layer, "drivers", n.self.Drivers)
		if n.cfg.OnReady != nil {
			n.cfg.OnReady(n.self)
		}
	})
}
