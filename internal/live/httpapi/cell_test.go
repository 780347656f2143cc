package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
)

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
		"name taken": {httpapi.ErrNameTaken, 403, ""},
		"no child":   {httpapi.ErrNoChild, 409, ""},
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
		"# TYPE drover_http_read_seconds histogram\ndrover_http_read_seconds_bucket{le=\"0.001\"} ",
		"drover_http_read_seconds_bucket{le=\"+Inf\"} 1\n", "drover_http_read_seconds_count 1\n",
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

// TestSuspend: a job is suspended and resumed by whoever names its tenant; bad requests
// are refused whole, with the path of what is wrong.
func TestSuspend(t *testing.T) {
	w := start(t, httpapi.Options{})
	w.do("POST", "/v1/workloads", strings.Replace(job("hello"), `"noop"`, `"process","command":["x"]`, 1))
	suspend := func(query, body string) reply { return w.do("POST", "/v1/workloads/"+query, body) }
	w.problem(suspend("hello/suspend?tenant=other", ""), 404)
	w.problem(suspend("~1/suspend?tenant=other", ""), 404)
	w.problem(suspend("hello/suspend", `{"for":"8d"}`), 422)
	w.problem(suspend("hello/suspend", `{"for":"-1s"}`), 422)
	w.problem(suspend("hello/suspend", `{"elements":[{"task":""}]}`), 422)
	w.problem(suspend("hello/suspend", `{"elements":[{"task":"nothing"}]}`), 404)
	var a api.Applied
	if w.into(suspend("hello/suspend", `{"for":"1h","reason":"lunch"}`), 200, &a); a.Action != "suspended" || a.ID != 1 {
		t.Errorf("%+v", a)
	}
	var tasks api.TaskPage
	w.get("/v1/workloads/hello/tasks", &tasks)
	if s := tasks.Items[0].Suspensions; len(s) != 1 || s[0].Reason != "lunch" || s[0].Operator || s[0].Until != s[0].Since.Add(api.Hour) {
		t.Errorf("%+v", s)
	}
	if w.into(suspend("~1/resume", `{"operator":true}`), 200, &a); a.Action != "unchanged" {
		t.Errorf("the operator lifts what the owner wishes: %+v", a)
	}
	if w.into(suspend("~1/resume", ""), 200, &a); a.Action != "resumed" {
		t.Errorf("%+v", a)
	}
}
