package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"drover.dev/api"
	"drover.dev/internal/journal"
)

// Locate finds the last record that was decided at t or before. Times of records
// never run backwards, so the archive is searched by halves: it costs a look at
// the beginning of a few segments, and the envelopes of one of them.
func (s *Source) Locate(ctx context.Context, t api.Time) (Place, error) {
	at, err := s.locate(ctx, t)
	if err != nil {
		return Place{}, fmt.Errorf("find the record at %s: %w", t, err)
	}
	return at, nil
}

func (s *Source) locate(ctx context.Context, t api.Time) (Place, error) {
	from := uint64(1)
	if s.Archive != nil {
		segments, err := s.Archive.Segments()
		if err != nil {
			return Place{}, err
		}
		var fault error
		after := sort.Search(len(segments), func(i int) bool {
			r, err := segments[i].Begin()
			if err != nil && fault == nil {
				fault = err
			}
			return api.Time(r.Now) > t
		})
		if fault != nil {
			return Place{}, fault
		}
		if after > 0 {
			from = segments[after-1].First()
		}
	}
	return s.scan(ctx, from, t)
}

// scan looks at the records from number from on; those are proved when they are
// used.
func (s *Source) scan(ctx context.Context, from uint64, t api.Time) (found Place, err error) {
	entries, err := s.Records(ctx, from)
	if err != nil {
		return Place{}, err
	}
	began := api.Time(0)
	for e, err := range entries {
		if err != nil {
			return Place{}, err
		}
		r, err := journal.Decode(e.Data)
		if err != nil {
			continue // a torn entry
		}
		if began == 0 {
			began = api.Time(r.Now)
		}
		if api.Time(r.Now) > t {
			break
		}
		found = Place{journal.Link{N: r.N, Hash: journal.Hash(e.Data)}, api.Time(r.Now)}
	}
	switch {
	case found.N > 0:
		return found, nil
	case began == 0:
		if _, at, _, err := s.base(math.MaxUint64); err == nil && at.N > 0 && at.Now <= t {
			return at, nil // a snapshot, and nothing after it
		}
		return Place{}, fmt.Errorf("%w: there is none", ErrBefore)
	}
	if _, at, _, err := s.base(s.Begin); err == nil && at.N > 0 && at.Now <= t {
		return at, nil
	}
	return Place{}, fmt.Errorf("%w, of %s", ErrBefore, began)
}

// Moment is the number of the record that a text means: a number, a time in RFC
// 3339, or "" for the last one.
func (s *Source) Moment(ctx context.Context, text string) (uint64, error) {
	if text == "" {
		at, err := s.Last(ctx)
		return at.N, err
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("%q is neither the number of a record nor a time: %w", text, err)
	}
	at, err := s.Locate(ctx, api.Time(t.UnixNano()))
	return at.N, err
}

// Last is the last record.
func (s *Source) Last(ctx context.Context) (Place, error) {
	at, err := s.locate(ctx, math.MaxInt64)
	switch {
	case errors.Is(err, ErrBefore):
		return Place{}, nil
	case err != nil:
		return Place{}, fmt.Errorf("find the last record: %w", err)
	}
	return at, nil
}
