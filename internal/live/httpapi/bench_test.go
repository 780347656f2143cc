package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
	"drover.dev/internal/state"
)

// BenchmarkSubmit is the API's own cost of one small workload, for batches of
// several sizes. The cell answers at once, so what is measured is HTTP, JSON and
// validation: the aim is 40 µs or less in a batch.
func BenchmarkSubmit(b *testing.B) {
	for _, n := range []int{1, 100, api.MaxBatch} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			jobs := make([]string, n)
			for i := range jobs {
				jobs[i] = job(fmt.Sprintf("bench-%d", i))
			}
			body := batch(jobs...)
			s := httpapi.New(instant{httpapitest.New(b)}, httpapi.Options{})
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", "/v1/workloads", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+httpapitest.Admin)
				w := &sink{header: http.Header{}}
				if s.ServeHTTP(w, r); w.status != 200 {
					b.Fatal(w.status)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/workload")
		})
	}
}

// BenchmarkList is what a page of 1,000 workloads costs the server, the largest
// that a client can ask for.
func BenchmarkList(b *testing.B) {
	for _, status := range []string{"pending", "succeeded"} {
		b.Run(status, func(b *testing.B) {
			cell := httpapitest.New(b)
			if status != "pending" {
				cell.AddNode("n1")
			}
			s := httpapi.New(cell, httpapi.Options{})
			jobs := make([]string, api.MaxPage)
			for i := range jobs {
				jobs[i] = job(fmt.Sprintf("bench-%d", i))
			}
			w := &sink{header: http.Header{}}
			r := httptest.NewRequest("POST", "/v1/workloads", strings.NewReader(batch(jobs...)))
			r.Header.Set("Authorization", "Bearer "+httpapitest.Admin)
			if s.ServeHTTP(w, r); w.status != 200 {
				b.Fatal(w.status)
			}
			cell.Finish()
			r = httptest.NewRequest("GET", fmt.Sprintf("/v1/workloads?limit=%d&status=%s", api.MaxPage, status), nil)
			r.Header.Set("Authorization", "Bearer "+httpapitest.Admin)
			b.ReportAllocs()
			for b.Loop() {
				w := &sink{header: http.Header{}}
				if s.ServeHTTP(w, r); w.status != 200 || w.bytes < 100*api.MaxPage {
					b.Fatal(w.status, w.bytes)
				}
				b.ReportMetric(float64(w.bytes), "bytes/page")
			}
		})
	}
}

// instant is a cell that obeys without deciding.
type instant struct{ *httpapitest.Cell }

func (instant) Do(_ context.Context, inputs []engine.Input) ([]state.Answer, uint64, error) {
	answers := make([]state.Answer, len(inputs))
	for i := range answers {
		answers[i] = state.Answer{ID: uint64(i + 1), Revision: 1, Action: "created"}
	}
	return answers, 1, nil
}

type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { s.bytes += len(b); return len(b), nil }
