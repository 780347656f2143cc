package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
)

func TestProfiles(t *testing.T) {
	w := start(t, httpapi.Options{})
	for query, shows := range map[string]string{
		"":                    "inuse_space",
		"?kind=heap":          "inuse_space",
		"?kind=goroutine":     "httpapi.(*Server).getProfile",
		"?kind=cpu&seconds=1": "cpu",
	} {
		r := w.do("GET", "/v1/profile"+query, "")
		if r.StatusCode != 200 {
			t.Fatalf("%s: %d %s", query, r.StatusCode, r.body)
		}
		z, err := gzip.NewReader(bytes.NewReader(r.body))
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if text, err := io.ReadAll(z); err != nil || !bytes.Contains(text, []byte(shows)) {
			t.Errorf("%s: %d bytes without %q, %v", query, len(text), shows, err)
		}
	}
	for _, query := range []string{"?kind=trace", "?seconds=0", "?seconds=31", "?seconds=-1", "?seconds=x"} {
		w.problem(w.do("GET", "/v1/profile"+query, ""), 422)
	}
}

// Nobody but an administrator sees what the program does.
func TestProfilesNeedTheAdministratorsToken(t *testing.T) {
	w := start(t, httpapi.Options{})
	for token, status := range map[string]int{"": 401, "wrong": 401, httpapitest.Node: 403, httpapitest.Join: 403} {
		w.token = token
		w.problem(w.do("GET", "/v1/profile", ""), status)
	}
	w.token = httpapitest.Admin
	w.problem(w.do("GET", "/debug/pprof/", ""), 404)
}

func TestMetricsOfTheProcess(t *testing.T) {
	w := start(t, httpapi.Options{})
	text := string(w.do("GET", "/metrics", "").body)
	for _, want := range []string{"go_goroutines", "go_memstats_heap_inuse_bytes", "go_memstats_heap_released_bytes", "go_memstats_next_gc_bytes"} {
		if !strings.Contains(text, "\n"+want+" ") {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
}
