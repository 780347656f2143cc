package chaos

import (
	"os"
	"testing"
	"time"
)

// The long run: DROVER_SOAK=1, or make model, explores and walks much further.
var soak = os.Getenv("DROVER_SOAK") != ""

// states bounds an exploration by what a run of the tests may take: some twenty
// seconds of one core for all of them, some seconds with -short.
func states(usual int) int {
	switch {
	case soak:
		return 2_000_000
	case testing.Short():
		return min(usual, 2_000)
	}
	return usual
}

// deadline stops an exploration on a machine that is much too slow; what was seen
// until then still counts.
func deadline() func() bool {
	limit, begun := 25*time.Second, time.Now()
	if soak {
		limit = 30 * time.Minute
	}
	return func() bool { return time.Since(begun) > limit }
}

// explorations are worlds of several sizes. Small ones are visited whole; large
// ones breadth first, as far as the number of states allows.
var explorations = []struct {
	states int
	in     Instance
}{
	{100_000, Instance{
		Name: "one leader, one agent, one task, a fault", Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Faults: 1, Campaigns: 2,
	}},
	{100_000, Instance{
		Name: "two leaders, one agent, one task", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Campaigns: 2,
	}},
	{100_000, Instance{
		Name:    "one leader, one agent, one task that may be cancelled, a fault",
		Servers: 1, Agents: 1, Workloads: 1, Tasks: 1, Cancels: true, Faults: 1, Campaigns: 1, From: Registered,
	}},
	{30_000, Instance{
		Name: "two leaders, one agent, one task, a fault", Servers: 2, Agents: 1, Workloads: 1, Tasks: 1, Faults: 1, Campaigns: 2,
	}},
	{10_000, Instance{
		Name: "two leaders, two agents, three tasks, a fault", Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Faults: 1, Campaigns: 2,
	}},
	{25_000, Instance{
		Name:    "two leaders, two agents, three tasks that are placed, a fault",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Faults: 1, Campaigns: 1, From: Placed,
	}},
	{25_000, Instance{
		Name:    "two leaders, two agents, three tasks that run, a fault",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Faults: 1, Campaigns: 1, From: Running,
	}},
	{100_000, Instance{
		Name:    "two leaders, two agents, two tasks that are placed, prompt disks",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 2, Prompt: true, Campaigns: 1, From: Placed,
	}},
	{20_000, Instance{
		Name:    "two leaders, two agents, three tasks that are placed, prompt disks",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Prompt: true, Campaigns: 1, From: Placed,
	}},
	{200_000, Instance{
		Name:    "two leaders, two agents, three tasks that run, prompt disks",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Prompt: true, Campaigns: 1, From: Running,
	}},
	{25_000, Instance{
		Name:    "two leaders, two agents, a gang of three that may be cancelled, a fault",
		Servers: 2, Agents: 2, Workloads: 1, Tasks: 3, Gang: true, Cancels: true, Faults: 1, Campaigns: 1, From: Placed,
	}},
	{12_000, Instance{
		Name:    "one leader, two agents, two tasks that may be cancelled, a fault, time",
		Servers: 1, Agents: 2, Workloads: 1, Tasks: 2, Cancels: true, Prompt: true, Faults: 1, Ticks: 4, From: Placed,
	}},
	{20_000, Instance{
		Name:    "one leader, two agents, a task at most once, a fault, time",
		Servers: 1, Agents: 2, Workloads: 1, Tasks: 1, AtMostOnce: true, Beats: true, Prompt: true, Faults: 1, Ticks: 5, From: Placed,
	}},
	{20_000, Instance{
		Name: "two leaders whose clocks differ, two agents, a task at most once, time",
		Skew: 3, Servers: 2, Agents: 2, Workloads: 1, Tasks: 1, AtMostOnce: true, Beats: true, Prompt: true, Campaigns: 1, Ticks: 5, From: Running,
	}},
}

// TestEveryInterleaving visits every state of each exploration, and prints what it
// saw.
func TestEveryInterleaving(t *testing.T) {
	seen, made := 0, 0
	for _, c := range explorations {
		t.Run(c.in.Name, func(t *testing.T) {
			r := c.in.Explore(states(c.states), deadline())
			t.Log(r)
			report(t, r)
			if r.States < 1000 {
				t.Errorf("only %d states were visited: nothing was explored", r.States)
			}
			seen, made = seen+r.States, made+r.Transitions
		})
	}
	t.Logf("%d states, %d transitions", seen, made)
}

// TestRandomHistories follows histories much longer than any that can be explored
// whole, in which much more goes wrong.
func TestRandomHistories(t *testing.T) {
	walks := uint64(100)
	switch {
	case soak:
		walks = 5_000
	case testing.Short():
		walks = 10
	}
	for name, in := range map[string]Instance{
		"cancelled gangs":    {Servers: 2, Agents: 2, Workloads: 2, Tasks: 2, Gang: true, Cancels: true, Faults: 30, Campaigns: 10, Ticks: 30},
		"without heartbeats": {Servers: 2, Agents: 2, Workloads: 2, Tasks: 2, Faults: 30, Campaigns: 10, Ticks: 30},
		"at most once":       {Skew: 5, Servers: 2, Agents: 2, Workloads: 2, Tasks: 2, AtMostOnce: true, Beats: true, Faults: 20, Campaigns: 10, Ticks: 30},
	} {
		t.Run(name, func(t *testing.T) {
			moves, ended, late := 0, 0, deadline()
			for seed := range walks {
				r := in.Walk(seed, 300)
				if r.Violation != "" {
					t.Logf("seed %d", seed)
				}
				report(t, r)
				moves, ended = moves+r.Transitions, ended+r.Ended
				if late() {
					break
				}
			}
			t.Logf("%d moves, %d histories in which all work had ended before the faults did", moves, ended)
		})
	}
}

// report fails the test with the way to a violation.
func report(t *testing.T, r Report) {
	t.Helper()
	if r.Violation == "" {
		return
	}
	for _, line := range r.Trace {
		t.Log(line)
	}
	t.Fatalf("after %d moves: %s", r.Moves, r.Violation)
}

func TestPathsLeadSomewhere(t *testing.T) {
	for _, p := range append(paths.tickets[:], paths.welcomed, paths.have, paths.outbox) {
		if len(p) == 0 {
			t.Error("a field of agent/core that the model reads is no more")
		}
	}
}

func TestRulesNameFieldsThatExist(t *testing.T) {
	if gone := missing(); len(gone) > 0 {
		t.Errorf("the print has rules about %v, which are no more: say what became of them", gone)
	}
}
