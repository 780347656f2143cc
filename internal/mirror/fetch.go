package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
)

// fetch begins with a bundle: a snapshot and the records after it, of which only is
// learnt how long things take.
func (m *Mirror) fetch(ctx context.Context) (err error) {
	dir := filepath.Join(m.cfg.Dir, fetchDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("fetch the cell's state: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.CreateTemp(dir, "bundle-*.zip")
	if err != nil {
		return fmt.Errorf("fetch the cell's state: %w", err)
	}
	if err := errors.Join(m.cfg.Source.Bundle(ctx, f, m.cfg.Records, false), f.Close()); err != nil {
		return fmt.Errorf("fetch the cell's state: %w", err)
	}
	b, err := history.OpenBundle(f.Name(), dir)
	if err != nil {
		return fmt.Errorf("fetch the cell's state: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return m.replay(ctx, &b.Source)
}

// replay takes in what a bundle holds.
func (m *Mirror) replay(ctx context.Context, src *history.Source) error {
	st, at := state.New(), journal.Link{}
	if src.Begin > 1 {
		base, place, err := src.At(ctx, src.Begin)
		if err != nil {
			return fmt.Errorf("fetch the cell's state: %w", err)
		}
		st, at = base, place.Link
	}
	entries, err := src.Records(ctx, at.N+1)
	if err != nil {
		return fmt.Errorf("fetch the cell's state: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	learnt := newMemory()
	if m.memory != nil {
		learnt.Count = m.memory.Count
	}
	m.begin(st, at, learnt)
	for _, id := range st.SortedWorkloads() {
		if w := st.Workloads[id]; w.Spec.Kind == api.KindJob && !w.Status.Final() && w.NextRun == 0 {
			learnt.Jobs[id] = &job{Started: rehearse.Began(w)}
		}
	}
	for v, err := range journal.Verify(entries, m.chain) {
		if err != nil {
			return fmt.Errorf("fetch the cell's state: %w", err)
		}
		if err := m.fold(&v.Record, false); err != nil {
			return &badRecordError{fmt.Errorf("fetch the cell's state: %w", err)}
		}
	}
	m.checkpoint()
	return nil
}
