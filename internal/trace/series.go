package trace

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Series is what a file of hourly or other values over time says of each column:
// carbon intensity, prices, generation.
type Series struct {
	From, To time.Time
	Step     time.Duration // the usual one
	Rows     int
	Gaps     int // steps that are missing
	Columns  []SeriesColumn
}

// SeriesColumn sums up one column of numbers.
type SeriesColumn struct {
	Name           string
	Min, Mean, Max float64
	Missing        int // rows without a value
}

// times are the ways in which such files write a moment, in UTC.
var times = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

func moment(s string) (time.Time, bool) {
	for _, layout := range times {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// ErrNoSeries says that a text is not values over time.
var ErrNoSeries = errors.New("its second line does not begin with a moment in time")

// DescribeSeries reads a CSV of values over time: a header, then lines that begin
// with a moment. Columns that are not numbers are left out. It reads a stream.
func DescribeSeries(r io.Reader) (*Series, error) {
	plain, err := gunzip(r)
	if err != nil {
		return nil, err
	}
	t, err := newTable(newLines(plain))
	if err != nil {
		return nil, err
	}
	var names []string
	for name, i := range t.columns {
		names = append(names, make([]string, max(i+1-len(names), 0))...)
		names[i] = name
	}
	s := &Series{}
	columns := make([]SeriesColumn, len(names))
	sums := make([]float64, len(names))
	for i := range columns {
		columns[i] = SeriesColumn{Name: names[i], Min: math.Inf(1), Max: math.Inf(-1)}
	}
	steps := map[time.Duration]int{}
	for {
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		fields := strings.Split(line, ",")
		at, ok := moment(strings.TrimSpace(fields[0]))
		if !ok && s.Rows == 0 {
			return nil, ErrNoSeries
		}
		if !ok || len(fields) > len(names) || s.Rows > 0 && !at.After(s.To) {
			return nil, t.fault("it does not begin with a moment that is later than the line before, or has too many fields")
		}
		if s.Rows == 0 {
			s.From = at
		} else if len(steps) < 1000 || steps[at.Sub(s.To)] > 0 {
			steps[at.Sub(s.To)]++
		}
		s.To = at
		s.Rows++
		for i := 1; i < len(columns); i++ {
			columns[i].add(fields, i, &sums[i])
		}
	}
	s.finish(columns, sums, steps)
	return s, nil
}

func (c *SeriesColumn) add(fields []string, i int, sum *float64) {
	v := math.NaN()
	if i < len(fields) {
		if x, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64); err == nil {
			v = x
		}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		c.Missing++
		return
	}
	c.Min, c.Max = min(c.Min, v), max(c.Max, v)
	*sum += v
}

func (s *Series) finish(columns []SeriesColumn, sums []float64, steps map[time.Duration]int) {
	for step, n := range steps {
		if best := steps[s.Step]; n > best || n == best && step < s.Step {
			s.Step = step
		}
	}
	if s.Step > 0 {
		s.Gaps = max(int(s.To.Sub(s.From)/s.Step)+1-s.Rows, 0)
	}
	for i := 1; i < len(columns); i++ {
		c := columns[i]
		if n := s.Rows - c.Missing; n > 0 {
			c.Mean = sums[i] / float64(n)
			s.Columns = append(s.Columns, c)
		}
	}
}
