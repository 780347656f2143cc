package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cell with its API on a real connection.
type world struct {
	*testing.T
	cell   *httpapitest.Cell
	server *httptest.Server
	token  string
}

func start(t *testing.T, opt httpapi.Options) *world {
	cell := httpapitest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpapi.New(cell, opt).HTTPServer(ctx)
	server.Start()
	t.Cleanup(func() {
		cancel()
		server.Close()
	})
	return &world{T: t, cell: cell, server: server, token: httpapitest.Admin}
}

// reply is an answer, read whole.
type reply struct {
	*http.Response
	body []byte
}

func (w *world) request(method, path, body string, header ...string) *http.Request {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (w *world) do(method, path, body string, header ...string) reply {
	w.Helper()
	res, err := w.server.Client().Do(w.request(method, path, body, header...))
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return reply{res, got}
}

// get reads an answer of status 200 into to.
func (w *world) get(path string, to any) reply {
	w.Helper()
	r := w.do("GET", path, "")
	w.into(r, 200, to)
	return r
}

func (w *world) into(r reply, status int, to any) {
	w.Helper()
	if r.StatusCode != status {
		w.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	if err := json.Unmarshal(r.body, to); err != nil {
		w.Fatalf("%v: %s", err, r.body)
	}
}

// problem reads a refusal.
func (w *world) problem(r reply, status int) api.Problem {
	w.Helper()
	var p api.Problem
	w.into(r, status, &p)
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" || p.Status != status || p.Detail == "" {
		w.Fatalf("not a problem: %s %s", ct, r.body)
	}
	return p
}

const noop = `{"apiVersion":"drover/v1","kind":"job","name":%q,"tasks":[{"name":"main","driver":"noop"}]}`

func job(name string) string { return fmt.Sprintf(noop, name) }

func batch(jobs ...string) string { return `{"workloads":[` + strings.Join(jobs, ",") + `]}` }

// lines reads a stream until the n-th line that begins with prefix.
func (w *world) lines(path, prefix string, n int, header ...string) []string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	res, err := w.server.Client().Do(w.request("GET", path, "", header...).WithContext(ctx))
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var got []string
	for s := bufio.NewScanner(res.Body); len(got) < n && s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), prefix); ok {
			got = append(got, rest)
		}
	}
	return got
}
