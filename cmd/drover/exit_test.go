package main

import (
	"net"
	"testing"
)

// TestUsageFaults are mistakes on the command line, not failures of the program.
func TestUsageFaults(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, c := range map[string]struct {
		words []string
		code  int
	}{
		"not a URL":       {[]string{"ls", "--server", "ftp://x"}, exitUsage},
		"open to all":     {[]string{"server", "--http", "0.0.0.0:7777"}, exitUsage},
		"a taken address": {[]string{"server", "--bus", "127.0.0.1:0", "--http", taken.Addr().String()}, exitConflict},
	} {
		t.Run(name, func(t *testing.T) {
			a := newConsole(t, nil)
			if code := a.run(t.Context(), append(c.words, "--data", t.TempDir())); code != c.code {
				t.Errorf("exit code %d, not %d: %s", code, c.code, a.err.String())
			}
		})
	}
}
