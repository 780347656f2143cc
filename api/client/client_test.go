package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cell, its server, and a client that passes through trouble.
type world struct {
	*testing.T
	*client.Client
	cell    *httpapitest.Cell
	trouble atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
	server  *httptest.Server
}

func start(t *testing.T) *world {
	w := &world{T: t, cell: httpapitest.New(t)}
	ctx, cancel := context.WithCancel(t.Context())
	w.server = httptest.NewUnstartedServer(nil)
	w.server.Config = httpapi.New(w.cell, httpapi.Options{LogPoll: time.Millisecond}).HTTPServer(ctx)
	real := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.trouble.Load(); f != nil {
			(*f)(rw, r, real)
			return
		}
		real.ServeHTTP(rw, r)
	})
	w.server.Start()
	var err error
	w.Client, err = client.New(client.Config{Server: w.server.URL, Token: httpapitest.Admin, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		w.server.Close()
		w.Client.Close()
	})
	return w
}

// troubled lets f answer requests from now on.
func (w *world) troubled(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	w.trouble.Store(&f)
}

func job(name string) *api.Workload {
	return &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: name,
		Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Outputs: []api.Output{{Name: "out", Stdout: true}}}},
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func TestTheWayOfAJob(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.cell.AddNode("n1")
	plan, err := w.Plan(ctx, job("hello"))
	w.ok(err)
	if len(plan.Tasks) != 1 || plan.Tasks[0].Decision.Chosen.Node != "n1" {
		t.Errorf("plan %+v", plan)
	}
	applied, err := w.Submit(ctx, job("hello"))
	w.ok(err)
	if applied.Action != "created" || applied.ID != 1 {
		t.Errorf("applied %+v", applied)
	}
	w.cell.Finish(api.Value{Name: "out", Size: 2, Inline: []byte("42")})
	views, err := w.WaitFinished(ctx, "hello", "~1")
	w.ok(err)
	if len(views) != 2 || views[0].Status != "succeeded" || views[1].ID != 1 {
		t.Errorf("finished %+v", views)
	}
	for r, err := range w.Results(ctx, "hello", "") {
		w.ok(err)
		if string(r.Outputs[0].Inline) != "42" {
			t.Errorf("result %+v", r)
		}
	}
	why, err := w.Explain(ctx, "hello", "main", 0)
	w.ok(err)
	if why.Task.Status != "succeeded" || why.Decision == nil {
		t.Errorf("explanation %+v", why)
	}
	status, err := w.Status(ctx)
	w.ok(err)
	if status.Nodes != 1 {
		t.Errorf("status %+v", status)
	}
}

func TestNodesAndSites(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.cell.AddNode("n1")
	w.ok(w.PutSite(ctx, api.Site{Name: "farm", Layer: api.LayerEdge, Links: []api.Link{{To: "hall", RTT: api.Second, Bandwidth: 1e6}}}))
	sites, err := w.Sites(ctx)
	w.ok(err)
	if len(sites) != 1 || sites[0].Links[0].RTT != api.Second {
		t.Errorf("sites %+v", sites)
	}
	w.ok(w.Drain(ctx, "n1", api.DrainRequest{Grace: api.Second}))
	n, err := w.Node(ctx, "n1")
	w.ok(err)
	if n.Status != "drained" {
		t.Errorf("status %q", n.Status)
	}
	w.ok(w.RemoveNode(ctx, "n1"))
	nodes, err := w.Nodes(ctx)
	w.ok(err)
	if len(nodes) != 0 {
		t.Errorf("nodes %+v", nodes)
	}
	w.ok(w.PutSettings(ctx, api.SettingsRequest{RetainFor: api.Hour}))
}

func TestErrorsCarryTheirFaults(t *testing.T) {
	w := start(t)
	bad := job("bad")
	bad.Tasks[0].Count = -1
	_, err := w.Submit(t.Context(), bad)
	var e *client.Error
	if !errors.As(err, &e) || e.Status != 422 || len(e.Fields) != 1 || e.Fields[0].Path != "tasks[0].count" {
		t.Fatalf("error %#v", err)
	}
	if !strings.Contains(err.Error(), "\n  tasks[0].count: ") {
		t.Errorf("text %q", err)
	}
	if _, err := w.Get(t.Context(), "none"); !client.NotFound(err) {
		t.Errorf("error %v", err)
	}
	w.ok(second(w.Submit(t.Context(), job("hello"))))
	other := job("hello")
	other.Tasks[0].Timeout = api.Second
	if _, err := w.Submit(t.Context(), other); !client.Conflict(err) {
		t.Errorf("error %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestBatchesAreSplit(t *testing.T) {
	w := start(t)
	list := make([]*api.Workload, 2*api.MaxBatch+3)
	for i := range list {
		list[i] = job(fmt.Sprintf("job-%d", i))
	}
	list[5].Name = "Not A Name"
	items, err := w.SubmitBatch(t.Context(), list)
	w.ok(err)
	if len(items) != len(list) || items[5].Status != 422 || len(items[5].Errors) != 1 || items[2002].Status != 201 {
		t.Errorf("%d items", len(items))
	}
	n := 0
	for _, err := range w.List(t.Context(), client.ListOptions{Prefix: "job-", Status: []string{"pending"}}) {
		w.ok(err)
		n++
	}
	if n != len(list)-1 {
		t.Errorf("listed %d", n)
	}
}

func TestBusyServersAreAskedAgain(t *testing.T) {
	w := start(t)
	left := 2
	w.cell.Refuse = func() error {
		if left--; left >= 0 {
			return &httpapi.BusyError{RetryAfter: time.Millisecond}
		}
		return nil
	}
	began := time.Now()
	_, err := w.Submit(t.Context(), job("hello"))
	w.ok(err)
	if time.Since(began) < 2*time.Second {
		t.Error("Retry-After was not honoured")
	}
}

// The answer is lost after the server did its work: the second try must bring
// the first answer, not a second change.
func TestLostAnswersAreAskedForUnderTheSameKey(t *testing.T) {
	w := start(t)
	var keys []string
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		keys = append(keys, r.Header.Get(api.HeaderKey))
		if len(keys) == 1 {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	})
	applied, err := w.Submit(t.Context(), job("hello"))
	w.ok(err)
	if applied.Action != "created" || len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
		t.Errorf("applied %+v with keys %q", applied, keys)
	}
}

// A server that is stopped, or behind a dead link, takes requests and never answers.
// The next one is asked, under the same key; one that is only slow is waited for.
func TestSilentServersAreLeft(t *testing.T) {
	w := start(t)
	var asked atomic.Int32
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // else it would not hear that the client goes
		<-r.Context().Done()
	}))
	defer silent.Close()
	c, err := client.New(client.Config{Server: silent.URL + "," + w.server.URL, Token: httpapitest.Admin})
	w.ok(err)
	defer c.Close()
	c.AskAfter(30 * time.Millisecond)
	applied, err := c.Submit(t.Context(), job("hello"))
	w.ok(err)
	if applied.Action != "created" || asked.Load() != 2 {
		t.Errorf("applied %+v, the silent server was asked %d times, want twice", applied, asked.Load())
	}
	slow := 0
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != "/healthz" {
			slow++
			time.Sleep(100 * time.Millisecond)
		}
		next.ServeHTTP(rw, r)
	})
	_, err = c.Status(t.Context())
	w.ok(err)
	if slow != 1 {
		t.Errorf("a slow server was asked %d times, want once", slow)
	}
}

func TestUnreachableServers(t *testing.T) {
	w := start(t)
	url := w.server.URL
	w.server.Close()
	for name, config := range map[string]client.Config{
		"at once": {Server: url, FailFast: true},
		"later":   {Server: url, Timeout: 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.New(config)
			w.ok(err)
			_, err = c.Status(t.Context())
			var unreachable *client.UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Server != url {
				t.Errorf("error %v", err)
			}
		})
	}
	for _, bad := range []string{"", "localhost:7420", "ftp://x", "http://"} {
		if _, err := client.New(client.Config{Server: bad}); err == nil {
			t.Errorf("server %q was accepted", bad)
		}
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	w := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.troubled(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := w.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestArtifacts(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	path := filepath.Join(t.TempDir(), "data")
	w.ok(os.WriteFile(path, data, 0o600))

	var puts atomic.Int32
	w.troubled(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.Method == "PUT" && puts.Add(1) == 1:
			panic(http.ErrAbortHandler) // the first upload breaks off
		case r.Method == "GET" && r.Header.Get("Range") == "":
			rw.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = rw.Write(data[:1000]) // and so does the first download
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	})
	for range 2 {
		stored, err := w.Upload(ctx, path)
		w.ok(err)
		if int(stored.Size) != len(data) {
			t.Errorf("size %d", stored.Size)
		}
		var got bytes.Buffer
		w.ok(w.Download(ctx, stored.Digest, &got))
		if !bytes.Equal(got.Bytes(), data) {
			t.Error("other bytes came back")
		}
	}
	if n := puts.Load(); n != 2 {
		t.Errorf("%d uploads", n)
	}
	_, err := w.UploadFrom(ctx, strings.NewReader(""))
	w.ok(err)
	if _, err := w.Upload(ctx, t.TempDir()); err == nil {
		t.Error("a directory was uploaded")
	}
	if err := w.Download(ctx, api.Digest("sha256:"+strings.Repeat("0", 64)), new(bytes.Buffer)); !client.NotFound(err) {
		t.Errorf("error %v", err)
	}
}

func TestDownloadsAreChecked(t *testing.T) {
	w := start(t)
	w.troubled(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = rw.Write([]byte("forged")) })
	if err := w.Download(t.Context(), api.Digest("sha256:"+strings.Repeat("0", 64)), new(bytes.Buffer)); err == nil {
		t.Error("forged bytes were accepted")
	}
}
