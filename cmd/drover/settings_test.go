package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
)

// settled settles the flags of "drover ls" with the words given.
func settled(t *testing.T, c *console, words ...string) error {
	t.Helper()
	cmd, rest, err := newRootCmd(c.app).Find(append([]string{"ls"}, words...))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	return c.settle(cmd)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFlagsGoBeforeEnvironmentBeforeFile(t *testing.T) {
	env := map[string]string{"DROVER_TENANT": "env", "DROVER_LIMIT": "5"}
	c := newConsole(t, env)
	write(t, filepath.Join(c.home, ".config", "drover", "config.yaml"), "tenant: file\nserver: http://file:1\noutput: wide\n")
	if err := settled(t, c, "--output", "json"); err != nil {
		t.Fatal(err)
	}
	if got := c.set.output + " " + c.set.tenant + " " + c.set.server; got != "json env http://file:1" {
		t.Errorf("settings %s", got)
	}
	delete(env, "DROVER_TENANT")
	c.set = settings{}
	if err := settled(t, c); err != nil || c.set.tenant != "file" {
		t.Errorf("tenant %q, error %v", c.set.tenant, err)
	}
}

func TestFaultySettings(t *testing.T) {
	for name, file := range map[string]string{
		"unknown": "tokn: x\n", "not a mapping": "- x\n", "broken": "a: [\n", "bad value": "timeout: soon\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, nil)
			write(t, filepath.Join(c.home, ".config", "drover", "config.yaml"), file)
			if code := c.run(t.Context(), []string{"ls"}); code != exitUsage || !strings.Contains(c.err.String(), "config.yaml") {
				t.Errorf("exit code %d: %s", code, c.err.String())
			}
		})
	}
}

func TestTheServerOfThisMachineIsFound(t *testing.T) {
	for name, dir := range map[string]string{"of dev": "server", "of server": "."} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, nil)
			data := filepath.Join(c.home, ".local", "share", "drover", dir)
			write(t, filepath.Join(data, "admin.token"), "secret\n")
			write(t, filepath.Join(data, addressFile), "http://127.0.0.1:9\n")
			if s, err := c.server(); err != nil || s != (found{"http://127.0.0.1:9", "secret"}) {
				t.Errorf("found %+v, error %v", s, err)
			}
			// The token goes to no other server.
			c.set.server = "http://example.org"
			if s, err := c.server(); err != nil || s != (found{"http://example.org", ""}) {
				t.Errorf("found %+v, error %v", s, err)
			}
		})
	}
	c := newConsole(t, nil)
	if s, err := c.server(); err != nil || s.url != "http://"+defaultAddress || s.token != "" {
		t.Errorf("found %+v, error %v", s, err)
	}
}

func TestTaintsAndAccelerators(t *testing.T) {
	if got, err := parseTaint("gpu=a100:noSchedule"); err != nil || got != (api.Taint{Key: "gpu", Value: "a100", Effect: api.NoSchedule}) {
		t.Errorf("taint %+v, error %v", got, err)
	}
	if got, err := parseAccelerator("gpu:A100=2"); err != nil || got.Kind != "gpu" || got.Models[0] != "A100" || got.Count != 2000 {
		t.Errorf("accelerator %+v, error %v", got, err)
	}
	for _, bad := range []string{"gpu", "=2", "gpu=x", "gpu=0", "gpu=-1"} {
		if _, err := parseAccelerator(bad); err == nil {
			t.Errorf("accelerator %q was accepted", bad)
		}
	}
	for _, bad := range []string{"gpu", ":noSchedule"} {
		if _, err := parseTaint(bad); err == nil {
			t.Errorf("taint %q was accepted", bad)
		}
	}
}
