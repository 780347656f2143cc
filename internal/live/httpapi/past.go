package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Moment is a point of the past: a record, or the last one decided at a time.
type Moment struct {
	Record uint64
	Time   api.Time // when Record is 0
}

// Stood is the record after which something stood as it is told.
type Stood struct {
	Record uint64
	Time   api.Time
}

// ErrNoPast says that there is nothing at a moment: it is before the first record
// that is kept, or it has not come yet. It is wrapped with which.
var ErrNoPast = errors.New("there is no record of that")

// viewAt reads from the engine of the present or of the past.
func (s *Server) viewAt(ctx context.Context, at Reading, stand *Stand, f func(*engine.Engine)) error {
	if at.At != "" {
		return s.viewPast(ctx, at, stand, f)
	}
	return s.view(ctx, at, &stand.Seq, f)
}

// view reads from the engine, in bounded time, and notes at which sequence.
func (s *Server) view(ctx context.Context, at Reading, seq *uint64, f func(*engine.Engine)) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.ReadTimeout)
	defer cancel()
	got, err := s.cell.View(ctx, at.AtLeast, f)
	if err != nil {
		return problemOf(err)
	}
	*seq = got
	return nil
}

// viewPast reads from an engine of the past.
func (s *Server) viewPast(ctx context.Context, at Reading, stand *Stand, f func(*engine.Engine)) error {
	if at.AtLeast > 0 {
		return newProblem(http.StatusUnprocessableEntity, "at and atLeast exclude each other: the past does not change")
	}
	m, err := parseMoment(at.At)
	if err != nil {
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.PastTimeout)
	defer cancel()
	got, err := s.cell.Past(ctx, m, f)
	if errors.Is(err, context.DeadlineExceeded) {
		return retry(http.StatusServiceUnavailable,
			fmt.Sprintf("going back takes longer than %s: try again, or read a bundle or the stopped server's directory (--from)", s.opt.PastTimeout), time.Second)
	}
	if err != nil {
		return problemOf(err)
	}
	stand.Record, stand.Time = strconv.FormatUint(got.Record, 10), got.Time.String()
	return nil
}

func parseMoment(text string) (Moment, error) {
	if strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			return Moment{}, fmt.Errorf("at=%s: records are numbered from 1", text)
		}
		return Moment{Record: n}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return Moment{}, fmt.Errorf("at=%q is neither the number of a record nor a time as 2026-03-01T12:00:00Z", text)
	}
	return Moment{Time: api.Time(t.UnixNano())}, nil
}
