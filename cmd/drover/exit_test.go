package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/internal/live"
	"drover.dev/internal/lockfile"
)

// TestUsageFaults are mistakes on the command line, or what this machine refuses,
// not failures of the program. Each says what to do.
func TestUsageFaults(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	var torn bytes.Buffer
	z := zip.NewWriter(&torn)
	w, err := z.Create("bundle.json")
	if err == nil {
		_, err = w.Write([]byte("{"))
	}
	broken := filepath.Join(t.TempDir(), "broken.zip")
	if err := errors.Join(err, z.Close(), os.WriteFile(broken, torn.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	self := fmt.Sprintf("process %d (", os.Getpid())
	locked := func(t *testing.T, dir string) {
		lock, err := lockfile.Take(filepath.Join(dir, "lock"), "server")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lock.Release() })
	}
	agent := []string{"agent", "--server", "http://127.0.0.1:1", "--join-token", "x"}
	for name, c := range map[string]struct {
		words []string
		code  int
		says  string
		given func(t *testing.T, data string)
	}{
		"not a URL":             {words: []string{"ls", "--server", "ftp://x"}, code: exitUsage, says: "ftp://x"},
		"open to all":           {words: []string{"server", "--http", "0.0.0.0:7777"}, code: exitUsage, says: "TLS"},
		"a taken address":       {words: []string{"server", "--bus", "127.0.0.1:0", "--http", taken.Addr().String()}, code: exitConflict, says: self},
		"a taken bus":           {words: []string{"server", "--http", "127.0.0.1:0", "--bus", taken.Addr().String()}, code: exitConflict, says: self},
		"a port that is none":   {words: []string{"server", "--http", "127.0.0.1:99999"}, code: exitUsage, says: "65535"},
		"another server's data": {words: []string{"server"}, code: exitConflict, says: fmt.Sprintf("another server, process %d, runs", os.Getpid()), given: locked},
		"data in a file":        {words: []string{"server", "--data", file}, code: exitUsage, says: file},
		"no certificate":        {words: []string{"server", "--tls-cert", "none.pem", "--tls-key", "none.key"}, code: exitUsage, says: "none.pem"},
		"a bad certificate":     {words: []string{"server", "--tls-cert", file, "--tls-key", file}, code: exitUsage, says: "PEM"},
		"no outside bus":        {words: []string{"server", "--nats", "nats://127.0.0.1:1"}, code: exitUnreachable, says: "nats://127.0.0.1:1"},
		"a bus that hangs up":   {words: []string{"server", "--nats", "nats://" + hangsUp(t)}, code: exitUnreachable, says: "check the address"},
		"no secrets":            {words: []string{"dev", "--secrets", "none"}, code: exitUsage, says: "none"},
		"an agent of no layer":  {words: append(agent, "--layer", "moon"), code: exitUsage, says: "moon"},
		"an agent in a file":    {words: append(agent, "--data", file), code: exitUsage, says: file},
		"no join token":         {words: []string{"agent", "--server", "http://127.0.0.1:1", "--join-token-file", "none"}, code: exitUsage, says: "none"},
		"results in a file":     {words: []string{"demo", "--out", filepath.Join(file, "out")}, code: exitUsage, says: file},
		"a broken bundle":       {words: []string{"replay", broken}, code: exitUsage, says: "copy it again"},
		"a manifest in a file":  {words: []string{"apply", "-f", filepath.Join(file, "x")}, code: exitUsage, says: file},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, data := newConsole(t, nil), t.TempDir()
			if c.given != nil {
				c.given(t, data)
			}
			if c.words[0] != "demo" { // the last one counts
				c.words = append([]string{"--data", data}, c.words...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // what runs did not refuse
			defer cancel()
			if code := a.run(ctx, c.words); code != c.code || !strings.Contains(a.err.String(), c.says) {
				t.Errorf("exit code %d, not %d with %q: %s", code, c.code, c.says, a.err.String())
			}
		})
	}
}

// TestAnotherSecretIsAConflict: the server does not fit the cell that is there.
func TestAnotherSecretIsAConflict(t *testing.T) {
	if code, _ := classify(fmt.Errorf("open the journal: %w", live.ErrSecret)); code != exitConflict {
		t.Errorf("exit code %d, want %d", code, exitConflict)
	}
}

// hangsUp is the address of a server that ends every connection.
func hangsUp(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
