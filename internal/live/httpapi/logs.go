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
		"Read the log of an element's last attempt, as text or as server-sent events; the id of an event, TRY.OFFSET, is where to read on",
		http.StatusNotFound)
	logs.Parameters = []*huma.Param{
		query("task", "The name of the task; needed when there are several.", huma.TypeString),
		query("index", "Of the element; default 0.", huma.TypeInteger),
		query("stream", "stdout (default) or stderr.", huma.TypeString),
		query("offset", "Where to begin, in bytes; negative counts from the end.", huma.TypeInteger),
		query("follow", "Go on until the element ends, with its next attempts, too.", huma.TypeBoolean),
		query("tenant", "Whose workload is meant.", huma.TypeString),
		query("atLeast", "Wait until the workload is looked for at this sequence of the journal or later.", huma.TypeInteger),
		{Name: "Last-Event-ID", In: "header", Description: "TRY.OFFSET: read on there.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	text := content("text/plain", &huma.Schema{Type: huma.TypeString})
	text["text/event-stream"] = &huma.MediaType{Schema: s.schema(api.LogChunk{})}
	logs.Responses = map[string]*huma.Response{"200": {Description: "The log: text, or events named log with a LogChunk each, then end", Content: text}}
	s.handle(logs, s.logs)
}

// logQuery is what a client wants to read.
type logQuery struct {
	One
	at     Reading
	task   string
	index  uint32
	follow bool
	try    uint32 // of the attempt that Offset is in; 0 is whichever is the last
	req    api.LogRequest
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
	if s := v.Get("atLeast"); s != "" {
		if q.at.AtLeast, err = strconv.ParseUint(s, 10, 64); err != nil {
			return q, badParam("atLeast", s, "a sequence of the journal")
		}
	}
	if s := v.Get("offset"); s != "" {
		if q.req.Offset, err = strconv.ParseInt(s, 10, 64); err != nil {
			return q, badParam("offset", s, "a number of bytes")
		}
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if _, err := fmt.Sscanf(id, "%d.%d", &q.try, &q.req.Offset); err != nil || q.req.Offset < 0 {
			return q, badParam("Last-Event-ID", id, "the id of an event: TRY.OFFSET")
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
	chunk(try uint32, c api.LogChunk) error
	beat() error
	end(reason *problem)
}

// logs reads a log from its node, and on while it grows.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) error {
	q, err := parseLogQuery(r)
	if err != nil {
		return err
	}
	t := tail{s: s, q: &q}
	if err := t.find(r.Context(), 0); err != nil {
		return err
	}
	if q.try != 0 && q.try != t.attempt.Try {
		q.req.Offset = 0
	}
	first, err := t.read(r.Context())
	if err != nil {
		return err
	}
	t.copy(r.Context(), first, s.logSink(w, r))
	return nil
}

// tail is a log that is being read.
type tail struct {
	s       *Server
	q       *logQuery
	node    string
	attempt api.Attempt
	status  api.TaskStatus // when it was last looked at
}

// look reads where the element stands.
func (t *tail) look(ctx context.Context) error {
	var stand Stand
	return t.s.read(ctx, t.q.One, t.q.at, &stand, func(_ *engine.Engine, w *state.Workload) *problem {
		e, refusal := t.q.element(w)
		if refusal == nil {
			t.node, t.attempt, t.status = e.Node, api.Attempt{TaskRef: e.Ref, Try: e.Try}, e.Status
		}
		return refusal
	})
}

// errNoLog says that there will be no attempt to read from.
func errNoLog() *problem {
	return missing(api.ProblemNotPlaced, "the element was not placed on a node, so it has no log")
}

// find looks for an attempt after a number; a follower waits for one.
func (t *tail) find(ctx context.Context, after uint32) error {
	for {
		if err := t.look(ctx); err != nil {
			return err
		}
		if t.attempt.Try > after {
			t.q.req.Attempt = t.attempt
			return nil
		}
		if t.status.Final() || !t.q.follow {
			return errNoLog()
		}
		if !sleep(ctx, t.s.opt.LogPoll) {
			return ctx.Err()
		}
	}
}

// read asks the node for the next part. A follower waits for a node that has
// not heard of the attempt yet.
func (t *tail) read(ctx context.Context) (api.LogChunk, error) {
	for {
		c, err := t.s.cell.Log(ctx, t.node, t.q.req)
		if err != nil {
			return c, retry(http.StatusServiceUnavailable,
				fmt.Sprintf("the log stays on node %s, which does not give it: %v", t.node, err), 2*time.Second)
		}
		if c.Error == "" {
			return c, nil
		}
		if err := t.look(ctx); err != nil {
			return c, err
		}
		if !t.q.follow || t.status != api.TaskPlaced || !sleep(ctx, t.s.opt.LogPoll) {
			return c, newProblem(http.StatusNotFound, fmt.Sprintf("node %s: %s", t.node, c.Error))
		}
	}
}

// copy passes chunks on until the log or the client's patience ends.
func (t *tail) copy(ctx context.Context, c api.LogChunk, to logSink) {
	quiet := time.Now()
	for {
		if len(c.Data) > 0 {
			quiet = time.Now()
			if to.chunk(t.attempt.Try, c) != nil {
				return // the client has gone
			}
		} else if time.Since(quiet) > t.s.opt.Heartbeat {
			quiet = time.Now()
			if to.beat() != nil {
				return
			}
		}
		more, err := t.advance(ctx, c)
		if err != nil || !more {
			to.end(err)
			return
		}
		if c, err = t.fetch(ctx); err != nil {
			to.end(err)
			return
		}
	}
}

func (t *tail) fetch(ctx context.Context) (api.LogChunk, *problem) {
	c, err := t.read(ctx)
	if err != nil {
		return c, problemOf(err)
	}
	return c, nil
}

// advance moves on behind a chunk, waits where there is nothing to read yet, and
// reports whether to read on.
func (t *tail) advance(ctx context.Context, c api.LogChunk) (bool, *problem) {
	t.q.req.Offset = c.Next
	switch {
	case c.Final && t.q.follow:
		err := t.find(ctx, t.attempt.Try)
		t.q.req.Offset = 0
		if err == nil || t.status.Final() {
			return err == nil, nil
		}
		return false, problemOf(err)
	case c.Final:
		return false, nil
	case len(c.Data) >= maxChunk:
		return true, nil
	}
	return t.q.follow && sleep(ctx, t.s.opt.LogPoll), nil
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

func (q *logQuery) element(w *state.Workload) (*state.Task, *problem) {
	task := q.task
	if task == "" {
		if len(w.Spec.Tasks) > 1 {
			return nil, newProblem(http.StatusUnprocessableEntity,
				fmt.Sprintf("workload %s has %d tasks: name one of %s", w.Spec.Name, len(w.Spec.Tasks), listOf(taskNames(w))))
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

func (e eventSink) chunk(try uint32, c api.LogChunk) error {
	if err := e.event("log", fmt.Sprintf("%d.%d", try, c.Next), c); err != nil {
		return err
	}
	return e.flush()
}

func (e eventSink) beat() error {
	e.comment("alive")
	return e.flush()
}

func (e eventSink) end(reason *problem) {
	if reason != nil {
		_ = e.event("error", "", reason.Problem)
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

func (t textSink) chunk(_ uint32, c api.LogChunk) error {
	if _, err := t.w.Write(c.Data); err != nil {
		return err
	}
	return t.c.Flush()
}

func (t textSink) beat() error  { return nil }
func (t textSink) end(*problem) {}
