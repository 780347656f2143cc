package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What answers at the server's address may be another program.
func TestStrangers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"not found":    http.NotFound,
		"not possible": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			defer s.Close()
			c := newConsole(t, nil)
			if code := c.run(t.Context(), []string{"ls", "--server", s.URL}); code != exitUnreachable || !strings.Contains(c.err.String(), "no Drover server") {
				t.Errorf("exit code %d: %s", code, c.err.String())
			}
		})
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of what we refuse
	s.StartTLS()
	defer s.Close()
	for name, c := range map[string]struct{ url, says string }{
		"an authority that nobody knows": {s.URL, "--ca"},
		"https is wanted":                {"http" + strings.TrimPrefix(s.URL, "https"), "https"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newConsole(t, nil)
			if code := a.run(t.Context(), []string{"ls", "--server", c.url}); code != exitUnreachable || !strings.Contains(a.err.String(), c.says) {
				t.Errorf("exit code %d: %s", code, a.err.String())
			}
		})
	}
}

// Who waits for work that no node takes is told why.
func TestWaitingIsExplained(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.cell.AddNode("n1")
	s.step("file", []string{"big.yaml"}, "apiVersion: drover/v1\nkind: job\nname: big\ntasks: [{name: main, driver: noop, resources: {memory: 1Ti}}]\n")
	s.drover([]string{"apply", "-f", "F/big.yaml"})
	for name, words := range map[string]string{
		"apply --wait": "apply -f F/big.yaml --wait",
		"logs -f":      "logs -f big",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const why = "1 of 1 nodes: memory 1Ti exceeds the whole node"
			if got := s.droverUntil(why, strings.Fields(words)); !strings.Contains(got, why) {
				t.Errorf("it says %q", got)
			}
		})
	}
}
