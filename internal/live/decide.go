package live

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// step decides one batch; false when there is nothing to do.
func (l *leader) step(ctx context.Context) (bool, error) {
	now, jump := l.clock.Now(l.cell.cfg.Wall(), l.cell.alive.now())
	if jump > api.Duration(l.cell.alive.pause) {
		l.listen() // before anything is due at the new time: leases are to run anew
	}
	items := l.next()
	if len(l.own) == 0 && len(items) == 0 && !l.more && (l.wake == 0 || now < l.wake) {
		return false, nil
	}
	if err := l.cell.room(journal.MaxRecord); err != nil {
		l.full(items, err)
		return false, nil
	}
	f := &flight{items: items, own: l.ownShare(), at: time.Now()}
	inputs := append(make([]engine.Input, 0, f.own+len(items)), l.own[:f.own]...)
	for i := range items {
		inputs = append(inputs, items[i].Input)
		f.bytes += items[i].Size
	}
	out, err := l.try(now, inputs)
	if err == nil {
		l.wake, l.more = out.Wake, out.More
		if len(inputs) == 0 && len(out.Events) == 0 {
			return out.More, nil
		}
		err = l.encode(f, now, inputs, out)
	}
	if err != nil {
		return true, l.undecided(ctx, items, err)
	}
	l.flight = f
	l.cell.fail.At(pointBeforeAppend)
	return true, l.handle(ctx, control.Decided{Hash: f.fold.at.Hash})
}

// try has the engine decide. An input that makes it panic must not stop the
// server again and again: it is found and refused like one that it cannot decide.
func (l *leader) try(now api.Time, inputs []engine.Input) (out engine.Output, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the engine panicked: %v\n%s", r, debug.Stack())
		}
	}()
	if out, err = l.engine.Step(now, inputs); err == nil {
		err = engine.Check(l.engine, out)
	}
	return out, err
}

// next takes the inputs of the next batch. Until the epoch is open it is only
// the record that opens it.
func (l *leader) next() []queued {
	if !l.opened {
		return nil
	}
	if len(l.suspects) > 0 {
		one := l.suspects[:1:1]
		l.suspects = l.suspects[1:]
		return one
	}
	return l.cell.queue.take()
}

// ownShare is how many of the shell's own inputs fit into a batch. What follows
// from a silence grows with the tasks of the node.
func (l *leader) ownShare() int {
	size := 0
	for i, in := range l.own {
		size += 64
		if s, ok := in.(*engine.Silent); ok {
			if n := l.engine.State().Nodes[s.Node]; n != nil {
				size += 32 * len(n.Held)
			}
		}
		if size > l.cell.cfg.Limits.Bytes/2 {
			return max(i, 1)
		}
	}
	return len(l.own)
}

// encode makes the record of a batch.
func (l *leader) encode(f *flight, now api.Time, inputs []engine.Input, out engine.Output) error {
	encoded := make([][]byte, 0, len(inputs))
	for _, in := range inputs[:f.own] {
		b, err := journal.EncodeInput(in)
		if err != nil {
			return err
		}
		encoded = append(encoded, b)
	}
	for i := range f.items {
		encoded = append(encoded, f.items[i].Tag.encoded)
	}
	events, err := l.encoder.Events(out.Events)
	if err != nil {
		return err
	}
	r := journal.Record{
		Format: journal.Format, MinReader: journal.Format, N: l.last.N + 1, PrevHash: l.last.Hash,
		Epoch: l.rules.Epoch, Now: int64(now), Build: l.cell.cfg.Build, Inputs: l.encoder.Inputs(encoded), Events: events,
	}
	if f.record, err = journal.Encode(r); err != nil {
		return err
	}
	f.answers = out.Answers
	f.fold = fold{
		at:  journal.Link{N: r.N, Hash: journal.Hash(f.record)},
		now: now, inputs: inputs, events: out.Events, size: len(f.record),
	}
	return nil
}

// undecided deals with a batch that the engine could not decide. The engine is
// of no use any more. If one input is to blame, deciding them one by one finds
// it, and only that one fails.
func (l *leader) undecided(ctx context.Context, items []queued, cause error) error {
	l.cell.log.Error("a batch could not be decided", "inputs", len(items), "error", cause)
	switch len(items) {
	case 0:
		return fmt.Errorf("decide record %d: %w: this is a fault of the program, please report it; the journal is not harmed", l.last.N+1, cause)
	case 1:
		items[0].Tag.settle(state.Answer{}, 0, errUndecided)
	default:
		l.suspects = append(l.suspects, items...)
	}
	return l.handle(ctx, control.Abandoned{})
}

// full refuses what waits, since the journal cannot take it. Nothing was decided.
func (l *leader) full(items []queued, cause error) {
	err := fmt.Errorf("%w: %w", httpapi.ErrStorage, cause)
	l.retry = time.Now().Add(retryPause)
	failAll(items, err)
	for more := l.cell.queue.take(); len(more) > 0; more = l.cell.queue.take() {
		failAll(more, err)
	}
	l.cell.storageLost(err)
}
