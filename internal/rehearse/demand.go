// Package rehearse brings traces, described fleets and the twin together: it is
// the shell around worlds in virtual time.
package rehearse

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// maxRows bounds a trace that must be read whole because it is not in order.
const maxRows = 20_000_000

// Trace is a demand that was opened and the fault that ended it.
type Trace struct {
	Format  trace.Format
	skip    *trace.Skipping // nil when bad rows end the reading
	reader  trace.Reader
	rows    []trace.Row // those of an unordered trace, not given out yet
	started bool
	first   api.Duration // Submit of the first row
	n       int
	err     error
}

// Options of a trace.
type Options struct {
	Format string // "" finds it out
	Skip   bool   // pass over bad rows, and count them
}

// TraceError says what is wrong with a trace.
type TraceError struct{ Err error }

// Error gives the cause, which names the line where one is known.
func (e *TraceError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *TraceError) Unwrap() error { return e.Err }

// OpenTrace opens a trace for a run; errors are a [TraceError]. A trace whose rows are not in order is read
// whole.
func OpenTrace(r io.Reader, o Options) (*Trace, error) {
	reader, f, err := trace.Open(r, o.Format)
	if err != nil {
		return nil, &TraceError{err}
	}
	t := &Trace{Format: f, reader: reader}
	if o.Skip {
		t.skip = &trace.Skipping{Reader: reader}
		t.reader = t.skip
	}
	if f.Unordered {
		if t.rows, err = trace.All(t.reader, maxRows); err != nil {
			return nil, &TraceError{fmt.Errorf("read %s trace: %w", f.Name, err)}
		}
		t.reader = nil
	}
	return t, nil
}

// Skipped is how many rows could not be read so far, and why the first could not.
func (t *Trace) Skipped() (int, error) {
	if t.skip == nil || t.skip.First == nil {
		return 0, nil
	}
	return t.skip.Skipped, t.skip.First
}

// Err is what ended the demand early; nil at the trace's own end.
func (t *Trace) Err() error { return t.err }

// Demand is the trace's work, beginning at start, placed by a strategy; "" is the
// cell's own.
func (t *Trace) Demand(start api.Time, strategy string) twin.Demand {
	return func() (twin.Arrival, bool) {
		row, err := t.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.err = &TraceError{fmt.Errorf("read %s trace: %w", t.Format.Name, err)}
			}
			return twin.Arrival{}, false
		}
		if !t.started {
			t.started, t.first = true, row.Submit
		}
		t.n++
		a := Arrival(&row, t.n)
		a.Workload.Strategy = strategy
		a.At = start.Add(max(row.Submit-t.first, 0))
		return a, true
	}
}

func (t *Trace) next() (trace.Row, error) {
	if t.reader != nil {
		return t.reader.Next()
	}
	if len(t.rows) == 0 {
		return trace.Row{}, io.EOF
	}
	row := t.rows[0]
	t.rows = t.rows[1:]
	return row, nil
}

// Arrival makes the n-th job of a row, of a tenant for each user. Elements of one row run
// side by side.
func Arrival(r *trace.Row, n int) twin.Arrival {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job-" + strconv.Itoa(n), Priority: r.Priority, Deadline: r.Deadline, Gang: r.Count > 1,
		Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: r.Count, Resources: r.Each, Duration: r.Estimate}},
	}
	if tenant := strings.ToLower("user-" + r.User); r.User != "" && api.ValidName(tenant) {
		w.Tenant = tenant
	}
	w.Normalize()
	return twin.Arrival{Workload: w, Truth: []twin.Truth{{
		Run: r.Run, CPU: meanUse(r), Code: r.Program, Program: r.Size, In: r.In, Out: r.Out,
	}}}
}

// meanUse is what an element used on average; 0 when the trace does not tell.
func meanUse(r *trace.Row) api.Milli {
	if len(r.Use) == 0 {
		return 0
	}
	sum := int64(0)
	for _, u := range r.Use {
		sum += int64(u)
	}
	return max(api.Milli(sum/int64(len(r.Use))), 1)
}

// ReadRows reads the rows of a whole trace in the order of their submission, which
// is counted from the first. Options' Skip passes over bad rows without a word.
func ReadRows(r io.Reader, o Options) ([]trace.Row, error) {
	reader, f, err := trace.Open(r, o.Format)
	if err != nil {
		return nil, &TraceError{err}
	}
	if o.Skip {
		reader = &trace.Skipping{Reader: reader}
	}
	rows, err := trace.All(reader, maxRows)
	if err != nil {
		return nil, &TraceError{fmt.Errorf("read %s trace: %w", f.Name, err)}
	}
	return rows, nil
}
