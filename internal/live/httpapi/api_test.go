package httpapi_test

import (
	"bufio"
	"bytes"
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

func TestSubmitAndRead(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	var a api.Applied
	created := w.do("POST", "/v1/workloads", strings.Replace(job("hello"), `"noop"`, `"noop","outputs":[{"name":"out","stdout":true}]`, 1))
	w.into(created, 201, &a)
	if a.ID != 1 || a.Name != "hello" || a.Tenant != "default" || a.Action != "created" {
		t.Fatalf("applied %+v", a)
	}
	if created.Header.Get(api.HeaderSeq) != fmt.Sprint(w.cell.Seq()) {
		t.Fatalf("%s is %q", api.HeaderSeq, created.Header.Get(api.HeaderSeq))
	}
	for _, path := range []string{"/v1/workloads/hello", "/v1/workloads/~1", "/v1/workloads/hello?tenant=default"} {
		var v api.WorkloadView
		w.get(path, &v)
		if v.ID != 1 || v.Status != "running" || v.Counts.Placed != 1 || v.Spec == nil || v.Spec.Tasks[0].Driver != "noop" {
			t.Errorf("%s: %+v", path, v)
		}
	}
	w.cell.Finish(api.Value{Name: "out", File: "out.txt", Size: 2, Inline: []byte("ok")})
	var tasks api.TaskPage
	w.get("/v1/workloads/hello/tasks", &tasks)
	if len(tasks.Items) != 1 || tasks.Items[0].Status != "succeeded" || tasks.Items[0].Node != "n1" || tasks.Next != "" {
		t.Errorf("tasks %+v", tasks)
	}
	var results api.ResultPage
	w.get("/v1/workloads/hello/results", &results)
	if len(results.Items) != 1 || string(results.Items[0].Outputs[0].Inline) != "ok" || results.Items[0].Task != "main" {
		t.Errorf("results %+v", results)
	}
}

func TestUpdateConflictAndKeys(t *testing.T) {
	w := start(t, httpapi.Options{})
	first := w.do("POST", "/v1/workloads", job("hello"), api.HeaderKey, "k1")
	again := w.do("POST", "/v1/workloads", job("hello"), api.HeaderKey, "k1")
	if first.StatusCode != 201 || again.StatusCode != 201 || !bytes.Equal(first.body, again.body) {
		t.Errorf("one key, two answers: %s and %s", first.body, again.body)
	}
	other := strings.Replace(job("hello"), `"noop"`, `"noop","timeout":"5s"`, 1)
	w.problem(w.do("POST", "/v1/workloads", other), 409)
	if r := w.do("POST", "/v1/workloads", job("x"), api.HeaderKey, strings.Repeat("k", api.MaxKey+1)); r.StatusCode != 422 {
		t.Errorf("a long key: %d", r.StatusCode)
	}
}

func TestSubmitBatch(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", job("taken"))
	conflict := strings.Replace(job("taken"), `"noop"`, `"noop","timeout":"5s"`, 1)
	var got api.BatchReply
	body := batch(job("a"), job("Not A Name"), conflict, job("b"))
	w.into(w.do("POST", "/v1/workloads", body, api.HeaderKey, "k"), 200, &got)
	var statuses []int
	for _, i := range got.Items {
		statuses = append(statuses, i.Status)
	}
	if fmt.Sprint(statuses) != "[201 422 409 201]" {
		t.Fatalf("statuses %v: %+v", statuses, got)
	}
	if e := got.Items[1].Errors; len(e) != 1 || e[0].Path != "name" {
		t.Errorf("faults %+v", e)
	}
	var again api.BatchReply
	w.into(w.do("POST", "/v1/workloads", body, api.HeaderKey, "k"), 200, &again)
	if again.Items[0].ID != got.Items[0].ID || again.Items[3].ID != got.Items[3].ID {
		t.Errorf("the same key made new workloads: %+v", again)
	}
}

func TestBatchSizes(t *testing.T) {
	w := start(t, httpapi.Options{})
	many := make([]string, api.MaxBatch+1)
	for i := range many {
		many[i] = job(fmt.Sprintf("j%d", i))
	}
	if r := w.do("POST", "/v1/workloads", batch(many[1:]...)); r.StatusCode != 200 {
		t.Errorf("%d workloads: %d", api.MaxBatch, r.StatusCode)
	}
	w.problem(w.do("POST", "/v1/workloads", batch(many...)), 400)
	w.problem(w.do("POST", "/v1/workloads", batch()), 400)
	w.problem(w.do("POST", "/v1/workloads", batch(job("a"))+"x"), 400)
}

func TestEveryFaultAtOnce(t *testing.T) {
	w := start(t, httpapi.Options{})
	body := `{"apiVersion":"drover/v1","kind":"job","name":"Bad","tasks":[{"name":"a","driver":"noop","count":-1,"after":["b"]}]}`
	p := w.problem(w.do("POST", "/v1/workloads", body), 422)
	at := map[string]bool{}
	for _, e := range p.Errors {
		at[e.Location] = e.Message != ""
	}
	for _, want := range []string{"body.name", "body.tasks[0].count", "body.tasks[0].after[0]"} {
		if !at[want] {
			t.Errorf("no fault at %s: %+v", want, p.Errors)
		}
	}
	plan := w.problem(w.do("POST", "/v1/plan", body), 422)
	if len(plan.Errors) != len(p.Errors) {
		t.Errorf("plan finds %d faults, submit %d", len(plan.Errors), len(p.Errors))
	}
}

func TestTenants(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads?tenant=red", job("one"))
	w.do("POST", "/v1/workloads", job("two"), api.HeaderTenant, "blue")
	for path, want := range map[string]int{
		"/v1/workloads/one": 404, "/v1/workloads/one?tenant=red": 200, "/v1/workloads/~1": 200, "/v1/workloads/~1?tenant=blue": 404,
		"/v1/workloads/~9": 404, "/v1/workloads/~x": 404,
	} {
		if r := w.do("GET", path, ""); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	for path, want := range map[string]int{"?tenant=red": 1, "": 0, "?allTenants=true": 2} {
		var page api.WorkloadPage
		if w.get("/v1/workloads"+path, &page); len(page.Items) != want {
			t.Errorf("%q lists %d, want %d", path, len(page.Items), want)
		}
	}
	named := strings.Replace(job("three"), `"name"`, `"tenant":"red","name"`, 1)
	w.problem(w.do("POST", "/v1/workloads?tenant=blue", named), 422)
}

func TestPages(t *testing.T) {
	w := start(t, httpapi.Options{})
	for i := range 7 {
		w.do("POST", "/v1/workloads", job(fmt.Sprintf("job-%d", i)))
	}
	w.do("POST", "/v1/workloads", strings.Replace(job("array"), `"noop"`, `"noop","count":5`, 1))
	var names []string
	for after := ""; ; {
		var page api.WorkloadPage
		w.get("/v1/workloads?limit=3&prefix=job&after="+after, &page)
		for _, v := range page.Items {
			names = append(names, v.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(names) != "[job-6 job-5 job-4 job-3 job-2 job-1 job-0]" {
		t.Errorf("listed %v", names)
	}
	var indexes []uint32
	for after := ""; ; {
		var page api.TaskPage
		w.get("/v1/workloads/array/tasks?limit=2&after="+after, &page)
		for _, v := range page.Items {
			indexes = append(indexes, v.Index)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if fmt.Sprint(indexes) != "[0 1 2 3 4]" {
		t.Errorf("elements %v", indexes)
	}
	for _, bad := range []string{"/v1/workloads?limit=0", "/v1/workloads?limit=1001", "/v1/workloads?status=dancing", "/v1/workloads/array/tasks?after=x"} {
		w.problem(w.do("GET", bad, ""), 422)
	}
}

func TestFilters(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", job("a"))
	w.do("POST", "/v1/workloads", job("b"))
	w.into(w.do("DELETE", "/v1/workloads/a", ""), 200, new(api.Applied))
	for query, want := range map[string]string{
		"status=cancelled": "a", "status=pending": "b", "status=pending,cancelled": "b a", "kind=service": "", "kind=job&status=pending": "b", "parent=7": "",
	} {
		var page api.WorkloadPage
		w.get("/v1/workloads?"+query, &page)
		var names []string
		for _, v := range page.Items {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestExplainAndPlan(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	big := strings.Replace(job("big"), `"noop"`, `"noop","resources":{"memory":"64Gi"}`, 1)
	var plan api.Plan
	w.into(w.do("POST", "/v1/plan", big), 200, &plan)
	if len(plan.Tasks) != 1 || plan.Tasks[0].Fits != 0 || plan.Tasks[0].Decision.Chosen != nil {
		t.Errorf("plan %+v", plan)
	}
	w.into(w.do("POST", "/v1/plan", job("small")), 200, &plan)
	if len(plan.Tasks) != 1 || plan.Tasks[0].Fits != 1 || plan.Tasks[0].Decision.Chosen.Node != "n1" {
		t.Errorf("plan %+v", plan)
	}
	w.do("POST", "/v1/workloads", big)
	var why api.Explanation
	w.get("/v1/workloads/big/tasks/main/0/explain", &why)
	if why.Task.Status != "pending" || why.Decision == nil || len(why.Decision.Reasons) == 0 {
		t.Errorf("explanation %+v", why)
	}
	p := w.problem(w.do("GET", "/v1/workloads/big/tasks/mian/0", ""), 404)
	if !strings.Contains(p.Detail, "did you mean main?") {
		t.Errorf("detail %q", p.Detail)
	}
	w.problem(w.do("GET", "/v1/workloads/big/tasks/main/1/explain", ""), 404)
}

func TestNodesAndSites(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.AddNode("n1")
	w.into(w.do("POST", "/v1/nodes/n1/drain", `{"grace":"5s"}`), 200, new(api.Applied))
	var n api.NodeView
	if w.get("/v1/nodes/n1", &n); n.Status != "drained" {
		t.Errorf("status %q", n.Status)
	}
	w.into(w.do("POST", "/v1/nodes/n1/drain", `{"off":true}`), 200, new(api.Applied))
	var list api.NodeList
	if w.get("/v1/nodes", &list); len(list.Items) != 1 || list.Items[0].Status != "ready" {
		t.Errorf("nodes %+v", list)
	}
	w.problem(w.do("POST", "/v1/nodes/n2/drain", ""), 404)
	w.problem(w.do("POST", "/v1/nodes/n1/drain", `{"grace":"-5s"}`), 422)
	w.problem(w.do("POST", "/v1/nodes/n1/drain", `{"of":true}`), 422)
	w.problem(w.do("DELETE", "/v1/nodes/n1", ""), 409)
	w.do("POST", "/v1/nodes/n1/drain", "")
	w.into(w.do("DELETE", "/v1/nodes/n1", ""), 200, new(api.Applied))
	w.problem(w.do("GET", "/v1/nodes/n1", ""), 404)

	site := `{"name":"farm","layer":"edge","pue":1.2,"links":[{"to":"hall","rtt":"20ms","bandwidth":"100Mbit"}]}`
	w.into(w.do("PUT", "/v1/sites/farm", site), 200, new(api.Applied))
	var sites api.SiteList
	if w.get("/v1/sites", &sites); len(sites.Items) != 1 || sites.Items[0].Links[0].RTT != 20*api.Millisecond || sites.Items[0].PUE != 1200 {
		t.Errorf("sites %+v", sites)
	}
	w.problem(w.do("PUT", "/v1/sites/barn", site), 422)
	w.into(w.do("PUT", "/v1/settings", `{"retainFor":"1h"}`), 200, new(api.Applied))
	w.problem(w.do("PUT", "/v1/settings", `{"retainMax":-1}`), 422)
}

func TestRollback(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.problem(w.do("POST", "/v1/workloads/none/rollback", ""), 404)
	w.do("POST", "/v1/workloads", job("hello"))
	w.problem(w.do("POST", "/v1/workloads/hello/rollback", `{"revision":3}`), 404)
}

func TestAtLeast(t *testing.T) {
	w := start(t, httpapi.Options{ReadTimeout: 50 * time.Millisecond})
	w.get(fmt.Sprintf("/v1/nodes?atLeast=%d", w.cell.Seq()), new(api.NodeList))
	r := w.do("GET", fmt.Sprintf("/v1/nodes?atLeast=%d", w.cell.Seq()+1000), "")
	if w.problem(r, 503); r.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
}

func TestRefusalsOfTheCell(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		after  string
	}{
		"busy":       {&httpapi.BusyError{RetryAfter: 1200 * time.Millisecond}, 429, "2"},
		"not leader": {httpapi.ErrNotLeader, 503, "1"},
		"full disk":  {fmt.Errorf("%w: no space left on device", httpapi.ErrStorage), 503, "5"},
		"odd":        {io.ErrUnexpectedEOF, 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, httpapi.Options{})
			w.cell.Refuse = func() error { return c.err }
			r := w.do("POST", "/v1/workloads", job("a"))
			if p := w.problem(r, c.status); !strings.Contains(p.Detail, c.err.Error()) {
				t.Errorf("detail %q", p.Detail)
			}
			if got := r.Header.Get("Retry-After"); got != c.after {
				t.Errorf("Retry-After %q, want %q", got, c.after)
			}
		})
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	w := start(t, httpapi.Options{})
	artifact := "/v1/artifacts/sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct {
		token, method, path string
		status              int
	}{
		{"", "GET", "/healthz", 200},
		{"", "GET", "/readyz", 200},
		{"", "GET", "/openapi.json", 200},
		{"", "GET", "/v1/status", 401},
		{"", "GET", "/metrics", 401},
		{"", "GET", "/v1/unknown", 401},
		{"wrong", "GET", "/v1/workloads", 401},
		{httpapitest.Admin, "GET", "/v1/status", 200},
		{httpapitest.Admin, "GET", "/metrics", 200},
		{httpapitest.Admin, "GET", "/v1/unknown", 404},
		{httpapitest.Admin, "PATCH", "/v1/status", 405},
		{httpapitest.Node, "GET", artifact, 404},
		{httpapitest.Node, "GET", "/v1/workloads", 403},
		{httpapitest.Node, "POST", "/v1/join", 403},
		{httpapitest.Join, "GET", artifact, 403},
		{httpapitest.Join, "GET", "/v1/nodes", 403},
	} {
		w.token = c.token
		if r := w.do(c.method, c.path, ""); r.StatusCode != c.status {
			t.Errorf("%q %s %s: %d, want %d", c.token, c.method, c.path, r.StatusCode, c.status)
		}
	}
}

func TestJoin(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.token = httpapitest.Join
	var reply api.JoinReply
	w.into(w.do("POST", "/v1/join", `{"node":"edge-1"}`), 200, &reply)
	if reply.User != "edge-1" || reply.Token == "" {
		t.Errorf("reply %+v", reply)
	}
	w.problem(w.do("POST", "/v1/join", `{"node":"*.>"}`), 422)
}

func TestNotReady(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.cell.Refuse = func() error { return httpapi.ErrNotLeader }
	w.problem(w.do("GET", "/readyz", ""), 503)
	if r := w.do("GET", "/healthz", ""); r.StatusCode != 200 {
		t.Errorf("health %d", r.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.get("/v1/status", new(api.CellStatus))
	r := w.do("GET", "/metrics", "")
	for _, want := range []string{
		"# HELP drover_seq Sequence.\n# TYPE drover_seq gauge\ndrover_seq{cell=\"test\"} ",
		"# TYPE drover_http_requests_total counter\ndrover_http_requests_total{status=\"2xx\"} 1\n",
	} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("no %q in:\n%s", want, r.body)
		}
	}
	for line := range bytes.Lines(r.body) {
		if fields := bytes.Fields(line); line[0] != '#' && len(fields) != 2 {
			t.Errorf("not a sample: %s", line)
		}
	}
}

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
