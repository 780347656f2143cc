package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
)

const askedJob = `{apiVersion: drover/v1, kind: job, name: asked,
  tasks: [{name: main, driver: noop, args: [5m], duration: 5m, resources: {cpu: 1}}]}`

// TestPlanTwin asks a real cell, whose only node is taken for ten minutes, about a job
// that wants the whole node.
func TestPlanTwin(t *testing.T) {
	c := newLiveCell(t)
	c.submit(10 * time.Minute)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if s, err := c.client.Status(t.Context()); err == nil && s.Running == 1 {
			break
		} else if time.Since(began) > time.Minute {
			t.Fatalf("the job does not run: %+v, %v", s, err)
		}
	}
	file := filepath.Join(t.TempDir(), "asked.yaml")
	if err := os.WriteFile(file, []byte(askedJob), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(words ...string) planned {
		t.Helper()
		code, out, stderr := c.drover(append([]string{"plan", "-f", file, "--twin", "--seeds", "5", "-o", "json"}, words...)...)
		var got []planned
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || len(got) != 1 || got[0].Twin == nil {
			t.Fatalf("%v: exit code %d, %v: %s%s", words, code, err, out, stderr)
		}
		return got[0]
	}
	now := ask().Twin
	if now.WaitSeconds.P10 <= 1 || now.Ended != 5 || now.End.P50 <= now.Start.P50 || now.Nodes[0].Node != "n1" || now.Cost.P50 <= 0 {
		t.Errorf("it does not wait for the end of the other: %+v", now)
	}
	if more := ask("--if", "node=n1=+1").Twin; more.WaitSeconds.P90 > 1 || more.Nodes[0].Node != "n1-more-1" || len(more.If) != 1 {
		t.Errorf("on another node it does not start at once: %+v", more)
	}
	if down := ask("--if", "node=n1=down").Twin; down.Began != 0 {
		t.Errorf("it runs on no node: %+v", down)
	}
	if late := ask("--after", "30d").Twin; late.Submitted.Sub(api.Time(time.Now().UnixNano())) < 29*api.Day || late.WaitSeconds.P90 > 1 {
		t.Errorf("in a month it does not start at once: %+v", late)
	}
	code, out, _ := c.drover("plan", "-f", file, "--twin", "--seeds", "3")
	if code != 0 || !inOrder(out, "asked", "Others come", "none but runs of schedules", "Starts", "8 times in 10 between", "Ends", "n1 (100 %)", "Cost", "It holds nobody up") {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, tt := range []struct {
		words []string
		code  int
		err   string
	}{
		{[]string{"--after", "1h"}, exitUsage, "--twin"},
		{[]string{"--twin", "--if", "node=n7=down"}, exitUsage, "no node n7"},
		{[]string{"--twin", "--if", "n1"}, exitUsage, "node=NAME=down"},
		{[]string{"--twin", "--at", "soon"}, exitUsage, "soon"},
		{[]string{"--twin", "--at", "2020-01-01T00:00:00Z"}, exitUsage, "past"},
		{[]string{"--twin", "--seeds", "0"}, exitUsage, "--seeds"},
		{[]string{"--twin", "--arrivals", "many"}, exitUsage, "like-recent"},
	} {
		code, _, stderr := c.drover(append([]string{"plan", "-f", file}, tt.words...)...)
		if code != tt.code || !strings.Contains(stderr, tt.err) {
			t.Errorf("%v: exit code %d: %s", tt.words, code, stderr)
		}
	}
	if err := os.WriteFile(file, []byte(strings.Replace(askedJob, "asked", "job-1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := c.drover("plan", "-f", file, "--twin"); code != exitConflict || !strings.Contains(stderr, "would not accept it") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// TestExplainsExpectedStart: a real cell says when a job that waits is expected to start.
func TestExplainsExpectedStart(t *testing.T) {
	c := newLiveCell(t)
	c.submit(10*time.Minute, 10*time.Minute)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, first, _ := c.drover("explain", "job-1")
		_, second, stderr := c.drover("explain", "job-2")
		if strings.Contains(first+second, "Expected start  in ") && strings.Contains(first+second, "if nobody else takes the room") {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("it says\n%s\n%s\n%s", first, second, stderr)
		}
	}
	for _, job := range []string{"job-1", "job-2"} {
		code, out, stderr := c.drover("explain", job, "--twin", "-o", "json")
		var got []explained
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || len(got) != 1 || got[0].Twin == nil {
			t.Fatalf("exit code %d, %v: %s%s", code, err, out, stderr)
		}
		x := got[0].Twin
		waits := got[0].ExpectedStart != nil
		if waits && (x.Began != 0 || x.Start.P50 <= x.From) || x.End.P50 <= x.From || x.Arrivals.Kind != rehearse.NoArrivals || x.Seeds != 20 {
			t.Errorf("%s, which waits (%v): %+v", job, waits, *x)
		}
	}
	code, out, _ := c.drover("explain", "job-2", "--twin")
	if code != 0 || !inOrder(out, "20 worlds", "Starts", "Ends", "8 times in 10", "Others come", "none") {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, words := range [][]string{{"--arrivals", "none"}, {"--twin", "--at", "1"}, {"--twin", "--arrivals", "many"}} {
		if code, _, stderr := c.drover(append([]string{"explain", "job-2"}, words...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", words, code, stderr)
		}
	}
}

// The time at which a job is to come is taken as people write it.
func TestForesightTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ at, after, want string }{
		{"", "", "2026-03-01T14:00:00Z"},
		{"", "90m", "2026-03-01T15:30:00Z"},
		{"15:04", "", "2026-03-01T15:04:00Z"},
		{"13:00", "", "2026-03-02T13:00:00Z"},
		{"2026-03-05T01:00:00+01:00", "", "2026-03-05T00:00:00Z"},
		{"2026-03-01T13:59:59Z", "", ""},
		{"tomorrow", "", ""},
		{"", "-1h", ""},
	} {
		got, err := (&foresight{at: tt.at, after: tt.after}).submitted(now)
		if (err == nil) != (tt.want != "") || err == nil && clock(got) != tt.want {
			t.Errorf("--at %q --after %q is %s, %v; want %q", tt.at, tt.after, clock(got), err, tt.want)
		}
	}
}
