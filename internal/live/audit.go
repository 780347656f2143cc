package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// DivergenceError says that a record does not hold what its inputs lead to.
type DivergenceError struct {
	N    uint64
	Want []byte // the events in the record
	Got  []byte // what was decided now
}

func (e *DivergenceError) Error() string {
	return fmt.Sprintf("record %d: its inputs lead to other events (%d bytes) than it holds (%d bytes)", e.N, len(e.Got), len(e.Want))
}

// Audit decides records again, from their inputs, and compares the events byte
// by byte. The records must begin with the first of a journal. It returns how
// many agreed.
//
// A leader makes its engine anew from the state when it begins an epoch; the
// audit does the same at the record that opens one.
func Audit(entries iter.Seq2[journal.Entry, error]) (records int, err error) {
	a := auditor{engine: engine.New(state.New())}
	var torn *journal.TornError
	for v, err := range journal.Verify(entries, journal.NewVerifier(journal.Link{})) {
		if errors.As(err, &torn) {
			break
		}
		if err != nil {
			return records, fmt.Errorf("audit: %w", err)
		}
		if err := a.record(&v.Record); err != nil {
			return records, fmt.Errorf("audit: %w", err)
		}
		records++
	}
	return records, nil
}

type auditor struct {
	engine  *engine.Engine
	encoder journal.Encoder
}

func (a *auditor) record(r *journal.Record) error {
	inputs, err := r.DecodeInputs()
	if err != nil {
		return err
	}
	if len(inputs) > 0 {
		if _, opens := inputs[0].(*engine.Lead); opens {
			if err := a.renew(); err != nil {
				return err
			}
		}
	}
	out, err := a.engine.Step(api.Time(r.Now), inputs)
	if err == nil {
		err = engine.Check(a.engine, out)
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", r.N, err)
	}
	got, err := a.encoder.Events(out.Events)
	if err != nil {
		return fmt.Errorf("record %d: %w", r.N, err)
	}
	if !bytes.Equal(got, r.Events) {
		return &DivergenceError{N: r.N, Want: r.Events, Got: bytes.Clone(got)}
	}
	return nil
}

func (a *auditor) renew() error {
	b, err := journal.EncodeState(a.engine.State())
	if err != nil {
		return err
	}
	st, err := journal.DecodeState(b)
	if err != nil {
		return err
	}
	a.engine = engine.New(st)
	return nil
}

// Records gives all records of the cell, from the first: those of the archive,
// then those of the journal.
func (c *Cell) Records(ctx context.Context) (iter.Seq2[journal.Entry, error], error) {
	return c.entriesAfter(ctx, journal.Link{})
}

// Audit decides all records of the cell's archive and journal again.
func (c *Cell) Audit(ctx context.Context) (records int, err error) {
	entries, err := c.Records(ctx)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return Audit(entries)
}
