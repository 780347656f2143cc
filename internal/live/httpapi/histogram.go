package httpapi

import (
	"bufio"
	"fmt"
	"sync/atomic"
	"time"
)

// histogram counts how long requests take, in Prometheus' way.
type histogram struct {
	within [12]atomic.Int64 // as readWithin, without those of the bounds before
	longer atomic.Int64
	nanos  atomic.Int64
}

// readWithin are the upper bounds of the histogram.
var readWithin = [len(histogram{}.within)]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, time.Second, 10 * time.Second,
}

func (h *histogram) add(took time.Duration) {
	h.nanos.Add(int64(took))
	for i, most := range readWithin {
		if took <= most {
			h.within[i].Add(1)
			return
		}
	}
	h.longer.Add(1)
}

// write adds the samples to a page of metrics; whoever writes notices an error
// when it is flushed.
func (h *histogram) write(out *bufio.Writer, name, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name)
	n := int64(0)
	for i, most := range readWithin {
		n += h.within[i].Load()
		fmt.Fprintf(out, "%s_bucket{le=\"%g\"} %d\n", name, most.Seconds(), n)
	}
	n += h.longer.Load()
	fmt.Fprintf(out, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, n, name, time.Duration(h.nanos.Load()).Seconds(), name, n)
}
