package chaos

import (
	"os"
	"strings"
	"testing"
)

// TestPlantedBugsAreFound: a search that finds nothing proves little unless it is
// known to find what there is. Each mistake is made on purpose, and must be found
// by a short history. What follows from the mistake is what the test looks for.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, c := range []struct {
		in    Instance
		want  string
		moves int // at most, so that a person can read the way there
	}{
		{Instance{
			Name: "stale epoch accepted by an agent", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 2, Bug: StaleObeyed,
		}, "obeys a leader of epoch 1", 25},
		{Instance{
			Name: "acknowledged before it is synced", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, Bug: AckBeforeSync,
		}, "was answered, but the command does not stand in the journal", 8},
		{Instance{
			Name: "report dropped before the acknowledgement", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, From: Running, Bug: ReportDropped,
		}, "leaves its node's outbox", 8},
		{Instance{
			Name: "hint trusted without a pull", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 1, From: Registered, Bug: HintTrusted,
		}, "takes its set for up to date", 8},
		{Instance{
			Name: "no grace after a failover", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 2, Ticks: 1, From: Registered, Bug: NoGrace,
		}, "no grace period", 10},
		{Instance{
			Name: "a node that stands as silent is encouraged", Servers: 1, Agents: 2, Workloads: 1, Tasks: 1, AtMostOnce: true, Beats: true,
			Prompt: true, Ticks: 4, From: Placed, Bug: SilentServed,
		}, "runs on two nodes at once", 16},
	} {
		t.Run(c.in.Name, func(t *testing.T) {
			if c.in.Bug == SilentServed && testing.Short() {
				t.Skip("takes some hundred thousand states")
			}
			c.in.SafetyOnly = true
			r := c.in.Explore(2_000_000, deadline())
			found(t, r, c.want)
			if r.Moves > c.moves {
				t.Errorf("the way there has %d moves, more than %d", r.Moves, c.moves)
			}
			c.in.Bug = Sound
			report(t, c.in.Explore(min(r.States+1, states(100_000)), deadline()))
		})
	}
}

// found prints the way to a violation, which must be the expected one.
func found(t *testing.T, r Report, want string) {
	t.Helper()
	if !strings.Contains(r.Violation, want) {
		t.Fatalf("found %q, want %q; %v", r.Violation, want, r)
	}
	t.Logf("%v\nfound after %d moves: %s\n%s", r, r.Moves, r.Violation, strings.Join(r.Trace, "\n"))
}

// TestReplacedLeader follows a history that is too long to be found by exploring:
// a leader that has been replaced, and has not noticed, renews a node's lease
// while its successor gives the node up.
func TestReplacedLeader(t *testing.T) {
	script := readLines(t, "testdata/replaced-leader.txt")
	in := Instance{
		Name: "replaced leader", Servers: 2, Agents: 2, Workloads: 1, Tasks: 1, AtMostOnce: true, Beats: true, Prompt: true,
		SafetyOnly: true, From: Running, Campaigns: 1, Ticks: 6, Bug: NeverConfirms,
	}
	r, err := in.Follow(script)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(r.Trace, "\n"))
	}
	found(t, r, "runs on two nodes at once")
	in.Bug = Sound
	if r, err = in.Follow(script); err == nil {
		t.Errorf("a leader that must confirm that it leads could do all that: %v", r)
	}
	report(t, r)
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}
