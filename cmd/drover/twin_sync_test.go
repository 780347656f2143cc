package main

import (
	"strings"
	"testing"
)

func TestFlagsOfSync(t *testing.T) {
	for _, tt := range []struct{ flag, want string }{
		{"--budget=NaN", "neither 0 nor from 0.001 to 1"},
		{"--budget=1e-300", "neither 0 nor from 0.001 to 1"},
		{"--budget=1.5", "neither 0 nor from 0.001 to 1"},
		{"--budget=-0.1", "neither 0 nor from 0.001 to 1"},
		{"--seeds=0", "not from 1 to 1000"},
		{"--horizon=0s", "no time to look ahead"},
	} {
		con := newConsole(t, nil)
		code := con.run(t.Context(), []string{"twin", "sync", "--dir", t.TempDir(), tt.flag})
		if code != exitUsage || !strings.Contains(con.err.String(), tt.want) {
			t.Errorf("%s: exit code %d: %s", tt.flag, code, con.err.String())
		}
	}
}
