package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// errUndecided is what those learn whose input the engine cannot decide. Why is
// in the log.
var errUndecided = errors.New("the command could not be decided, nothing was changed: this is a fault of the program, please report it")

// errOpen is what those learn who wait for a batch whose outcome is not known.
// Repeating the command under the same key is safe.
var errOpen = fmt.Errorf("%w: what became of the command is not known yet", httpapi.ErrNotLeader)

// leader is the goroutine that decides, and while another server leads follows
// what that one decides. It owns the engine.
type leader struct {
	cell    *Cell
	rules   *control.Leader
	clock   control.Clock
	engine  *engine.Engine
	encoder journal.Encoder
	last    journal.Link // the last record in the journal

	own      []engine.Input // inputs of the shell itself, next first
	opened   bool           // the record that opens this epoch stands in the journal
	flight   *flight
	suspects []queued // of a batch that could not be decided: tried one by one
	wake     api.Time // when the engine wants to be asked
	more     bool     // the engine has not done all that is due

	appended chan control.Appended
	read     chan readBack
	reading  bool // the journal is being read
	behind   bool // it holds more than was read
	outrun   bool // it held records of others when it was read back
	stuck    bool // that lasts; nothing more is taken
	checked  chan checked
	checking bool
	shorter  bool      // the journal ended before what was acknowledged, when it was last asked
	retry    time.Time // do not decide before: the journal has no room
}

// flight is the batch on its way into the journal.
type flight struct {
	fold    fold
	record  []byte
	items   []queued
	answers []state.Answer
	bytes   int
	own     int // how many of the first inputs are the shell's own
	at      time.Time
}

type readBack struct {
	folds map[uint64]fold
	more  bool // the journal holds more
	found control.ReadBack
	err   error
}

// How long to wait before trying again: to decide while the journal has no room;
// to read the journal.
const (
	retryPause = time.Second
	readPause  = 200 * time.Millisecond
)

// lead runs until ctx ends, or nothing can be decided or followed any more.
func (l *leader) lead(ctx context.Context) error {
	defer func() {
		l.fail(errOpen)
		failAll(l.suspects, errStopped)
	}()
	tick := time.NewTicker(l.cell.alive.tick)
	defer tick.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	if err := l.decide(ctx); err != nil {
		return err
	}
	for {
		due.Reset(l.untilDue())
		var err error
		select {
		case <-ctx.Done():
			return l.leave(context.WithoutCancel(ctx))
		case a := <-l.appended:
			err = l.handle(ctx, a)
		case r := <-l.read:
			err = l.recovered(ctx, r)
		case k := <-l.checked:
			err = l.confirmed(ctx, k)
		case <-tick.C:
			l.tick(ctx)
		case <-l.cell.cluster.news:
			l.follow(ctx)
			l.check(ctx)
		case <-l.cell.queue.wake:
		case <-due.C:
		}
		if err == nil {
			err = l.decide(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tick does what is to be done now and then.
func (l *leader) tick(ctx context.Context) {
	l.listen()
	if !l.cell.connected() {
		l.cell.cluster.woke()
	}
	l.cell.cluster.tick()
	l.despair()
	l.follow(ctx)
	l.check(ctx)
}

// leave waits for what is in flight, so that the journal is not in use any more.
func (l *leader) leave(ctx context.Context) error {
	var err error
	if l.rules.Phase == control.Appending {
		if a := <-l.appended; a.Outcome == control.Stored {
			err = l.handle(ctx, a)
		}
	}
	if l.reading {
		<-l.read
	}
	if l.checking {
		<-l.checked
	}
	return err
}

// untilDue is how long there is nothing to decide unless something happens.
func (l *leader) untilDue() time.Duration {
	const rarely = time.Hour
	pause := time.Until(l.retry)
	switch {
	case l.rules.Phase == control.Appending || l.rules.Phase == control.Recovering:
		return rarely // an outcome will come
	case pause > 0:
		return pause
	case l.rules.Phase == control.Following && (l.reading || l.behind || !l.cell.connected()):
		return rarely
	case l.rules.Phase == control.Following:
		return l.cell.cluster.untilDue()
	case l.wake != 0:
		return max(0, time.Until(time.Unix(0, int64(l.wake))))
	}
	return rarely
}

// listen passes on which nodes have fallen silent.
func (l *leader) listen() {
	if l.rules.Phase == control.Following {
		return
	}
	for _, c := range l.cell.alive.check() {
		l.own = append(l.own, heardOf(c))
	}
}

// handle carries out what the rules say to what happened.
func (l *leader) handle(ctx context.Context, in control.LeaderInput) error {
	for _, a := range l.rules.Handle(in) {
		if err := l.act(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (l *leader) act(ctx context.Context, a control.LeaderAction) error {
	switch a := a.(type) {
	case control.Begin:
		return l.begin(ctx, a.Epoch)
	case control.Append:
		l.append(ctx, a.Expect)
	case control.ReadFrom:
		l.readFrom(ctx, a.Seq)
	case control.Release:
		return l.release(ctx, a.Mark)
	case control.StepDown:
		l.stepDown(a.By)
	}
	return nil
}

// begin makes an engine from what stands in the journal. Every engine lives for
// one epoch, so that an audit can rebuild it at the same place.
func (l *leader) begin(ctx context.Context, epoch uint64) error {
	st, err := l.cell.shadow.clone(ctx, l.rules.Acked.N)
	if err != nil {
		return fmt.Errorf("lead epoch %d: %w", epoch, err)
	}
	l.engine, l.opened, l.more, l.wake = engine.New(st), false, false, 0
	l.clock.Saw(st.Now)
	lead := &engine.Lead{Epoch: epoch, Server: l.cell.cfg.Name}
	l.own = append([]engine.Input{lead}, l.own...)
	return nil
}

// decide makes the next batch, if there is something to decide.
func (l *leader) decide(ctx context.Context) error {
	if l.mayCampaign() {
		if err := l.handle(ctx, control.Campaign{}); err != nil {
			return err
		}
	}
	for l.rules.Phase == control.Leading && !time.Now().Before(l.retry) {
		did, err := l.step(ctx)
		if err != nil || !did {
			return err
		}
	}
	return nil
}

// mayCampaign tells whether it is time to ask to lead.
func (l *leader) mayCampaign() bool {
	if l.rules.Phase != control.Following || l.reading || l.behind || time.Now().Before(l.retry) || !l.cell.connected() {
		return false
	}
	if l.cell.cluster.untilDue() > 0 {
		return false
	}
	l.cell.cluster.tick() // the silence may be this server's own: it was asleep, and has heard nobody
	return l.cell.cluster.untilDue() <= 0
}

// release lets the effects of the batch in flight out: it stands in the journal.
func (l *leader) release(ctx context.Context, m control.Mark) error {
	l.cell.fail.At(pointAfterAppend)
	f := l.flight
	l.flight = nil
	for _, in := range l.own[:f.own] {
		if silent, ok := in.(*engine.Silent); ok {
			l.cell.alive.recorded(silent.Node, m.Seq)
		}
	}
	l.own = l.own[f.own:]
	l.cell.cluster.confirm(f.at)
	switch {
	case !l.opened:
		l.opened = true
		l.cell.opened(m.Epoch, l.engine.State(), f.at)
	case l.stuck:
		l.cell.queue.open()
	}
	l.stuck = false
	l.cell.stored(f, m.Seq, time.Since(f.at))
	f.fold.seq, f.fold.epoch = m.Seq, m.Epoch
	err := l.foldIn(ctx, f.fold)
	for i := range f.items {
		f.items[i].Tag.settle(f.answers[f.own+i], m.Seq, nil)
	}
	return err
}

// foldIn hands a record to the shadow.
func (l *leader) foldIn(ctx context.Context, f fold) error {
	l.last = f.at
	l.cell.last.Store(f.seq)
	return l.cell.shadow.push(ctx, f)
}

// stepDown throws the engine away. Unless another server leads, leading is tried
// again; what waits in the queue waits for that.
func (l *leader) stepDown(by uint64) {
	cause := errOpen
	if err := l.cell.storageError(); err != nil {
		cause = err
	}
	l.fail(cause)
	outrun, epoch := by > 0 || l.outrun, l.engine.State().Epoch
	l.engine, l.opened, l.outrun, l.stuck, l.own = nil, false, false, false, nil
	l.cell.leading.Store(false)
	l.cell.cluster.lost(by, outrun)
	if by > 0 || !l.cell.cluster.sole {
		failAll(l.suspects, errOpen)
		l.suspects = nil
		l.cell.queue.shut(errNobody)
	}
	l.cell.log.Warn("this leadership has ended", "epoch", epoch, "another", by)
}

// fail tells those who wait for the batch in flight.
func (l *leader) fail(err error) {
	if l.flight == nil {
		return
	}
	failAll(l.flight.items, err)
	l.flight = nil
}
