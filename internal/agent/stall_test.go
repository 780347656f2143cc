package agent

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// A server that takes requests and never answers is left for the next one, whether
// it stands still before its answer or in the middle of it.
func TestAServerThatStandsStillIsLeft(t *testing.T) {
	part := strings.Repeat("a part of it ", 1000)
	for name, stand := range map[string]http.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) {},
		"in the middle": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			still := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				stand(w, r)
				<-r.Context().Done()
			}))
			defer still.Close()
			live := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "whole")
			}))
			defer live.Close()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			u := &uplink{servers: []string{still.URL, live.URL}, http: client, stall: 50 * time.Millisecond}
			if _, err := fetched(t, u); !errors.Is(err, errStalled) {
				t.Errorf("the first ends with %v", err)
			}
			if got, err := fetched(t, u); got != "whole" || err != nil {
				t.Errorf("the second gives %q, %v", got, err)
			}
		})
	}
}

func fetched(t *testing.T, u *uplink) (string, error) {
	body, err := u.Fetch(t.Context(), api.Digest("sha256:0"))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(body)
	return string(b), errors.Join(err, body.Close())
}
