package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// cutting lets every stream break off after n lines with data.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	for part := range strings.SplitAfterSeq(string(b), "\n\n") {
		if _, err := c.ResponseWriter.Write([]byte(part)); err != nil {
			return 0, err
		}
		if strings.Contains(part, "data: ") {
			if c.left--; c.left == 0 {
				_ = http.NewResponseController(c.ResponseWriter).Flush()
				panic(http.ErrAbortHandler)
			}
		}
	}
	return len(b), nil
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (w *world) cutStreams(after int, paths ...string) (cuts *atomic.Int32) {
	cuts = new(atomic.Int32)
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		for _, p := range paths {
			if strings.HasSuffix(r.URL.Path, p) {
				cuts.Add(1)
				rw = &cutting{rw, after}
			}
		}
		next.ServeHTTP(rw, r)
	})
	return cuts
}

func TestWatchGoesOnAfterABreak(t *testing.T) {
	w := start(t)
	w.cell.AddNode("n1")
	const n = 7
	list := make([]*api.Workload, n)
	for i := range list {
		list[i] = job(fmt.Sprintf("job-%d", i))
	}
	w.ok(second(w.SubmitBatch(t.Context(), list)))
	w.cell.Finish()
	cuts := w.cutStreams(2, "/watch")
	var got []string
	for e, err := range w.Watch(t.Context(), client.WatchOptions{From: 1, Types: []string{api.EventFinished}}) {
		w.ok(err)
		if got = append(got, e.Workload); len(got) == n {
			break
		}
	}
	if fmt.Sprint(got) != "[job-0 job-1 job-2 job-3 job-4 job-5 job-6]" {
		t.Errorf("finished %v", got)
	}
	if cuts.Load() < 3 {
		t.Errorf("%d connections", cuts.Load())
	}
}

func TestWatchTellsOfAGap(t *testing.T) {
	w := start(t)
	w.cell.Oldest = 100
	for _, err := range w.Watch(t.Context(), client.WatchOptions{From: 1}) {
		if !errors.Is(err, client.ErrGap) {
			t.Errorf("error %v", err)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	w := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, err := range w.Watch(ctx, client.WatchOptions{}) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
	if ctx.Err() == nil {
		t.Error("it ended before its context")
	}
}

func TestWaitFinishedOfMany(t *testing.T) {
	w := start(t)
	w.cell.AddNode("n1")
	const n = 2500
	list, names := make([]*api.Workload, n), make([]string, n)
	for i := range list {
		names[i] = fmt.Sprintf("job-%d", i)
		list[i] = job(names[i])
	}
	w.ok(second(w.SubmitBatch(t.Context(), list)))
	var requests atomic.Int32
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if requests.Add(1); r.URL.Path == "/v1/watch" {
			go w.cell.Finish()
		}
		next.ServeHTTP(rw, r)
	})
	views, err := w.WaitFinished(t.Context(), names...)
	w.ok(err)
	for i, v := range views {
		if v.Name != names[i] || v.Status != "succeeded" {
			t.Fatalf("view %d: %+v", i, v)
		}
	}
	if n := requests.Load(); n > 20 {
		t.Errorf("%d requests for %d workloads", n, len(names))
	}
}

func TestWaitFinishedSurvivesGaps(t *testing.T) {
	w := start(t)
	w.ok(second(w.Submit(t.Context(), job("hello"))))
	w.cell.Oldest = 1 << 40
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/v1/watch" {
			w.cell.AddNode("n1")
			w.cell.Finish()
		}
		next.ServeHTTP(rw, r)
	})
	views, err := w.WaitFinished(t.Context(), "hello")
	w.ok(err)
	if views[0].Status != "succeeded" {
		t.Errorf("view %+v", views[0])
	}
	if _, err := w.WaitFinished(t.Context(), "none"); !client.NotFound(err) {
		t.Errorf("error %v", err)
	}
}

func TestLogsGoOnAfterABreak(t *testing.T) {
	const text = "one\ntwo\nthree\nfour\n"
	w := start(t)
	w.cell.AddNode("n1")
	w.ok(second(w.Submit(t.Context(), job("hello"))))
	w.cell.Finish()
	w.cell.Logs = func(r api.LogRequest) (api.LogChunk, error) {
		end := min(r.Offset+3, int64(len(text)))
		return api.LogChunk{Data: []byte(text[r.Offset:end]), Offset: r.Offset, Next: end, Final: end == int64(len(text))}, nil
	}
	cuts := w.cutStreams(2, "/logs")
	var got strings.Builder
	for part, err := range w.Logs(t.Context(), "hello", client.LogOptions{Follow: true}) {
		w.ok(err)
		got.Write(part)
	}
	if got.String() != text || cuts.Load() < 3 {
		t.Errorf("log %q over %d connections", got.String(), cuts.Load())
	}
}

func TestLogsOfNothing(t *testing.T) {
	w := start(t)
	for _, err := range w.Logs(t.Context(), "none", client.LogOptions{}) {
		if !client.NotFound(err) {
			t.Errorf("error %v", err)
		}
	}
}
