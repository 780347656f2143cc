package engine

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// TestLeastRun adds up what waits for each other, and nothing else.
func TestLeastRun(t *testing.T) {
	after := func(name string, before ...string) api.Task { return api.Task{Name: name, After: before} }
	for _, c := range []struct {
		name  string
		tasks []api.Task
		want  api.Duration
	}{
		{"one", []api.Task{after("a")}, api.Second},
		{"side by side", []api.Task{after("a"), after("b")}, api.Second},
		{"a chain, the last first", []api.Task{after("c", "b"), after("b", "a"), after("a")}, 3 * api.Second},
		{"the longer of two ways", []api.Task{after("d", "a", "c"), after("c", "b"), after("b", "a"), after("a")}, 4 * api.Second},
		{"who comes after nobody that is known", []api.Task{after("a", "z")}, api.Second},
		{"a circle, and one beside it", []api.Task{after("a", "b"), after("b", "a"), after("c")}, api.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := leastRun(&api.Workload{Tasks: c.tasks}, equalProfiles(len(c.tasks), api.Second), 1000); got != c.want {
				t.Errorf("leastRun = %v, want %v", got, c.want)
			}
		})
	}
}

// TestBehind adds up what comes after a task, however many ways lead there.
func TestBehind(t *testing.T) {
	after := func(name string, before ...string) api.Task { return api.Task{Name: name, After: before} }
	ladder := []api.Task{after(fmt.Sprint(0, "a")), after(fmt.Sprint(0, "b"))}
	for i := 1; i < 100; i++ { // 2^99 ways
		a, b := fmt.Sprint(i-1, "a"), fmt.Sprint(i-1, "b")
		ladder = append(ladder, after(fmt.Sprint(i, "a"), a, b), after(fmt.Sprint(i, "b"), a, b))
	}
	for _, c := range []struct {
		name  string
		tasks []api.Task
		run   api.Duration
		want  api.Duration
	}{
		{"one", []api.Task{after("a")}, api.Second, 0},
		{"the longer of two ways", []api.Task{after("a"), after("d", "a", "c"), after("c", "b"), after("b", "a")}, api.Second, 3 * api.Second},
		{"what comes before", []api.Task{after("b", "a"), after("a")}, api.Second, 0},
		{"a ladder", ladder, api.Second, 99 * api.Second},
		{"a circle", []api.Task{after("a", "b"), after("b", "a")}, api.Second, 0},
		{"very long ones", []api.Task{after("a"), after("b", "a"), after("c", "b")}, 1 << 62, longestWay},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := state.New()
			profiles := make([]api.Profile, len(c.tasks))
			for i := range profiles {
				profiles[i].RunHigh = c.run
			}
			spec := &api.Workload{Name: "w", Tenant: "t", Kind: api.KindJob, Tasks: c.tasks}
			if err := st.Apply(1, &state.WorkloadSubmitted{ID: 1, Spec: spec, Profiles: profiles}); err != nil {
				t.Fatal(err)
			}
			if got := behind(st.Workloads[1])[0]; got != c.want {
				t.Errorf("behind = %v, want %v", got, c.want)
			}
		})
	}
}

// TestLeastRunOfVeryLongOnes stays in range whatever nodes have reported.
func TestLeastRunOfVeryLongOnes(t *testing.T) {
	tasks := []api.Task{{Name: "a"}, {Name: "b", After: []string{"a"}}}
	if got := leastRun(&api.Workload{Tasks: tasks}, equalProfiles(2, 1<<62), 1); got != api.MaxDuration {
		t.Errorf("leastRun = %v, want %v", got, api.MaxDuration)
	}
}

// BenchmarkLeastRun is the worst that a workload can ask for: as many tasks and
// relations as there may be, in the least favourable order.
func BenchmarkLeastRun(b *testing.B) {
	w := &api.Workload{Tasks: make([]api.Task, api.MaxTasks)}
	for i := range w.Tasks {
		t := &w.Tasks[len(w.Tasks)-1-i]
		t.Name = fmt.Sprint(i)
		for before := max(0, i-40); before < i; before++ {
			t.After = append(t.After, fmt.Sprint(before))
		}
	}
	profiles := equalProfiles(len(w.Tasks), api.Second)
	for b.Loop() {
		leastRun(w, profiles, 1000)
	}
}

func equalProfiles(n int, run api.Duration) []api.Profile {
	out := make([]api.Profile, n)
	for i := range out {
		out[i] = api.Profile{Samples: 1, RunLow: run}
	}
	return out
}
