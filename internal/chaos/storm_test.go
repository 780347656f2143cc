package chaos

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestStorms follows random histories of large worlds, and prints what happened in
// them: what failed, and what tasks went through.
func TestStorms(t *testing.T) {
	seeds, late := uint64(20), deadline()
	switch {
	case soak:
		seeds = 10_000
	case testing.Short():
		seeds = 5
	}
	storm, steps, n := DefaultStorm(), 0, uint64(0)
	faults, passed, happened := map[string]int{}, map[string]int{}, map[string]int{}
	for ; n < seeds && !late(); n++ {
		h := storm.Run(n)
		if h.Violation != "" {
			storm.Tell(n, func(line string) { t.Log(line) })
			t.Fatalf("seed %d, after %d moves: %s", n, h.Steps, h.Violation)
		}
		wild(t, &h)
		steps += h.Steps
		add(faults, h.Faults)
		add(passed, h.Passed)
		add(happened, h.Happened)
	}
	t.Logf("%d seeds, %d moves", n, steps)
	t.Logf("faults: %s", list(faults))
	t.Logf("tasks: %s", list(passed))
	t.Logf("servers and nodes: %s", list(happened))
	if n == 0 {
		t.Fatal("no history was followed")
	}
}

// wild checks that a history has what makes it worth following.
func wild(t *testing.T, h *History) {
	t.Helper()
	faults := 0
	for _, n := range h.Faults {
		faults += n
	}
	if h.Steps < 1000 || faults < MinFaults {
		t.Fatalf("seed %d: %d moves and %d faults are too few", h.Seed, h.Steps, faults)
	}
}

func add(to, from map[string]int) {
	for name, n := range from {
		to[name] += n
	}
}

func list(m map[string]int) (out string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out += fmt.Sprintf("%s %d, ", name, m[name])
	}
	return out
}

// TestSameSeedSameHistory: a seed is all that it takes to see a failure again.
func TestSameSeedSameHistory(t *testing.T) {
	storm := DefaultStorm()
	for seed := range uint64(2) {
		var first, again []string
		storm.Tell(seed, func(line string) { first = append(first, line) })
		storm.Tell(seed, func(line string) { again = append(again, line) })
		if !slices.Equal(first, again) {
			t.Errorf("seed %d: two histories", seed)
		}
		if h := storm.Run(seed); len(first) < h.Steps {
			t.Errorf("seed %d: %d lines tell of %d moves", seed, len(first), h.Steps)
		}
	}
}
