package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/power"
	"drover.dev/internal/state"
)

// TestBatteriesAreTold: the hook of a site, a real process, gets the set-point and says how
// full the battery is, from which the next one follows; one that fails, or is not there,
// has its battery count as doing nothing; one that is gone is told to stop and forgotten.
func TestBatteriesAreTold(t *testing.T) {
	heard := filepath.Join(t.TempDir(), "heard")
	hook := func(script string) power.Charger {
		return power.Charger{OnSet: power.Command{"/bin/sh", "-c", script, "hook"}}
	}
	c := run(t, Config{WakeTick: 10 * time.Millisecond, Batteries: map[string]power.Charger{
		"works": hook(`echo "$DROVER_SITE $1 $DROVER_WATTS $HOME" >> '` + heard + `'; echo talks; echo '{"percent": 5}'`),
		"fails": hook("echo no inverter answers >&2; exit 3"),
	}})
	hour := api.Time(time.Now().Truncate(time.Hour).UnixNano())
	price := api.Signal{Kind: api.SignalPrice, Zone: "DE", Currency: "EUR", Step: api.Hour, Start: hour, Known: 48, Origin: "test"}
	for range price.Known {
		price.Values = append(price.Values, 100_000)
	}
	battery := &api.Battery{Capacity: 36e12, Charge: 2e6, Efficiency: 1000, Reserve: 500, Dispatch: api.DispatchCost}
	put := func(site string, b *api.Battery) {
		do(t, c, &engine.PutSite{Site: api.Site{Name: site, Layer: api.LayerEdge, Zone: "DE", Battery: b}})
	}
	do(t, c, &engine.PutSignal{Signal: price})
	put("works", battery)
	put("fails", battery)
	put("alone", battery)
	until(t, c, "what batteries do", func(st *state.State) bool {
		said, err := os.ReadFile(heard)
		if err != nil || !strings.Contains(string(said), "works 2000") {
			return false
		}
		works, fails, alone := st.Batteries["works"], st.Batteries["fails"], st.Batteries["alone"]
		return works != nil && works.Told != 0 && works.Setpoint > 0 && works.Idle == "" &&
			strings.Contains(fails.Idle, "no inverter answers") && fails.Obeyed() == 0 && strings.Contains(alone.Idle, "--batteries")
	})
	put("works", nil)
	put("alone", nil)
	until(t, c, "that two are gone", func(st *state.State) bool { return len(st.Batteries) == 1 })
	said, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(said), "\n"), "\n")
	if first, last := lines[0], lines[len(lines)-1]; len(lines) < 3 || first != "works 0 0 " || last != "works 0 0 " || !strings.HasPrefix(lines[1], "works 2000 2000") {
		t.Errorf("the hook heard %q", lines)
	}
	must[int](t)(c.Audit(t.Context()))
}

// TestWhenABatteryIsTold: at once by a new leader and with a new order, later when a hook
// failed, and now and then anyway; never twice at a time.
func TestWhenABatteryIsTold(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for _, tc := range []struct {
		name  string
		last  told
		order uint64
		gone  bool
		want  bool
	}{
		{"a new leader", told{}, 3, false, true},
		{"another order", told{order: 2, at: ago(0)}, 3, false, true},
		{"a hook that runs", told{order: 2, at: ago(time.Hour), busy: true}, 3, false, false},
		{"the same order", told{order: 3, at: ago(time.Minute)}, 3, false, false},
		{"a battery that is gone", told{order: 3, at: ago(0)}, 3, true, true},
		{"long ago", told{order: 3, at: ago(time.Hour)}, 3, false, true},
		{"failed just now", told{order: 3, at: ago(0), failed: true}, 3, false, false},
		{"failed a while ago", told{order: 3, at: ago(2 * time.Minute), failed: true}, 3, false, true},
	} {
		if got := tc.last.due(tc.order, tc.gone); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestABatteryIsNotToldTwoThingsAtOnce: a hook that runs while leading is lost and won again
// is waited for, the others are forgotten.
func TestABatteryIsNotToldTwoThingsAtOnce(t *testing.T) {
	w := charging{tried: map[string]told{"runs": {order: 1, busy: true}, "ended": {order: 1}}, busy: 1}
	w.forget()
	if w.tried["runs"].due(2, false) {
		t.Error("a second hook of a site is due while the first one runs")
	}
	if _, known := w.tried["ended"]; known {
		t.Error("what another leader may have told meanwhile is remembered")
	}
	w.ended(charged{site: "runs", began: 7})
	if w.busy != 0 || !w.tried["runs"].due(2, false) {
		t.Error("nothing is due when the hook has ended")
	}
	if w.ended(charged{site: "runs", began: 9, failed: true}); w.tried["runs"].obeyed != 7 {
		t.Errorf("it obeyed last at %d, want 7", w.tried["runs"].obeyed)
	}
}
