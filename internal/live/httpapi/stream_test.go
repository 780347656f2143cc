package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
)

func TestWatchResumes(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	w.do("POST", "/v1/workloads", batch(job("a"), job("b"), job("c")))
	w.cell.Finish()
	ids := w.lines("/v1/watch?from=0&types=workload.finished", "id: ", 3)
	if len(ids) != 3 {
		t.Fatalf("ids %v", ids)
	}
	whole := w.lines("/v1/watch?from=0&types=workload.finished", "data: ", 3)
	for i, id := range ids[:2] {
		rest := w.lines("/v1/watch?types=workload.finished", "data: ", 2-i, "Last-Event-ID", id)
		if fmt.Sprint(rest) != fmt.Sprint(whole[i+1:]) {
			t.Errorf("after %s: %v, want %v", id, rest, whole[i+1:])
		}
	}
	var e api.WatchEvent
	if err := json.Unmarshal([]byte(whole[0]), &e); err != nil || e.Workload != "a" || e.Status != "succeeded" || e.Tenant != "default" {
		t.Errorf("event %s: %v", whole[0], err)
	}
}

func TestWatchFollowsAndFilters(t *testing.T) {
	w := start(t, httpapi.Options{})
	done := make(chan []string)
	go func() { done <- w.lines("/v1/watch?workload=b&from=0", "data: ", 1) }()
	w.do("POST", "/v1/workloads", job("a"))
	w.do("POST", "/v1/workloads", job("b"))
	if got := <-done; len(got) != 1 || !strings.Contains(got[0], `"workload":"b"`) {
		t.Errorf("got %v", got)
	}
}

func TestWatchFromNow(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", job("before"))
	if got := w.lines("/v1/watch", ": ", 1); len(got) != 1 || got[0] != fmt.Sprintf("watching from %d", w.cell.Seq()) {
		t.Errorf("got %v", got)
	}
}

// A watch that must not begin before a sequence waits for it, like a read.
func TestWatchAtLeast(t *testing.T) {
	w := start(t, httpapi.Options{ReadTimeout: 50 * time.Millisecond})
	w.do("POST", "/v1/workloads", job("a"))
	for _, from := range []string{"", "from=0&"} {
		if got := w.lines(fmt.Sprintf("/v1/watch?%satLeast=%d", from, w.cell.Seq()), ": watching", 1); len(got) != 1 {
			t.Errorf("%q: the sequence is there, got %v", from, got)
		}
		w.problem(w.do("GET", fmt.Sprintf("/v1/watch?%satLeast=%d", from, w.cell.Seq()+1000), ""), 503)
	}
	w.problem(w.do("GET", "/v1/watch?atLeast=x", ""), 422)
}

func TestWatchTellsOfAGap(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.Oldest = 5
	if got := w.lines("/v1/watch?from=1", "event: ", 1); len(got) != 1 || got[0] != "gap" {
		t.Errorf("events %v", got)
	}
	for _, bad := range []string{"x", "-1", "1.x", "1.-2"} {
		w.problem(w.do("GET", "/v1/watch?from="+bad, ""), 422)
	}
}

func TestQuietStreamsSayThatTheyLive(t *testing.T) {
	w := start(t, httpapi.Options{Heartbeat: 5 * time.Millisecond})
	if got := w.lines("/v1/watch", ": alive", 3); len(got) != 3 {
		t.Errorf("got %d heartbeats", len(got))
	}
}

// growing is a log that shows 5 more bytes each time it is asked.
func growing(text string) func(api.LogRequest) (api.LogChunk, error) {
	shown := 0
	return func(r api.LogRequest) (api.LogChunk, error) {
		shown = min(shown+5, len(text))
		from := r.Offset
		if from < 0 {
			from = max(int64(len(text))+from, 0)
		}
		from = min(from, int64(shown))
		return api.LogChunk{Data: []byte(text[from:shown]), Offset: from, Next: int64(shown), Final: shown == len(text)}, nil
	}
}

func logWorld(t *testing.T) *world {
	w := start(t, httpapi.Options{LogPoll: time.Millisecond})
	w.cell.AddNode("n1")
	w.do("POST", "/v1/workloads", job("hello"))
	return w
}

func TestLogsAsText(t *testing.T) {
	const text = "one\ntwo\nthree\nfour\n"
	w := logWorld(t)
	w.cell.Logs = growing(text)
	w.cell.Finish()
	if r := w.do("GET", "/v1/workloads/hello/logs?follow=true", ""); string(r.body) != text || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("log %q", r.body)
	}
	w.cell.Logs = growing(text)
	if r := w.do("GET", "/v1/workloads/hello/logs", ""); string(r.body) != text[:5] {
		t.Errorf("without follow %q", r.body)
	}
}

func TestLogsResume(t *testing.T) {
	const text = "one\ntwo\nthree\nfour\n"
	w := logWorld(t)
	w.cell.Logs = growing(text)
	accept := []string{"Accept", "text/event-stream"}
	ids := w.lines("/v1/workloads/hello/logs?follow=true", "id: ", 2, accept...)
	if fmt.Sprint(ids) != "[1.5 1.10]" {
		t.Fatalf("ids %v", ids)
	}
	w.cell.Finish()
	r := w.do("GET", "/v1/workloads/hello/logs?follow=true", "", "Accept", "text/event-stream", "Last-Event-ID", ids[1])
	var rest []byte
	for line := range bytes.Lines(r.body) {
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			var c api.LogChunk
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			rest = append(rest, c.Data...)
		}
	}
	if string(rest) != text[10:] || !bytes.Contains(r.body, []byte("event: end\n")) {
		t.Errorf("rest %q of %s", rest, r.body)
	}
}

func TestLogsGoOnWithTheNextAttempt(t *testing.T) {
	w := logWorld(t)
	w.cell.Logs = func(r api.LogRequest) (api.LogChunk, error) {
		if r.Try == 1 {
			w.cell.Fail() // and is placed again after its back-off
		} else {
			w.cell.Finish()
		}
		text := fmt.Sprintf("try %d\n", r.Try)
		return api.LogChunk{Data: []byte(text), Next: int64(len(text)), Final: true}, nil
	}
	if r := w.do("GET", "/v1/workloads/hello/logs?follow=true", ""); string(r.body) != "try 1\ntry 2\n" {
		t.Errorf("log %q", r.body)
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	w := logWorld(t)
	w.cell.Logs = func(api.LogRequest) (api.LogChunk, error) { return api.LogChunk{}, errors.New("no answer") }
	if p := w.problem(w.do("GET", "/v1/workloads/hello/logs", ""), 503); !strings.Contains(p.Detail, "node n1") {
		t.Errorf("detail %q", p.Detail)
	}
	big := strings.Replace(job("big"), `"noop"`, `"noop","resources":{"memory":"64Gi"}`, 1)
	w.do("POST", "/v1/workloads", big)
	w.problem(w.do("GET", "/v1/workloads/big/logs", ""), 404)
	for _, bad := range []string{"stream=stdin", "index=-1", "offset=x", "follow=perhaps"} {
		w.problem(w.do("GET", "/v1/workloads/hello/logs?"+bad, ""), 422)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	w := start(t, httpapi.Options{MaxStreams: 1})
	res, err := w.server.Client().Do(w.request("GET", "/v1/watch", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	r := w.do("GET", "/v1/watch", "")
	if w.problem(r, 429); r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
