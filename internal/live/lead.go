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

// ErrDeposed says that another server leads the cell.
var ErrDeposed = errors.New("another server leads this cell")

// errUndecided is what those learn whose input the engine cannot decide. Why is
// in the log.
var errUndecided = errors.New("the command could not be decided, nothing was changed: this is a fault of the program, please report it")

// errOpen is what those learn who wait for a batch whose outcome is not known.
// Repeating the command under the same key is safe.
var errOpen = fmt.Errorf("%w: what became of the command is not known yet", httpapi.ErrNotLeader)

// leader is the goroutine that decides. It owns the engine.
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
	retry    time.Time // do not decide before: the journal has no room, or nobody leads
	losses   int       // leaderships lost in a row
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
	found control.ReadBack
	err   error
}

// How long to wait before trying again: doubling, to lead; to decide while the
// journal has no room; to read the journal.
const (
	firstPause = 5 * time.Millisecond
	retryPause = time.Second
	readPause  = 200 * time.Millisecond
)

// lead runs until ctx ends, another server leads, or nothing can be decided any
// more.
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
		case <-tick.C:
			l.listen()
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

// leave waits for what is in flight, so that the journal is not in use any more.
func (l *leader) leave(ctx context.Context) error {
	var err error
	switch l.rules.Phase {
	case control.Appending:
		if a := <-l.appended; a.Outcome == control.Stored {
			err = l.handle(ctx, a)
		}
	case control.Recovering:
		<-l.read
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
	case l.rules.Phase == control.Following:
		return 0
	case l.wake != 0:
		return max(0, time.Until(time.Unix(0, int64(l.wake))))
	}
	return rarely
}

// listen passes on which nodes have fallen silent.
func (l *leader) listen() {
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
		return l.stepDown(a.By)
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
	if l.rules.Phase == control.Following && !time.Now().Before(l.retry) {
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

// release lets the effects of the batch in flight out: it stands in the journal.
func (l *leader) release(ctx context.Context, m control.Mark) error {
	l.cell.fail.At(pointAfterAppend)
	f := l.flight
	l.flight, l.losses = nil, 0
	l.own = l.own[f.own:]
	if !l.opened {
		l.opened = true
		l.cell.opened(m.Epoch, l.engine.State())
	}
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
	return l.cell.shadow.push(ctx, f)
}

// stepDown throws the engine away. Unless another server leads, leading is tried
// again.
func (l *leader) stepDown(by uint64) error {
	cause := errOpen
	if err := l.cell.storageError(); err != nil {
		cause = err
	}
	l.fail(cause)
	l.engine, l.opened = nil, false
	l.cell.leading.Store(false)
	if len(l.own) > 0 {
		if _, ok := l.own[0].(*engine.Lead); ok {
			l.own = l.own[1:]
		}
	}
	if by > 0 {
		return fmt.Errorf("%w: its epoch is %d; stop one of the two", ErrDeposed, by)
	}
	l.losses++
	l.retry = time.Now().Add(min(retryPause, firstPause<<min(l.losses, 10)))
	l.cell.log.Warn("this leadership has ended, the next one begins", "epoch", l.rules.Epoch)
	return nil
}

// fail tells those who wait for the batch in flight.
func (l *leader) fail(err error) {
	if l.flight == nil {
		return
	}
	failAll(l.flight.items, err)
	l.flight = nil
}
