package chaos

import "testing"

// met says by which seed a mistake is met first, as far as is known: a hint that saves
// time, not a condition.
var met = map[string]uint64{
	"stale-epoch": 0, "start-unsynced": 1, "ack-before-sync": 0, "report-dropped": 0, "hint-trusted": 0,
	"no-grace": 0, "no-fence": 0, "unknown-trusted": 1, "ack-unrecorded": 0, "ledger-ignored": 0, "no-drift": 122,
	"replaced-leader": 869, "silent-node": 93,
	"woken-once": 21, "sleep-taken": 16,
	"one-disk": 48, "full-disk": 45, "torn-entry": 28, "damage-skipped": 1, "cut-ignored": 1,
}

// TestStormsMeetPlantedBugs: each mistake is made on purpose, and is met by one of a
// thousand seeds.
func TestStormsMeetPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of storms, one after the other")
	}
	if len(met) != len(Bugs()) {
		t.Fatalf("%d of %d mistakes are looked for", len(met), len(Bugs()))
	}
	for name, first := range met {
		t.Run(name, func(t *testing.T) {
			storm, late := DefaultStorm(), deadline()
			bug, err := BugOf(name)
			if err != nil {
				t.Fatal(err)
			}
			storm.Bug = bug
			for n := range uint64(1000) {
				seed := (first + n) % 1000
				if h := storm.Run(seed); h.Violation != "" {
					t.Logf("seed %d, after %d moves: %s", seed, h.Steps, h.Violation)
					return
				}
				if n >= 20 && late() {
					t.Skipf("%d seeds did not meet it, and this machine is too slow for more", n+1)
				}
			}
			t.Error("no seed meets it")
		})
	}
}

// TestShrink: what is left of a storm breaks the promise, too.
func TestShrink(t *testing.T) {
	storm := Storm{Servers: 2, Agents: 4, Tasks: 20, Steps: 1500, Faults: 80, Bug: LedgerIgnored}
	for seed := range uint64(50) {
		h := storm.Run(seed)
		if h.Violation == "" {
			continue
		}
		small, left := storm.Shrink(h)
		if len(small.Only) == 0 || len(small.Only) > len(h.Faults) || small.Faults > storm.Faults {
			t.Errorf("%v of %v are left, %d faults", small.Only, h.Faults, small.Faults)
		}
		if again := small.Run(seed); again.Violation == "" || again.Violation != left.Violation || again.Steps != left.Steps {
			t.Errorf("it came to %+v, and then to %+v", left, again)
		}
		t.Logf("%d kinds of faults, left are %v, %d of them: %s", len(h.Faults), small.Only, small.Faults, left.Violation)
		return
	}
	t.Error("nothing was found to be shrunk")
}
