package trace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Reading is what a meter said at a moment.
type Reading struct {
	At    api.Duration // on the clock of the trace that it goes with: from its first submission
	Value float64      // NaN where the meter said nothing
}

// maxReadings is how many readings are taken: half a century of hours, or nine
// years of half minutes.
const maxReadings = 10_000_000

// Readings reads the CSV of a meter: a header, then a time and a value a line, the
// times rising. The header names the unit of the times: a column that begins with
// t_ms is in milliseconds, one that begins with t_s in seconds. An empty value is a
// gap. The text may be compressed with gzip.
func Readings(r io.Reader) ([]Reading, error) {
	plain, err := gunzip(r)
	if err != nil {
		return nil, err
	}
	l := newLines(plain)
	header, err := l.next()
	if err != nil {
		return nil, fmt.Errorf("line 1: there is no header: %w", err)
	}
	unit, err := unitOf(header)
	if err != nil {
		return nil, &RowError{l.n, err.Error()}
	}
	var out []Reading
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case len(out) == maxReadings:
			return nil, &RowError{l.n, fmt.Sprintf("more than %d readings", maxReadings)}
		}
		reading, err := readingOf(line, unit)
		if err == nil && len(out) > 0 && reading.At <= out[len(out)-1].At {
			err = errors.New("its time is not later than that of the line before")
		}
		if err != nil {
			return nil, &RowError{l.n, err.Error()}
		}
		out = append(out, reading)
	}
}

func unitOf(header string) (api.Duration, error) {
	first, _, ok := strings.Cut(strings.TrimPrefix(header, "\ufeff"), ",")
	switch {
	case ok && strings.HasPrefix(first, "t_ms"):
		return api.Millisecond, nil
	case ok && strings.HasPrefix(first, "t_s"):
		return api.Second, nil
	}
	return 0, fmt.Errorf("its header is %.60q: a meter's is like t_ms_since_start,power_w or t_s,power_w", header)
}

func readingOf(line string, unit api.Duration) (Reading, error) {
	at, value, ok := strings.Cut(line, ",")
	t, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64)
	if !ok || err != nil || t < 0 || t > math.MaxInt64/4/int64(unit) {
		return Reading{}, fmt.Errorf("%.40q is no time and value", line)
	}
	out := Reading{api.Duration(t) * unit, math.NaN()}
	if value = strings.TrimSpace(value); value == "" {
		return out, nil
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsInf(v, 0) {
		return Reading{}, fmt.Errorf("%.40q is no number", value)
	}
	out.Value = v
	return out, nil
}
