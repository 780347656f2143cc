package httpapi

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// counters count answered requests by the class of their status.
type counters struct {
	classes [6]atomic.Int64
	nanos   atomic.Int64
	reads   histogram
}

func (c *counters) add(r *http.Request, status int, took time.Duration) {
	if class := status / 100; class > 0 && class < len(c.classes) {
		c.classes[class].Add(1)
	}
	c.nanos.Add(int64(took))
	if isRead(r) && strings.HasPrefix(r.URL.Path, "/v1/") {
		c.reads.add(took)
	}
}

// metrics writes the cell's and the API's own samples in the text format of
// Prometheus, version 0.0.4.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	return s.writeMetrics(bufio.NewWriter(w))
}

func (s *Server) writeMetrics(out *bufio.Writer) error {
	last := ""
	for _, m := range append(s.cell.Metrics(), s.ownMetrics()...) {
		if m.Name != last {
			fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m.Name, m.Help, m.Name, m.kind())
			last = m.Name
		}
		fmt.Fprintf(out, "%s%s %s\n", m.Name, m.labels(), strconv.FormatFloat(m.Value, 'g', -1, 64))
	}
	s.served.reads.write(out, "drover_http_read_seconds", "Time from the head of a read to the end of its answer, streams apart.")
	return out.Flush()
}

func (m *Metric) kind() string {
	if m.Counter {
		return "counter"
	}
	return "gauge"
}

func (m *Metric) labels() string {
	if m.Labels == "" {
		return ""
	}
	return "{" + m.Labels + "}"
}

func (s *Server) ownMetrics() []Metric {
	var list []Metric
	for class := 2; class < len(s.served.classes); class++ {
		list = append(list, Metric{
			Name: "drover_http_requests_total", Help: "Requests answered, by class of status.", Counter: true,
			Labels: fmt.Sprintf(`status="%dxx"`, class), Value: float64(s.served.classes[class].Load()),
		})
	}
	reads, r1 := s.reads.now()
	changes, r2 := s.changes.now()
	streams, r3 := s.streams.now()
	bodies, r4 := s.bodies.now()
	list = append(list,
		Metric{Name: "drover_http_request_seconds_total", Help: "Time spent on requests, streams included.", Counter: true, Value: time.Duration(s.served.nanos.Load()).Seconds()},
		Metric{Name: "drover_http_requests", Help: "Requests being served, streams apart.", Value: float64(reads + changes)},
		Metric{Name: "drover_http_streams", Help: "Streams being served.", Value: float64(streams)},
		Metric{Name: "drover_http_body_bytes", Help: "Bytes of bodies in memory.", Value: float64(bodies)},
		Metric{Name: "drover_http_connections", Help: "Connected clients.", Value: float64(s.conns.len())},
		Metric{Name: "drover_http_refused_total", Help: "Requests that were above their tenant's share.", Counter: true, Value: float64(r1 + r2 + r3 + r4)},
	)
	return append(list, processMetrics()...)
}
