package client_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// TestSettle: after a change a client waits until reads reflect it, and asks nothing otherwise.
func TestSettle(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Query().Get("atLeast"))
		w.Header().Set(api.HeaderSeq, "7")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	c, err := client.New(client.Config{Server: server.URL, Token: "t", Tenant: api.DefaultTenant, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Settle(t.Context()); err != nil || len(asked) > 0 {
		t.Errorf("nothing was changed: %v, asked %q", err, asked)
	}
	if _, err := c.Submit(t.Context(), &api.Workload{Name: "job"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	if want := []string{"POST ", "GET 7"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
