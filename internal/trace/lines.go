package trace

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"drover.dev/api"
)

// maxLine bounds a line in bytes: use lists are long, a month at 30 s is 600 KiB.
const maxLine = 16 << 20

// lines reads a text line by line and knows where it is.
type lines struct {
	scan   *bufio.Scanner
	n      int // of the line read last
	ahead  string
	peeked bool
}

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &lines{scan: s}
}

// peek gives the next line without taking it; "" at the end.
func (l *lines) peek() (string, error) {
	if !l.peeked {
		line, err := l.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if err == nil {
			l.ahead, l.peeked = line, true
		}
	}
	return l.ahead, nil
}

// next takes the next line that is not empty.
func (l *lines) next() (string, error) {
	if l.peeked {
		l.peeked = false
		if l.ahead != "" {
			return l.ahead, nil
		}
	}
	return l.read()
}

func (l *lines) read() (string, error) {
	for l.scan.Scan() {
		l.n++
		if s := strings.TrimRight(l.scan.Text(), "\r \t"); s != "" {
			return s, nil
		}
	}
	switch err := l.scan.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", fmt.Errorf("line %d has more than %d bytes", l.n+1, maxLine)
	case err != nil:
		return "", fmt.Errorf("after line %d: %w", l.n, err)
	}
	return "", io.EOF
}

func (l *lines) fault(format string, args ...any) error {
	return &RowError{Line: l.n, Reason: fmt.Sprintf(format, args...)}
}

// table reads lines of separated values under a header.
type table struct {
	*lines
	columns map[string]int
	fields  []string
}

// newTable takes the header; it must have these columns.
func newTable(l *lines, want ...string) (*table, error) {
	head, err := l.next()
	if err != nil {
		return nil, fmt.Errorf("read its header: %w", err)
	}
	t := &table{lines: l, columns: map[string]int{}}
	for i, name := range strings.Split(head, ",") {
		t.columns[strings.TrimSpace(name)] = i
	}
	for _, name := range want {
		if _, ok := t.columns[name]; !ok {
			return nil, fmt.Errorf("its header %.120q lacks the column %s", head, name)
		}
	}
	return t, nil
}

func (t *table) row() error {
	line, err := t.next()
	if err != nil {
		return err
	}
	if !strings.Contains(line, `"`) {
		t.fields = strings.Split(line, ",")
	} else if t.fields, err = csv.NewReader(strings.NewReader(line)).Read(); err != nil {
		return t.fault("%v", err)
	}
	if len(t.fields) != len(t.columns) {
		return t.fault("it has %d fields, the header has %d", len(t.fields), len(t.columns))
	}
	return nil
}

func (t *table) text(column string) string { return strings.TrimSpace(t.fields[t.columns[column]]) }

// number reads a value that is finite and at least 0.
func (t *table) number(column string) (float64, error) {
	v, err := strconv.ParseFloat(t.text(column), 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > 1e18 {
		return 0, t.fault("%s is %.40q and not a number of at least 0", column, t.text(column))
	}
	return v, nil
}

// whole reads an integer of at least 0 and at most limit.
func (t *table) whole(column string, limit int64) (int64, error) {
	v, err := strconv.ParseInt(t.text(column), 10, 64)
	if err != nil || v < 0 || v > limit {
		return 0, t.fault("%s is %.40q and not a whole number from 0 to %d", column, t.text(column), limit)
	}
	return v, nil
}

// numbers reads several columns at once, and gives the first fault.
func (t *table) numbers(columns ...string) ([]float64, error) {
	out := make([]float64, len(columns))
	for i, c := range columns {
		v, err := t.number(c)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// maxTime is the longest time that a trace may speak of.
const maxTime = 100 * 365 * api.Day

// span turns an amount of a unit into a time, to the microsecond: more digits than
// that a number of seconds does not have.
func (l *lines) span(what string, v float64, unit api.Duration) (api.Duration, error) {
	if v*float64(unit) > float64(maxTime) {
		return 0, l.fault("%s is longer than 100 years", what)
	}
	whole, part := math.Modf(v)
	const fine = float64(api.Microsecond)
	return api.Duration(whole)*unit + api.Duration(math.Round(part*float64(unit)/fine)*fine), nil
}
