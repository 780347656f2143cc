package live

import (
	"slices"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/control"
)

// TestARegistrationTakesASilenceBack: a node is found silent while its hello is on its way into
// the journal. The silence is behind the hello there, so it has to be taken back, or the cell
// would give a node's work away that it goes on answering.
func TestARegistrationTakesASilenceBack(t *testing.T) {
	a := newAlive(time.Millisecond, func() api.Time { return api.Time(time.Now().UnixNano()) })
	changes := func() (all []control.Change) {
		for deadline := time.Now().Add(wait); len(all) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			all = a.check()
		}
		return all
	}
	a.track("n1", true)
	if got, want := changes(), []control.Change{{Node: "n1", Silent: true}}; !slices.Equal(got, want) {
		t.Fatalf("a node that says nothing: %+v, want %+v", got, want)
	}
	a.track("n1", true)
	if got, want := changes(), (control.Change{Node: "n1"}); len(got) == 0 || got[0] != want {
		t.Errorf("a silent node that registers: %+v, want %+v first", got, want)
	}
}

// TestNoLeaseIsRenewedBehindASilence: from when a node is found silent until the state says
// so, its lease is not renewed, whatever it says meanwhile.
func TestNoLeaseIsRenewedBehindASilence(t *testing.T) {
	a := newAlive(time.Millisecond, func() api.Time { return api.Time(time.Now().UnixNano()) })
	a.track("n1", true)
	if a.doubted("n1", 0) {
		t.Error("it is doubted before it is silent")
	}
	for deadline := time.Now().Add(wait); len(a.check()) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	a.heard("n1")
	if !a.doubted("n1", 7) {
		t.Error("what says that it is silent is on its way")
	}
	a.recorded("n1", 8)
	if !a.doubted("n1", 7) {
		t.Error("it stands behind what the shadow shows")
	}
	if a.doubted("n1", 8) {
		t.Error("the state says it by now")
	}
}
