package shift_test

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/shift"
)

// last expects the hours to come to be as the last one.
type last struct{ v float64 }

func (l *last) Observe(v float64) { l.v = v }
func (l *last) Predict(out []float64) {
	for i := range out {
		out[i] = l.v
	}
}

func outlook(t interface{ Fatal(...any) }, values []float64, known []int, from, to, ahead int) [][]float64 {
	list, err := shift.Outlook([]shift.Signal{{Values: values, Scale: 1, Known: known, Predict: &last{}}}, from, to, ahead)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOutlookSeesOnlyThePast(t *testing.T) {
	got := outlook(t, []float64{5, 6, 7, 8}, []int{0, 1, 3, 4}, 1, 4, 2)
	for i, want := range [][]float64{{5, 5}, {7, 7}, {8, 8}} {
		if got[i][0] != want[0] || got[i][1] != want[1] {
			t.Errorf("at hour %d %v is expected, not %v", i+1, got[i], want)
		}
	}
}

func TestOnlineAsksBeforeItStarts(t *testing.T) {
	known := [][]float64{{3, 1, 2, 9}, {1, 2, 9, 9}, {2, 9, 9, 9}, {9, 9, 9, 9}}
	jobs := []shift.Job{{Hours: 1, Slack: 2, Weight: 1}, {Hours: 1, Slack: 2, Weight: 1}}
	taken := map[float64]bool{}
	starts := shift.Online(jobs, known, func(_ int, start float64) bool {
		free := !taken[start]
		taken[start] = true
		return free
	})
	if starts[0] != 1 || starts[1] != 2 {
		t.Errorf("both want hour 1, the second one gets the next best: %v", starts)
	}
	if late := shift.Online(jobs, known, func(int, float64) bool { return false }); late[0] != 4 {
		t.Errorf("who is never let in starts when the outlook ends: %v", late)
	}
}

// TestOnlineIsRoll: without a limit it starts jobs when Roll does.
func TestOnlineIsRoll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 100), 30, 30).Draw(t, "values")
		var jobs []shift.Job
		for range rapid.IntRange(1, 8).Draw(t, "jobs") {
			jobs = append(jobs, shift.Job{
				Submit: rapid.Float64Range(0, 15).Draw(t, "submit"), Hours: rapid.Float64Range(0.2, 5).Draw(t, "hours"),
				Slack: rapid.Float64Range(0, 8).Draw(t, "slack"), Weight: 1,
			})
		}
		want, err := shift.Roll(jobs, []shift.Signal{{Values: values, Scale: 1, Predict: &last{}}}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := shift.Online(jobs, outlook(t, values, nil, 0, 30, 20), nil)
		for i := range jobs {
			if got[i] != want[i] {
				t.Fatalf("job %d starts at %g, and with Roll at %g", i, got[i], want[i])
			}
		}
	})
}
