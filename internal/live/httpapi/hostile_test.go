package httpapi_test

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/internal/live/httpapi"
)

type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }

// endless is a body that never ends; it counts what was taken of it.
type endless struct{ taken *atomic.Int64 }

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.taken.Add(int64(len(b)))
	return len(b), nil
}

func TestBodyOfAGigabyte(t *testing.T) {
	w := start(t, httpapi.Options{})
	for name, length := range map[string]int64{"announced": 1 << 30, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Int64
			r := w.request("POST", "/v1/workloads", "")
			r.Body, r.ContentLength = readCloser{io.LimitReader(endless{&taken}, 1<<30)}, length
			res, err := w.server.Client().Do(r)
			if err != nil { // the server may hang up while the client still sends
				t.Logf("refused: %v", err)
			} else {
				_ = res.Body.Close()
				if res.StatusCode != 413 {
					t.Errorf("status %d", res.StatusCode)
				}
			}
			if n := taken.Load(); n > 64<<20 {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
	if r := w.do("GET", "/v1/status", ""); r.StatusCode != 200 {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
}

func TestHostileBodies(t *testing.T) {
	w := start(t, httpapi.Options{})
	for name, c := range map[string]struct {
		body   string
		status []int
	}{
		"empty":             {"", []int{400}},
		"no JSON":           {"apiVersion: drover/v1", []int{400, 422}},
		"half":              {job("a")[:30], []int{400, 422}},
		"two":               {job("a") + job("b"), []int{400, 422}},
		"null":              {"null", []int{400, 422}},
		"array":             {"[]", []int{400, 422}},
		"invalid UTF-8":     {strings.Replace(job("a"), "main", "m\xff", 1), []int{400}},
		"deep":              {strings.Repeat(`{"tasks":[`, 100_000), []int{400, 422}},
		"deep batch":        {`{"workloads":[` + strings.Repeat("[", 1_000_000), []int{400}},
		"unknown field":     {strings.Replace(job("a"), `"kind"`, `"kinds":1,"kind"`, 1), []int{422}},
		"unknown in batch":  {`{"workloads":[` + job("a") + `],"more":1}`, []int{400}},
		"huge array":        {strings.Replace(job("a"), `"noop"`, `"noop","count":10000000`, 1), []int{422}},
		"number too large":  {strings.Replace(job("a"), `"noop"`, `"noop","count":1e99`, 1), []int{422}},
		"path that escapes": {strings.Replace(job("a"), `"noop"`, `"noop","outputs":[{"name":"o","path":"../../etc/passwd"}]`, 1), []int{422}},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.do("POST", "/v1/workloads", c.body)
			ok := false
			for _, s := range c.status {
				ok = ok || r.StatusCode == s
			}
			if !ok || !json.Valid(r.body) {
				t.Errorf("%d, want %v: %.200s", r.StatusCode, c.status, r.body)
			}
		})
	}
	var page struct{ Items []any }
	if w.get("/v1/workloads?allTenants=true", &page); len(page.Items) != 0 {
		t.Errorf("%d workloads were accepted", len(page.Items))
	}
}

// raw sends bytes and gives what comes back until the server hangs up.
func (w *world) raw(text string) string {
	w.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		w.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		w.Fatalf("the server did not hang up: %v", err)
	}
	return string(got)
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	w := start(t, httpapi.Options{HeaderTimeout: 50 * time.Millisecond})
	if got := w.raw("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: "); strings.Contains(got, "200 OK") {
		t.Errorf("got %q", got)
	}
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	w := start(t, httpapi.Options{BodyTimeout: 50 * time.Millisecond})
	got := w.raw("POST /v1/workloads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token + "\r\nContent-Length: 1000\r\n\r\n{")
	if !strings.HasPrefix(got, "HTTP/1.1 408") {
		t.Errorf("got %q", got)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	w := start(t, httpapi.Options{})
	got := w.raw("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 431") {
		t.Errorf("got %.80q", got)
	}
}
