package trace

import (
	"io"
	"math"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/signal"
)

// Sample is one value of a signal, from its moment on.
type Sample struct {
	At    api.Time
	Value float64
}

// Samples reads one column of a CSV of values over time, in whatever unit. "" is the
// first column that is a number in the first line. Missing values are left out: the one
// before goes on. title is the whole header, which may say the unit.
func Samples(r io.Reader, column string) (list []Sample, title string, err error) {
	points, titles, err := signal.ReadValues(r, signal.Columns{Value: column})
	if err != nil {
		return nil, "", err
	}
	for _, p := range points {
		if !math.IsNaN(p.Value) {
			list = append(list, Sample{p.At, p.Value})
		}
	}
	return list, strings.Join(titles, ","), nil
}
