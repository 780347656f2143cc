package live

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Inputs may lead to no event; their record moves the cell's time all the same, in
// the state that is read and written down as in the one that decided.
func TestTimePassesInARecordWithoutEvents(t *testing.T) {
	s := newShadow(state.New(), journal.Link{}, 0, 1)
	for i, now := range []api.Time{5, 9, 7} {
		if _, err := s.fold(&fold{seq: uint64(i + 1), now: now}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.engine.State().Now; got != 9 {
		t.Errorf("after records of the times 5, 9 and 7 it is %d, want 9", got)
	}
}
