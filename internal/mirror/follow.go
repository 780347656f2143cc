package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/journal"
)

// follow reads connection after connection.
func (m *Mirror) follow(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		before := m.record()
		err := m.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if client.NotFound(err) {
			m.cfg.Log.Info("the server keeps no record from here on any more; begin anew", "record", before)
			err = m.fetch(ctx)
		}
		var bad *badRecordError
		if client.Conflict(err) || errors.As(err, &bad) {
			return fmt.Errorf("mirror the cell: %w: start with --anew", err)
		}
		m.disconnected(err)
		if m.record() > before {
			pause = firstPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Mirror) record() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.chain == nil {
		return 0
	}
	return m.chain.At().N
}

func (m *Mirror) disconnected(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = false
	if err == nil {
		return
	}
	if text := err.Error(); text != m.trouble {
		m.trouble = text
		m.cfg.Log.Warn("the cell is not followed at the moment", "error", err)
	}
}

// connect follows the journal over one connection.
func (m *Mirror) connect(ctx context.Context) error {
	if m.record() == 0 && m.state == nil {
		if err := m.fetch(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	at := m.chain.At()
	m.lag.connected()
	m.mu.Unlock()
	return m.cfg.Source.Journal(ctx, at.N, at.Hash, m.take)
}

// badRecordError says that a record cannot be what the cell decided.
type badRecordError struct{ err error }

func (e *badRecordError) Error() string { return e.err.Error() }
func (e *badRecordError) Unwrap() error { return e.err }

// take takes a record in, or word that there is none.
func (m *Mirror) take(r client.JournalRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lag.stamp(r.Sent, m.now())
	m.last = r.Last
	if !m.on {
		m.on, m.trouble = true, ""
		m.reached++
		m.cfg.Log.Info("the cell is followed", "server", m.cfg.Source.Server(), "record", m.chain.At().N, "of", r.Last)
	}
	if len(r.Data) > 0 {
		rec, ok, err := m.chain.Next(journal.Entry{Data: r.Data})
		if err == nil && !ok {
			err = fmt.Errorf("after record %d comes what is no record", m.chain.At().N)
		}
		if err == nil {
			err = m.fold(&rec, true)
		}
		if err != nil {
			return &badRecordError{err}
		}
		m.lag.folded(api.Time(rec.Now), m.now())
	}
	if len(r.Data) == 0 && len(m.arrived) > 0 {
		m.wakeUp() // they may have had to wait until all was caught up with
	}
	if m.unsaved >= checkpointRecords || m.unsaved > 0 && m.now().Sub(m.saved) >= checkpointAge {
		m.checkpoint()
	}
	return nil
}
