package chaos

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden histories anew")

// planted are mistakes of the shells. Each must be found by a short history, which
// is kept in testdata/bugs under its name.
var planted = []struct {
	name  string
	in    Instance
	want  string // what follows from the mistake
	moves int    // at most, so that a person can read the way there
}{
	{"stale-epoch", Instance{
		Name: "stale epoch accepted by an agent", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 2, Bug: StaleObeyed,
	}, "obeys a leader of epoch 1", 25},
	{"ack-before-sync", Instance{
		Name: "acknowledged before it is synced", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, Bug: AckBeforeSync,
	}, "was answered, but the command does not stand in the journal", 8},
	{"report-dropped", Instance{
		Name: "report dropped before the acknowledgement", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, From: Running, Bug: ReportDropped,
	}, "leaves its node's outbox", 8},
	{"hint-trusted", Instance{
		Name: "hint trusted without a pull", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, From: Registered, Bug: HintTrusted,
	}, "takes its set for up to date", 8},
	{"no-grace", Instance{
		Name: "no grace after a failover", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 2, Ticks: 1, From: Registered, Bug: NoGrace,
	}, "no grace period", 10},
}

// TestPlantedBugsAreFound: a search that finds nothing proves little unless it is
// known to find what there is. Each mistake is made on purpose; without it, as many
// states hold.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, c := range planted {
		t.Run(c.name, func(t *testing.T) {
			c.in.SafetyOnly = true
			r := c.in.Explore(2_000_000, deadline())
			found(t, r, c.want)
			golden(t, filepath.Join("bugs", c.name+".txt"), r.story())
			if r.Moves > c.moves {
				t.Errorf("the way there has %d moves, more than %d", r.Moves, c.moves)
			}
			c.in.Bug = Sound
			report(t, c.in.Explore(r.States+1, deadline()))
		})
	}
}

// TestScripts follows histories that are too long to be found at every run of the
// tests: each runs a task marked atMostOnce on two nodes, and each needs a mistake.
func TestScripts(t *testing.T) {
	long := Instance{Agents: 2, Workloads: 1, Tasks: 1, AtMostOnce: true, Beats: true, Prompt: true, SafetyOnly: true}
	for name, set := range map[string]func(in *Instance){
		"replaced-leader": func(in *Instance) {
			in.Name, in.Bug = "a leader that was replaced goes on to renew leases", NeverConfirms
			in.Servers, in.From, in.Ticks, in.Campaigns = 2, Running, 6, 1
		},
		"silent-node": func(in *Instance) {
			in.Name, in.Bug = "a node that stands as silent has its lease renewed", SilentServed
			in.Servers, in.From, in.Ticks = 1, Placed, 4
		},
		"no-drift": func(in *Instance) {
			in.Name, in.Bug = "the settings allow for less than clocks lose", NoDrift
			in.Servers, in.From, in.Ticks, in.Faults = 1, Running, 3, 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := long
			set(&in)
			script := readLines(t, filepath.Join("testdata", "scripts", name+".txt"))
			r, err := in.Follow(script)
			if err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(r.Trace, "\n"))
			}
			found(t, r, "runs on two nodes at once")
			golden(t, filepath.Join("bugs", name+".txt"), r.story())
			in.Bug = Sound
			if r, err = in.Follow(script); err == nil {
				t.Errorf("without the mistake all that can happen, too: %v", r)
			}
			report(t, r)
		})
	}
}

// found checks that a violation is the expected one.
func found(t *testing.T, r Report, want string) {
	t.Helper()
	if !strings.Contains(r.Violation, want) {
		t.Fatalf("found %q, want %q; %v\n%s", r.Violation, want, r, strings.Join(r.Trace, "\n"))
	}
	t.Logf("found after %d moves, in %d states: %s", r.Moves, r.States, r.Violation)
}

// story tells a violation and the way there.
func (r Report) story() string {
	return fmt.Sprintf("%s: after %d moves\n%s\n\n%s\n", r.Instance, r.Moves, r.Violation, strings.Join(r.Trace, "\n"))
}

// golden compares a history with the one that is kept under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the history is not that of %s; if it should have changed, run go test ./internal/chaos -rewrite and read the difference:\n%s", path, got)
	}
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}
