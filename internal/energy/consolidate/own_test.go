package consolidate_test

import (
	"testing"

	"drover.dev/internal/energy/consolidate"
)

// TestLessEnergyThanPublished: on each day the strategy uses less energy than the
// published policy that uses the least with its selection, at no more violations.
func TestLessEnergyThanPublished(t *testing.T) {
	for _, name := range []string{"20110303", "20110306", "20110309"} {
		t.Run(name, func(t *testing.T) {
			if name != "20110306" && testing.Short() {
				t.Skip("one day is enough for a short run")
			}
			use := day(t, name)
			theirs := run(t, use, "lr-1.2", consolidate.MMT)
			ours := run(t, use, consolidate.Own, "")
			t.Logf("%s: %+v, lr-mmt %+v", name, ours, theirs)
			if ours.EnergyKWh > 0.8*theirs.EnergyKWh || ours.SLAV > theirs.SLAV || ours.SLATAH > theirs.SLATAH || ours.PDM > theirs.PDM || ours.Unserved > theirs.Unserved {
				t.Errorf("it uses %+v where lr-mmt uses %+v", ours, theirs)
			}
		})
	}
}
