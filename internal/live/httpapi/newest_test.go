package httpapi

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/state"
)

// Whatever was forgotten meanwhile, a walk gives what sorting would.
func TestNewestFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		st := state.New()
		st.NextID = rapid.Uint64Range(1, 400).Draw(t, "next")
		for range rapid.IntRange(0, 40).Draw(t, "kept") {
			if id := rapid.Uint64Range(1, 400).Draw(t, "id"); id < st.NextID {
				st.Workloads[id] = &state.Workload{ID: id}
			}
		}
		before := rapid.Uint64Range(0, 500).Draw(t, "before")
		most := rapid.IntRange(1, 50).Draw(t, "most")
		var want, got []uint64
		for _, id := range slices.Backward(st.SortedWorkloads()) {
			if (before == 0 || id < before) && len(want) < most {
				want = append(want, id)
			}
		}
		for w := range newestFirst(st, before) {
			if got = append(got, w.ID); len(got) == most {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the %d newest before %d of %v are %v, want %v", most, before, st.SortedWorkloads(), got, want)
		}
	})
}
