package forecast

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxSeries bounds the series of one file.
const MaxSeries = 200_000

// ReadColumn reads one column of a CSV file: by its name in the first line, or by
// its number from 1. Empty cells, NA and NaN are missing values. When the first
// column that is not it holds times, they must rise; steps that they skip become
// missing values. Errors name the line.
func ReadColumn(r io.Reader, column string) (values []float64, skipped int, err error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord, c.TrimLeadingSpace = -1, true, true
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, ErrEmpty
	} else if err != nil {
		return nil, 0, fmt.Errorf("read the first line: %w", err)
	}
	t := columnReader{name: column}
	if err := t.find(head); err != nil {
		return nil, 0, err
	}
	if !t.titled {
		if err := t.add(head, 1); err != nil {
			return nil, 0, err
		}
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, 0, fmt.Errorf("read the series: %w", err)
		}
		line, _ := c.FieldPos(0)
		if err := t.add(row, line); err != nil {
			return nil, 0, err
		}
		if len(t.values) > MaxPoints {
			return nil, 0, fmt.Errorf("line %d: more than %d values", line, MaxPoints)
		}
	}
	return t.spaced()
}

// columnReader gathers one column and the times beside it.
type columnReader struct {
	name   string
	at     int
	titled bool // the first line holds names
	values []float64
	times  []time.Time
	timed  bool
	last   time.Time
}

func (t *columnReader) find(head []string) error {
	for i, h := range head {
		if _, err := parseValue(h); err != nil && strings.TrimPrefix(strings.TrimSpace(h), "\ufeff") == t.name {
			t.at, t.titled = i, true
			return nil
		}
	}
	n, err := strconv.Atoi(t.name)
	if err != nil || n < 1 || n > len(head) {
		return fmt.Errorf("line 1: there is no column %q; name one of %s, or its number from 1", t.name, strings.Join(quoted(head), ", "))
	}
	t.at = n - 1
	_, err = parseValue(head[t.at])
	t.titled = err != nil
	return nil
}

func quoted(list []string) []string {
	var out []string
	for _, s := range list[:min(len(list), 20)] {
		out = append(out, strconv.Quote(s))
	}
	return out
}

func (t *columnReader) add(row []string, line int) error {
	if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
		return nil
	}
	if t.at >= len(row) {
		return fmt.Errorf("line %d: it has %d columns, column %q is number %d", line, len(row), t.name, t.at+1)
	}
	v, err := parseValue(row[t.at])
	if err != nil {
		return fmt.Errorf("line %d: column %q: %w", line, t.name, err)
	}
	if at, ok := t.timeOf(row); ok {
		if t.timed && !at.After(t.last) {
			what := "is before"
			if at.Equal(t.last) {
				what = "repeats"
			}
			return fmt.Errorf("line %d: its time %s %s that of the line before: sort the file and keep one line a step", line, at.Format(time.RFC3339), what)
		}
		t.timed, t.last = true, at
		t.times = append(t.times, at)
	} else if t.timed {
		return fmt.Errorf("line %d: %q is no time, the lines before have one there", line, row[0])
	}
	t.values = append(t.values, v)
	return nil
}

// timeOf reads the time in the first column, unless that is the series itself.
func (t *columnReader) timeOf(row []string) (time.Time, bool) {
	if t.at == 0 || len(t.values) > 0 && !t.timed {
		return time.Time{}, false
	}
	s := strings.TrimSpace(row[0])
	for _, form := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02",
	} {
		if at, err := time.Parse(form, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// spaced puts missing values where times are skipped. Steps of a week and more, which
// calendars make uneven, are taken as equal.
func (t *columnReader) spaced() ([]float64, int, error) {
	if len(t.values) == 0 {
		return nil, 0, ErrEmpty
	}
	if len(t.times) < 3 {
		return t.values, 0, nil
	}
	var gaps []time.Duration
	for i := 1; i < len(t.times); i++ {
		gaps = append(gaps, t.times[i].Sub(t.times[i-1]))
	}
	step := slices.Min(gaps)
	if step >= 7*24*time.Hour {
		return t.values, 0, nil
	}
	out := t.values[:1:1]
	skipped := 0
	for i, g := range gaps {
		n := int(g / step)
		if g%step != 0 || n > MaxPoints-len(out) {
			return nil, 0, fmt.Errorf("value %d comes %v after the one before, other steps are %v: resample the file to equal steps", i+2, g, step)
		}
		for range n - 1 {
			out = append(out, math.NaN())
			skipped++
		}
		out = append(out, t.values[i+1])
	}
	return out, skipped, nil
}

func parseValue(s string) (float64, error) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "na", "nan", "null":
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(v, 0):
		return 0, fmt.Errorf("%q is infinite", s)
	case err != nil:
		return 0, fmt.Errorf("%q is no number", s)
	}
	return v, nil
}

// Row is one line of a file in the layout of the M4 competition.
type Row struct {
	ID     string
	Values []float64
}

// ReadRows reads a file of one series a line: an id, then the values, padded with
// empty cells or NA; the first line holds titles.
func ReadRows(r io.Reader) ([]Row, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	var out []Row
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the series: %w", err)
		}
		line, _ := c.FieldPos(0)
		if line == 1 {
			continue
		}
		s, err := readRow(row, line)
		if err != nil {
			return nil, err
		}
		if out = append(out, s); len(out) > MaxSeries {
			return nil, fmt.Errorf("line %d: more than %d series", line, MaxSeries)
		}
	}
	if len(out) == 0 {
		return nil, ErrEmpty
	}
	return out, nil
}

func readRow(row []string, line int) (Row, error) {
	s := Row{ID: strings.Clone(row[0])}
	known := 0
	for i, cell := range row[1:] {
		v, err := parseValue(cell)
		if err != nil {
			return s, fmt.Errorf("line %d, series %s, column %d: %w", line, s.ID, i+2, err)
		}
		s.Values = append(s.Values, v)
		if !math.IsNaN(v) {
			known = i + 1
		}
	}
	s.Values = slices.Clip(s.Values[:known])
	if known == 0 {
		return s, fmt.Errorf("line %d, series %s: no value", line, s.ID)
	}
	return s, nil
}

// Pair joins training and test rows by id, in the order of the former.
func Pair(train, test []Row, periods []int) (series []Series, actual [][]float64, err error) {
	at := make(map[string]int, len(test))
	for i, r := range test {
		if _, twice := at[r.ID]; twice {
			return nil, nil, fmt.Errorf("test series %s is there twice", r.ID)
		}
		at[r.ID] = i
	}
	for _, r := range train {
		i, ok := at[r.ID]
		if !ok {
			return nil, nil, fmt.Errorf("training series %s has no test series", r.ID)
		}
		series = append(series, Series{Values: r.Values, Periods: periods})
		actual = append(actual, test[i].Values)
	}
	return series, actual, nil
}
