package httpapi_test

import (
	"context"
	"fmt"
	"io"
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
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return io.Discard.Write(b) }
func (s *sink) WriteHeader(status int)      { s.status = status }
