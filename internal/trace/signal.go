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

// Sample is one value of a signal, from its moment on.
type Sample struct {
	At    api.Time
	Value float64
}

// maxSamples bounds the samples of one signal.
const maxSamples = 5_000_000

// Samples reads one column of a CSV of values over time: a header, then lines that
// begin with a moment. "" is the first column that is a number in the first line.
// Empty values are left out: the one before goes on. title is the whole header, which
// may say the unit.
func Samples(r io.Reader, column string) (list []Sample, title string, err error) {
	plain, err := gunzip(r)
	if err != nil {
		return nil, "", err
	}
	l := newLines(plain)
	if title, err = l.next(); err != nil {
		return nil, "", fmt.Errorf("read the header: %w", err)
	}
	at := 0
	if column != "" {
		if at = columnOf(title, column); at < 1 {
			return nil, "", fmt.Errorf("there is no column %.60q: the header is %.300q", column, title)
		}
	}
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return list, title, nil
		}
		if err != nil {
			return nil, "", err
		}
		if len(list) == maxSamples {
			return nil, "", l.fault("it has more than %d values", maxSamples)
		}
		fields := strings.Split(line, ",")
		when, ok := moment(strings.TrimSpace(fields[0]))
		if !ok {
			return nil, "", l.fault("%.40q is no moment in time", fields[0])
		}
		if at == 0 {
			at = firstNumber(fields)
		}
		if at == 0 || at >= len(fields) {
			return nil, "", l.fault("it has no value in the column")
		}
		text := strings.TrimSpace(fields[at])
		if text == "" || text == "NA" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, "", l.fault("%.40q is no number", text)
		}
		now := api.Time(when.UnixNano())
		if len(list) > 0 && now <= list[len(list)-1].At {
			return nil, "", l.fault("it does not come after the line before")
		}
		list = append(list, Sample{now, v})
	}
}

// columnOf is the number of a column from 0; -1 when there is none of that name.
func columnOf(title, column string) int {
	for i, name := range strings.Split(title, ",") {
		if strings.TrimSpace(name) == column {
			return i
		}
	}
	return -1
}

// firstNumber is the first field that is a number, behind the moment; 0 is none.
func firstNumber(fields []string) int {
	for i := 1; i < len(fields); i++ {
		if _, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64); err == nil {
			return i
		}
	}
	return 0
}
