package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Divergence says that a record does not hold what its inputs lead to.
type Divergence struct {
	Record uint64   `json:"record"`
	Epoch  uint64   `json:"epoch"`
	Now    api.Time `json:"now"`
	Build  string   `json:"build"` // that decided it
	Event  int      `json:"event"` // the first one that differs, counted from 0
	Want   string   `json:"want"`  // that event in the record; "" when there is none
	Got    string   `json:"got"`   // what was decided now, or why nothing could be
}

// Error names the record and the first event that differs.
func (d *Divergence) Error() string {
	return fmt.Sprintf("record %d (epoch %d, build %s): its inputs lead to another event %d than it holds: decided now is %s, recorded is %s",
		d.Record, d.Epoch, d.Build, d.Event, orNothing(d.Got), orNothing(d.Want))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Auditor decides records again, from their inputs, and compares the events byte
// by byte. A leader makes its engine anew from the state when it opens an epoch;
// the auditor does the same at the record that opens one, and passes over what
// comes before the first of them. It is not safe for concurrent use.
type Auditor struct {
	// State gives a state of the auditor's own as it stood after a record. It is
	// asked at the first epoch, and at the first one after a divergence.
	state   func(ctx context.Context, n uint64) (*state.State, error)
	build   string         // of this program; "" takes all records for its own
	engine  *engine.Engine // nil: it waits for an epoch to begin
	encoder journal.Encoder
}

// NewAuditor makes an auditor that gets the states it begins with from at. Another
// build may decide otherwise by right: where a record of one differs, the auditor
// passes over the rest of the epoch.
func NewAuditor(build string, at func(ctx context.Context, n uint64) (*state.State, error)) *Auditor {
	return &Auditor{build: build, state: at}
}

// Next audits the next record; done is false when it was passed over. A
// [*Divergence] is the only error after which the next record may follow.
func (a *Auditor) Next(ctx context.Context, r *journal.Record) (done bool, err error) {
	inputs, err := r.DecodeInputs()
	if err != nil {
		return false, err
	}
	if opens(inputs) {
		if err := a.renew(ctx, r.N-1); err != nil {
			return false, fmt.Errorf("audit from record %d on: %w", r.N, err)
		}
	}
	if a.engine == nil {
		return false, nil
	}
	if err := a.compare(r, inputs); err != nil {
		a.engine = nil // it is ahead of the record, or beside it
		if a.build != "" && a.build != r.Build {
			return false, nil
		}
		return true, err
	}
	return true, nil
}

func opens(inputs []engine.Input) bool {
	if len(inputs) == 0 {
		return false
	}
	_, yes := inputs[0].(*engine.Lead)
	return yes
}

// renew makes the engine from the state after record n, as a leader does.
func (a *Auditor) renew(ctx context.Context, n uint64) (err error) {
	var st *state.State
	if old := a.engine; old == nil {
		st, err = a.state(ctx, n)
	} else {
		a.engine = nil // what it knows is moved
		st, err = journal.MoveState(old.State())
	}
	if err != nil {
		return err
	}
	a.engine = engine.New(st)
	return nil
}

func (a *Auditor) compare(r *journal.Record, inputs []engine.Input) error {
	out, err := a.engine.Step(api.Time(r.Now), inputs)
	if err == nil {
		err = engine.Check(a.engine, out)
	}
	if err != nil {
		return divergence(r, 0, "", err.Error())
	}
	got, err := a.encoder.Events(out.Events)
	if err != nil {
		return divergence(r, 0, "", err.Error())
	}
	if bytes.Equal(got, r.Events) {
		return nil
	}
	return a.differ(r, out.Events)
}

// differ finds the first event that differs.
func (a *Auditor) differ(r *journal.Record, got []state.Event) error {
	want, err := r.DecodeEvents()
	if err != nil {
		return err
	}
	for i := range max(len(got), len(want)) {
		w, g := text(want, i), text(got, i)
		if w != g {
			return divergence(r, i, w, g)
		}
	}
	return divergence(r, len(want), "", "the same events in other bytes")
}

func divergence(r *journal.Record, event int, want, got string) error {
	return &Divergence{Record: r.N, Epoch: r.Epoch, Now: api.Time(r.Now), Build: r.Build, Event: event, Want: want, Got: got}
}

// text shows an event of a list.
func text(list []state.Event, i int) string {
	if i >= len(list) {
		return ""
	}
	b, err := json.Marshal(list[i])
	if err != nil {
		b = []byte(err.Error())
	}
	return strings.TrimPrefix(fmt.Sprintf("%T ", list[i]), "*state.") + string(b[:min(len(b), maxText)])
}

// maxText bounds what a divergence keeps of an event, in bytes.
const maxText = 16 << 10

// KindOf is what sort of event a divergence shows, without what is in it.
func KindOf(event string) string {
	kind, _, _ := strings.Cut(event, " {")
	return orNothing(kind)
}

// Audit decides records again and returns how many agreed. The records must begin
// with the first of a journal.
func Audit(ctx context.Context, entries iter.Seq2[journal.Entry, error]) (records int, err error) {
	a := NewAuditor("", func(context.Context, uint64) (*state.State, error) { return state.New(), nil })
	var torn *journal.TornError
	for v, err := range journal.Verify(entries, journal.NewVerifier(journal.Link{})) {
		if errors.As(err, &torn) {
			break
		}
		if err == nil {
			_, err = a.Next(ctx, &v.Record)
		}
		if err != nil {
			return records, fmt.Errorf("audit: %w", err)
		}
		records++
	}
	return records, nil
}
