package energy_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy"
)

func TestAttribute(t *testing.T) {
	for _, tc := range []struct {
		name                        string
		total, idle, capacity, busy int64
		uses                        []energy.Use
		want                        []int64
		rest                        int64
	}{
		{"half of the idle energy, and what was used", 1000, 400, 4, 60, []energy.Use{{2, 60}}, []int64{800}, 200},
		{"two who hold all", 1000, 400, 4, 60, []energy.Use{{1, 20}, {3, 40}}, []int64{300, 700}, 0},
		{"others use some", 1000, 400, 4, 60, []energy.Use{{2, 30}}, []int64{500}, 500},
		{"nobody is there", 1000, 400, 4, 60, nil, []int64{}, 1000},
		{"nothing was used", 400, 400, 4, 0, []energy.Use{{4, 0}}, []int64{400}, 0},
		{"idle is not known", 900, 0, 4, 30, []energy.Use{{1, 10}}, []int64{300}, 600},
		{"more idle than was counted", 100, 400, 4, 10, []energy.Use{{4, 10}}, []int64{100}, 0},
		{"more held than there is", 300, 300, 2, 0, []energy.Use{{2, 0}, {1, 0}}, []int64{200, 100}, 0},
	} {
		shares, rest := energy.Attribute(tc.total, tc.idle, tc.capacity, tc.busy, tc.uses)
		if !slices.Equal(shares, tc.want) || rest != tc.rest {
			t.Errorf("%s: %v and %d, want %v and %d", tc.name, shares, rest, tc.want, tc.rest)
		}
	}
}

// TestSharesSumToTheMeter over random histories of a machine, to the unit: nothing is
// lost or made, nobody gets less than nothing, and who has no part gets none.
func TestSharesSumToTheMeter(t *testing.T) {
	any := rapid.OneOf(rapid.Int64Range(-5, 100), rapid.Int64Range(0, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		var meter, given float64
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			total := any.Draw(t, "total")
			uses := make([]energy.Use, rapid.IntRange(0, 8).Draw(t, "tasks"))
			for i := range uses {
				uses[i] = energy.Use{Held: any.Draw(t, "held"), Used: any.Draw(t, "used")}
			}
			shares, rest := energy.Attribute(total, any.Draw(t, "idle"), any.Draw(t, "capacity"), any.Draw(t, "busy"), uses)
			sum := rest
			for i, s := range shares {
				if s < 0 || s > 0 && uses[i].Held <= 0 && uses[i].Used <= 0 {
					t.Fatalf("%+v gets %d", uses[i], s)
				}
				sum += s
			}
			if sum != max(total, 0) || rest < 0 {
				t.Fatalf("%v and %d sum to %d of %d", shares, rest, sum, total)
			}
			meter, given = meter+float64(max(total, 0)), given+float64(sum)
		}
		if meter != given {
			t.Fatalf("%g of %g", given, meter)
		}
	})
}
