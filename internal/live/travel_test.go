package live

import (
	"testing"
	"testing/synctest"
	"time"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
)

// A state of the past takes as much memory as the present one: it is not kept
// because somebody has asked once.
func TestThePastIsForgottenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr travel
		tr.keep(visited{place: history.Place{Link: journal.Link{N: 5}}})
		for range 3 { // pages of one list
			time.Sleep(travelIdle - time.Second)
			if _, ok := tr.find(5); !ok {
				t.Fatal("it is forgotten while it is read")
			}
		}
		time.Sleep(travelIdle + time.Second)
		if _, ok := tr.find(5); ok || len(tr.kept) > 0 {
			t.Errorf("%d states are kept", len(tr.kept))
		}
	})
}
