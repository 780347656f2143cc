package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"github.com/danielgtaylor/huma/v2"
)

// maxChunk is how many bytes of a log a node is asked for at once.
const maxChunk = 256 << 10

func (s *Server) logRoute() {
	logs := s.operation("readLogs", http.MethodGet, "/v1/workloads/{workload}/logs", "tasks",
		"Read the log of an element's last attempt, as text or as server-sent events; the id of an event is the offset to read on from",
		http.StatusNotFound)
	logs.Parameters = []*huma.Param{
		query("task", "The name of the task; needed when there are several.", huma.TypeString),
		query("index", "Of the element; default 0.", huma.TypeInteger),
		query("stream", "stdout (default) or stderr.", huma.TypeString),
		query("offset", "Where to begin, in bytes; negative counts from the end.", huma.TypeInteger),
		query("follow", "Go on until the attempt ends.", huma.TypeBoolean),
		query("tenant", "Whose workload is meant.", huma.TypeString),
		{Name: "Last-Event-ID", In: "header", Description: "Like offset, and before it.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	text := content("text/plain", &huma.Schema{Type: huma.TypeString})
	text["text/event-stream"] = &huma.MediaType{Schema: s.schema(api.LogChunk{})}
	logs.Responses = map[string]*huma.Response{"200": {Description: "The log: text, or events named log with a LogChunk each, then end", Content: text}}
	s.handle(logs, s.logs)
}

// logQuery is what a client wants to read.
type logQuery struct {
	One
	task   string
	index  uint32
	follow bool
	req    api.LogRequest // its Attempt is found in the state
}

func parseLogQuery(r *http.Request) (q logQuery, err error) {
	v := r.URL.Query()
	q.Workload, q.Query, q.Header = r.PathValue("workload"), v.Get("tenant"), r.Header.Get(api.HeaderTenant)
	q.task, q.req.Limit, q.req.Stream = v.Get("task"), maxChunk, v.Get("stream")
	setDefault(&q.req.Stream, "stdout")
	if q.req.Stream != "stdout" && q.req.Stream != "stderr" {
		return q, badParam("stream", q.req.Stream, "stdout or stderr")
	}
	if s := v.Get("index"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return q, badParam("index", s, "a number from 0")
		}
		q.index = uint32(n)
	}
	offset := r.Header.Get("Last-Event-ID")
	setDefault(&offset, v.Get("offset"))
	if offset != "" {
		if q.req.Offset, err = strconv.ParseInt(offset, 10, 64); err != nil {
			return q, badParam("offset", offset, "a number of bytes")
		}
	}
	if s := v.Get("follow"); s != "" {
		if q.follow, err = strconv.ParseBool(s); err != nil {
			return q, badParam("follow", s, "true or false")
		}
	}
	return q, nil
}

func badParam(name, value, want string) *problem {
	return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("%s=%.40q is not right: write %s", name, value, want))
}

// logSink takes parts of a log, and the last word.
type logSink interface {
	chunk(api.LogChunk) error
	beat() error
	end(reason *api.Problem)
}

// logs reads a log from its node, and on while it grows.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) error {
	q, err := parseLogQuery(r)
	if err != nil {
		return err
	}
	node, attempt, err := s.attempt(r.Context(), &q)
	if err != nil {
		return err
	}
	q.req.Attempt = attempt
	first, err := s.cell.Log(r.Context(), node, q.req)
	if err != nil {
		return unreachable(node, err)
	}
	sink := s.logSink(w, r)
	s.copyLog(r.Context(), &q, node, first, sink)
	return nil
}

func unreachable(node string, err error) error {
	return retry(http.StatusServiceUnavailable, fmt.Sprintf("the log stays on node %s, which does not give it: %v", node, err), 2*time.Second)
}

// copyLog passes chunks on until the log or the patience ends.
func (s *Server) copyLog(ctx context.Context, q *logQuery, node string, c api.LogChunk, to logSink) {
	quiet := time.Now()
	for {
		if len(c.Data) > 0 {
			quiet = time.Now()
			if to.chunk(c) != nil {
				return // the client has gone
			}
		}
		more := len(c.Data) >= maxChunk
		switch {
		case c.Error != "":
			to.end(&newProblem(http.StatusNotFound, c.Error).Problem)
			return
		case c.Final, !q.follow && !more:
			to.end(nil)
			return
		case !more && !sleep(ctx, s.opt.LogPoll):
			return
		case time.Since(quiet) > s.opt.Heartbeat:
			quiet = time.Now()
			if to.beat() != nil {
				return
			}
		}
		q.req.Offset = c.Next
		next, err := s.cell.Log(ctx, node, q.req)
		if err != nil {
			to.end(&problemOf(unreachable(node, err)).Problem)
			return
		}
		c = next
	}
}

// sleep waits and reports whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// attempt finds the last attempt of the element. A follower waits for the first
// one.
func (s *Server) attempt(ctx context.Context, q *logQuery) (node string, a api.Attempt, err error) {
	for {
		var seq uint64
		var final bool
		err := s.read(ctx, q.One, Reading{}, &seq, func(_ *engine.Engine, w *state.Workload) *problem {
			t, refusal := q.element(w)
			if refusal == nil {
				node, a, final = t.Node, api.Attempt{TaskRef: t.Ref, Try: t.Try}, t.Status.Final()
			}
			return refusal
		})
		if err != nil || a.Try > 0 {
			return node, a, err
		}
		if final || !q.follow {
			return "", a, newProblem(http.StatusNotFound, "the element was never placed on a node, so it has no log: ask why with explain")
		}
		if !sleep(ctx, s.opt.LogPoll) {
			return "", a, ctx.Err()
		}
	}
}

func (q *logQuery) element(w *state.Workload) (*state.Task, *problem) {
	task := q.task
	if task == "" {
		if len(w.Spec.Tasks) > 1 {
			return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("workload %s has %d tasks: name one", w.Spec.Name, len(w.Spec.Tasks)))
		}
		task = w.Spec.Tasks[0].Name
	}
	return find(w, task, q.index)
}

func (s *Server) logSink(w http.ResponseWriter, r *http.Request) logSink {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return eventSink{s.startSSE(w)}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return textSink{s.paced(w), http.NewResponseController(w)}
}

// eventSink writes a log as server-sent events.
type eventSink struct{ *sse }

func (e eventSink) chunk(c api.LogChunk) error {
	if err := e.event("log", strconv.FormatInt(c.Next, 10), c); err != nil {
		return err
	}
	return e.flush()
}

func (e eventSink) beat() error {
	e.comment("alive")
	return e.flush()
}

func (e eventSink) end(reason *api.Problem) {
	if reason != nil {
		_ = e.event("error", "", reason)
	} else {
		_ = e.event("end", "", struct{}{})
	}
	_ = e.flush()
}

// textSink writes a log as it is. Text has no room for the reason of an end.
type textSink struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (t textSink) chunk(c api.LogChunk) error {
	if _, err := t.w.Write(c.Data); err != nil {
		return err
	}
	return t.c.Flush()
}

func (t textSink) beat() error      { return nil }
func (t textSink) end(*api.Problem) {}
