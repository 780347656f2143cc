package main

import (
	"testing"

	"drover.dev/api"
)

// TestReasonOf: the exit code of an attempt is no reason of the one that follows it.
func TestReasonOf(t *testing.T) {
	stopped := &api.Result{ExitCode: -1}
	for name, tc := range map[string]struct {
		task api.TaskView
		want string
	}{
		"failed":               {api.TaskView{Status: "failed", Result: stopped}, "exit code -1"},
		"cancelled":            {api.TaskView{Status: "cancelled", Result: stopped}, "exit code -1"},
		"runs after a move":    {api.TaskView{Status: "running", Result: stopped}, ""},
		"waits, and says why":  {api.TaskView{Status: "pending", Reason: "no room", Result: stopped}, "no room"},
		"failed, and says why": {api.TaskView{Status: "failed", Reason: "timeout", Result: stopped}, "timeout"},
	} {
		if got := reasonOf(tc.task); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
