package history

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Step is one record as replay passes it.
type Step struct {
	Record  uint64         `json:"record"`
	Epoch   uint64         `json:"epoch"`
	Time    api.Time       `json:"time"`
	Build   string         `json:"build"`
	Audited bool           `json:"audited"` // decided again, with the same events
	Events  map[string]int `json:"events"`  // by kind
}

// Replayed is what a replay came to.
type Replayed struct {
	Base        uint64        `json:"base"` // record of the snapshot it began with; 0: none
	Records     uint64        `json:"records"`
	Audited     uint64        `json:"audited"`
	Divergences []*Divergence `json:"divergences"`
	At          uint64        `json:"at"` // the last record
	Time        api.Time      `json:"time"`
	State       *state.State  `json:"-"`
}

// Replay folds the records from the first state that is known up to record upto
// (0 is the last one), audits them, and tells each of them.
func (s *Source) Replay(ctx context.Context, upto uint64, build string, each func(Step)) (out Replayed, err error) {
	defer senseless(&err)
	st, at, _, err := s.base(s.Begin)
	if err == nil && upto > 0 && upto < max(s.Begin, 1) {
		err = fmt.Errorf("%w that is kept here: it begins at %d", ErrBefore, s.Begin)
	}
	to := "to the last record"
	if upto > 0 {
		to = fmt.Sprintf("to record %d", upto)
	}
	if err != nil {
		return Replayed{}, fmt.Errorf("replay %s: %w", to, err)
	}
	out = Replayed{Base: at.N, At: at.N, Time: at.Now, State: st, Divergences: []*Divergence{}}
	a := NewAuditor(build, func(context.Context, uint64) (*state.State, error) { return journal.CopyState(st) })
	for v, err := range s.verified(ctx, at.Link) {
		if out.At == upto && upto > 0 {
			break
		}
		if err == nil {
			err = out.step(ctx, a, &v, each)
		}
		if err != nil {
			return out, fmt.Errorf("replay %s: %w", to, onlyWhat(err))
		}
	}
	if upto > out.At {
		return out, fmt.Errorf("replay %s: %w: the last is %d", to, ErrAhead, out.At)
	}
	return out, nil
}

// onlyWhat leaves out of a damaged journal's error what a server could do about it.
func onlyWhat(err error) error {
	var short interface{ What() string }
	if errors.As(err, &short) {
		return errors.New(short.What())
	}
	return err
}

func (p *Replayed) step(ctx context.Context, a *Auditor, v *journal.Verified, each func(Step)) error {
	r := &v.Record
	done, err := a.Next(ctx, r)
	var d *Divergence
	if errors.As(err, &d) {
		p.Divergences = append(p.Divergences, d)
	} else if err != nil {
		return err
	}
	if err := fold(p.State, r); err != nil {
		return err
	}
	events, err := r.DecodeEvents()
	if err != nil {
		return err
	}
	s := Step{Record: r.N, Epoch: r.Epoch, Time: api.Time(r.Now), Build: r.Build, Audited: done && d == nil, Events: map[string]int{}}
	for _, ev := range events {
		s.Events[strings.TrimPrefix(fmt.Sprintf("%T", ev), "*state.")]++
	}
	p.Records++
	if done {
		p.Audited++
	}
	p.At, p.Time = r.N, s.Time
	each(s)
	return nil
}
