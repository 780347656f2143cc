package live

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// past is what this server keeps of the cell's history.
func (c *Cell) past() *history.Source {
	return &history.Source{Journal: c.journal, Archive: c.archive, Snapshots: c.snapshots}
}

// Records gives all records of the cell, from the first: those of the archive,
// then those of the journal.
func (c *Cell) Records(ctx context.Context) (iter.Seq2[journal.Entry, error], error) {
	return c.past().Records(ctx, 1)
}

// Past implements httpapi.Cell.
func (c *Cell) Past(ctx context.Context, m httpapi.Moment, f func(*engine.Engine)) (httpapi.Stood, error) {
	if m.Record == 0 && time.Unix(0, int64(m.Time)).After(time.Now().Add(ahead)) {
		return httpapi.Stood{}, fmt.Errorf("%w: %s is in the future", httpapi.ErrNoPast, m.Time)
	}
	return c.travel.view(ctx, c.past(), m, f)
}

// ahead is how far a caller's clock may be ahead of this one.
const ahead = 2 * time.Second

// travel goes back in time, once at a time, and keeps the last few states that
// were asked for, for a while: a list is read in pages. The zero travel is ready.
type travel struct {
	mu   sync.Mutex
	kept []visited   // the last used one last
	idle *time.Timer // lets them go
	busy chan struct{}
	once sync.Once
}

type visited struct {
	place  history.Place
	engine *engine.Engine // only read
}

// Bounds of going back. Each state that is kept takes as much memory as the
// present one.
const (
	travelKept  = 2
	travelIdle  = time.Minute // after the last use
	travelTries = 3
)

// view calls f with the engine of a moment.
func (t *travel) view(ctx context.Context, src *history.Source, m httpapi.Moment, f func(*engine.Engine)) (httpapi.Stood, error) {
	v, err := t.visit(ctx, src, m)
	if err != nil {
		return httpapi.Stood{}, pastError(err)
	}
	f(v.engine)
	return httpapi.Stood{Record: v.place.N, Time: v.place.Now}, nil
}

func (t *travel) visit(ctx context.Context, src *history.Source, m httpapi.Moment) (visited, error) {
	if v, ok := t.find(m.Record); ok {
		return v, nil
	}
	t.once.Do(func() { t.busy = make(chan struct{}, 1) })
	select {
	case t.busy <- struct{}{}:
		defer func() { <-t.busy }()
	case <-ctx.Done():
		return visited{}, &httpapi.BusyError{RetryAfter: time.Second}
	}
	n := m.Record
	if n == 0 {
		at, err := src.Locate(ctx, m.Time)
		if err != nil {
			return visited{}, err
		}
		n = at.N
	}
	if v, ok := t.find(n); ok {
		return v, nil
	}
	v, err := goBack(ctx, src, n)
	if err == nil {
		t.keep(v)
	}
	return v, err
}

// goBack rebuilds a state. A hole may only mean that the journal was shortened
// while it was read.
func goBack(ctx context.Context, src *history.Source, n uint64) (visited, error) {
	var hole *journal.HoleError
	for try := 1; ; try++ {
		st, at, err := src.At(ctx, n)
		switch {
		case err == nil:
			return visited{at, engine.NewFollower(st)}, nil
		case try == travelTries || !errors.As(err, &hole):
			return visited{}, err
		}
	}
}

func (t *travel) find(n uint64) (visited, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, v := range t.kept {
		if n > 0 && v.place.N == n {
			t.kept = append(append(t.kept[:i:i], t.kept[i+1:]...), v)
			t.used()
			return v, true
		}
	}
	return visited{}, false
}

func (t *travel) keep(v visited) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, v)
	t.kept = append([]visited(nil), t.kept[max(0, len(t.kept)-travelKept):]...)
	t.used()
}

// used puts off the time when what is kept is let go. mu is held.
func (t *travel) used() {
	if t.idle == nil {
		t.idle = time.AfterFunc(travelIdle, t.forget)
		return
	}
	t.idle.Reset(travelIdle)
}

func (t *travel) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = nil
}

// pastError says what the caller can do about it.
func pastError(err error) error {
	if errors.Is(err, history.ErrBefore) || errors.Is(err, history.ErrAhead) {
		return fmt.Errorf("%w: %w", httpapi.ErrNoPast, err)
	}
	var lost interface{ What() string }
	if errors.As(err, &lost) { // given up, or the server would not have started
		return fmt.Errorf("%w: %s", httpapi.ErrNoPast, lost.What())
	}
	return err
}
