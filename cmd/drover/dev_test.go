package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDev starts a real cell with a real node and runs a real program in it.
func TestDev(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server and workers")
	}
	data, ready := t.TempDir(), filepath.Join(t.TempDir(), "ready")
	ctx, stop := context.WithCancel(t.Context())
	dev, ended := newConsole(t, nil), make(chan int, 1)
	go func() {
		ended <- dev.run(ctx, []string{"dev", "--data", data, "--http", "127.0.0.1:0", "--ready-file", ready, "--stop-tasks"})
	}()
	var url string
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if url = readLine(ready); url != "" {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("the cell did not come up")
		}
	}
	drover := func(words ...string) (code int, out, err string) {
		c := newConsole(t, nil)
		code = c.run(t.Context(), append(words, "--data", data))
		return code, c.out.String(), c.err.String()
	}
	run := func(name, script string) (int, string, string) {
		c := newConsole(t, nil)
		code := c.run(t.Context(), []string{"run", "--data", data, "--driver", "process", "--name", name, "--", "sh", "-c", script})
		return code, c.out.String(), c.err.String()
	}
	if code, out, err := run("good", "echo done"); code != 0 || out != "done\n" {
		t.Errorf("exit code %d, output %q: %s", code, out, err)
	}
	if code, _, err := run("bad", "exit 7"); code != 7 || !strings.Contains(err, "bad failed on cloud-1: exit code 7") {
		t.Errorf("exit code %d: %s", code, err)
	}
	if code, _, err := run("killed", "kill -TERM $$"); code != 128+15 {
		t.Errorf("exit code %d: %s", code, err)
	}
	interrupted, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	slow := newConsole(t, nil)
	if code := slow.run(interrupted, []string{"run", "--data", data, "--driver", "process", "--name", "slow", "--", "sleep", "100"}); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, slow.err.String())
	}
	if code, out, err := drover("ls"); code != 0 || !inOrder(out, "slow", "cancelled", "killed", "failed", "bad", "failed", "good", "succeeded") {
		t.Errorf("exit code %d: %s%s", code, out, err)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("dev ended with %d: %s", code, dev.err.String())
	}
	if code, _, _ := drover("ls", "--server", url); code != exitUnreachable {
		t.Errorf("exit code %d after the end", code)
	}
	if !bytes.Contains(dev.out.Bytes(), []byte("drover --data "+data+" ls")) {
		t.Errorf("the welcome does not say where to go next: %s", dev.out.String())
	}
}

// inOrder reports whether the parts stand in text one after the other.
func inOrder(text string, parts ...string) bool {
	for _, p := range parts {
		_, rest, ok := strings.Cut(text, p)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}
