package bench

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// histogram is one of the server's, as Prometheus writes it.
type histogram struct {
	bounds  []float64 // upper, in seconds
	within  []float64 // how many were at most so long
	count   float64   // all of them
	seconds float64   // their sum
}

// histogram reads one of the server's.
func (c *cluster) histogram(ctx context.Context, name string) (h histogram, err error) {
	text, err := c.metrics(ctx)
	if err != nil {
		return h, err
	}
	h = readHistogramText(text, name)
	if len(h.bounds) == 0 {
		return h, fmt.Errorf("the server has no histogram %s", name)
	}
	return h, nil
}

func readHistogramText(text, name string) (h histogram) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+"_")
		var bound, value float64
		switch {
		case !ok:
		case scan(rest, "bucket{le=\"%g\"} %g", &bound, &value):
			if !math.IsInf(bound, 0) { // that one is count
				h.bounds, h.within = append(h.bounds, bound), append(h.within, value)
			}
		case scan(rest, "sum %g", &value):
			h.seconds = value
		case scan(rest, "count %g", &value):
			h.count = value
		}
	}
	return h
}

func scan(text, format string, to ...any) bool {
	n, err := fmt.Sscanf(text, format, to...)
	return err == nil && n == len(to)
}

// since is what was added after an earlier reading of the same histogram.
func (h histogram) since(before histogram) histogram {
	out := histogram{bounds: h.bounds, count: h.count - before.count, seconds: h.seconds - before.seconds}
	for i := range h.within {
		out.within = append(out.within, h.within[i]-before.within[i])
	}
	return out
}

// mean in seconds.
func (h histogram) mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.seconds / h.count
}

// quantile in seconds, q from 0 to 1. What lies within a bucket is taken to be
// spread evenly; what is beyond the last bound, to be at it.
func (h histogram) quantile(q float64) float64 {
	rank, from, below := q*h.count, 0.0, 0.0
	for i, most := range h.bounds {
		if h.within[i] >= rank && h.within[i] > below {
			return from + (most-from)*(rank-below)/(h.within[i]-below)
		}
		from, below = most, h.within[i]
	}
	return from
}
