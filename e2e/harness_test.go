//go:build e2e

package e2e

import (
	"testing"
	"time"

	"drover.dev/api"
)

// job is a job of one task, named like it.
func job(name string, t api.Task) *api.Workload {
	t.Name = "main"
	return &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{t}}
}

// shell is a task that runs a script, whose output is its result.
func shell(script string) api.Task {
	return api.Task{
		Driver: api.DriverProcess, Command: []string{"/bin/sh", "-c", script},
		Outputs: []api.Output{{Name: "out", Stdout: true}},
	}
}

// TestCluster is the harness itself: a task's result survives the death of both
// processes.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	agent := c.Agent("n1")
	cl, ctx := c.Client(), Within(t, time.Minute)
	if _, err := cl.Submit(ctx, job("hello", shell("echo hello"))); err != nil {
		t.Fatal(err)
	}
	done, err := cl.WaitFinished(ctx, "hello")
	if err != nil || done[0].Status != "succeeded" {
		t.Fatalf("%+v, %v", done, err)
	}
	agent.Kill()
	c.Server.Kill()
	c.Server.Restart()
	agent.Restart()
	for r, err := range cl.Results(ctx, "hello", "") {
		if err != nil || string(r.Outputs[0].Inline) != "hello\n" {
			t.Errorf("result %+v, %v", r, err)
		}
	}
	if r := c.CLI("ls", "-o", "json"); r.Code != 0 {
		t.Errorf("ls: %+v", r)
	}
	c.Stop()
}
