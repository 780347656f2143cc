package bench

import (
	"context"
	"testing"

	"drover.dev/internal/chaos"
)

// TestChaosAddsUp: what is reported does not depend on how many worlds are run at
// once, and a mistake that is made on purpose is named with its seed.
func TestChaosAddsUp(t *testing.T) {
	o := ChaosOptions{Storm: chaos.Storm{Servers: 2, Agents: 3, Tasks: 10, Steps: 300, Faults: 20}, Seeds: 4, From: 7}
	one, err := Chaos(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Jobs = 3; one.Seeds != 4 || len(one.Violations) != 0 || one.Steps < 4*300 || one.Transitions["placed→running"] == 0 {
		t.Errorf("%+v", one)
	}
	three, err := Chaos(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if one.Steps != three.Steps || one.Records != three.Records || len(one.Faults) != len(three.Faults) {
		t.Errorf("one at a time: %+v, three at once: %+v", one, three)
	}
	o.Storm.Bug = chaos.AckBeforeSync
	broken, err := Chaos(context.Background(), o)
	if err != nil || len(broken.Violations) == 0 || broken.Violations[0].Seed < 7 {
		t.Errorf("a mistake is not found: %+v, %v", broken, err)
	}
}

func TestChaosRefuses(t *testing.T) {
	for name, o := range map[string]ChaosOptions{
		"no seeds":        {Storm: chaos.DefaultStorm()},
		"no servers":      {Seeds: 1, Storm: chaos.Storm{Agents: 2, Tasks: 5, Steps: 1}},
		"unknown fault":   {Seeds: 1, Storm: chaos.Storm{Servers: 1, Agents: 2, Tasks: 5, Steps: 1, Only: []string{"flood"}}},
		"too many agents": {Seeds: 1, Storm: chaos.Storm{Servers: 1, Agents: 200, Tasks: 5, Steps: 1}},
	} {
		if _, err := Chaos(context.Background(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
