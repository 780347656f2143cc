package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Bounds of a CPU profile.
const (
	profileFor     = 10 * time.Second // when nothing is said
	profileLongest = 30 * time.Second
)

const profilePath = "/v1/profile"

// profiler takes profiles of the process, one at a time. The zero profiler is ready.
type profiler struct{ busy chan struct{} }

func newProfiler() profiler { return profiler{make(chan struct{}, 1)} }

func (s *Server) profileRoutes() {
	op := s.operation("getProfile", http.MethodGet, profilePath, "cell",
		"Download a profile of the server's process, for go tool pprof", http.StatusTooManyRequests)
	op.Parameters = []*huma.Param{
		{Name: "kind", In: "query", Description: "What is shown: the heap after a collection, all goroutines, or the use of processors.", Schema: &huma.Schema{
			Type: huma.TypeString, Enum: []any{"heap", "goroutine", "cpu"}, Default: "heap",
		}},
		{Name: "seconds", In: "query", Description: "How long the use of processors is looked at.", Schema: &huma.Schema{
			Type: huma.TypeInteger, Default: int(profileFor / time.Second), Minimum: number(1), Maximum: number(profileLongest.Seconds()),
		}},
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "A profile, compressed with gzip: names of functions, and numbers", Content: content("application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"}),
	}}
	s.handle(op, s.getProfile)
}

func number(v float64) *float64 { return &v }

func (s *Server) getProfile(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	long := profileFor
	if text := q.Get("seconds"); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		long = time.Duration(n) * time.Second
		if err != nil || n < 1 || long > profileLongest {
			return badParam("seconds", text, "a number from 1 to 30")
		}
	}
	var take func(context.Context, io.Writer) error
	switch kind := q.Get("kind"); kind {
	case "", "heap":
		take = heapProfile
	case "goroutine":
		take = func(_ context.Context, out io.Writer) error { return pprof.Lookup("goroutine").WriteTo(out, 0) }
	case "cpu":
		take = func(ctx context.Context, out io.Writer) error { return cpuProfile(ctx, out, long) }
	default:
		return badParam("kind", kind, "heap, goroutine or cpu")
	}
	profile, err := s.profile.take(r.Context(), take)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(s.paced(w), r, "", time.Time{}, bytes.NewReader(profile))
	return nil
}

// take makes a profile, unless another one is being made.
func (p profiler) take(ctx context.Context, write func(context.Context, io.Writer) error) ([]byte, error) {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	default:
		return nil, &BusyError{RetryAfter: time.Second}
	}
	var out bytes.Buffer
	if err := write(ctx, &out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// heapProfile collects first, so that what it shows in use is what is kept.
func heapProfile(_ context.Context, out io.Writer) error {
	runtime.GC()
	return pprof.Lookup("heap").WriteTo(out, 0)
}

func cpuProfile(ctx context.Context, out io.Writer, long time.Duration) error {
	if pprof.StartCPUProfile(out) != nil { // only when one is running: another server of this process takes it
		return &BusyError{RetryAfter: time.Second}
	}
	defer pprof.StopCPUProfile()
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("take a profile: %w", context.Cause(ctx))
	}
}
