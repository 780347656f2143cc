package rehearse

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Tasks of which nothing is known run as long as others of their driver did, or else of
// the cell.
func TestUnknownTasksAreLikeOthers(t *testing.T) {
	const sec = api.Second
	eleven := []api.Duration{1 * sec, 2 * sec, 3 * sec, 4 * sec, 5 * sec, 6 * sec, 7 * sec, 8 * sec, 9 * sec, 10 * sec, 11 * sec}
	usual := api.Profile{Run: 60 * sec, RunLow: 30 * sec, RunHigh: 90 * sec}
	like := func(low, run, high api.Duration) api.Profile {
		return api.Profile{RunLow: low, Run: run, RunHigh: high}
	}
	for _, tc := range []struct {
		name    string
		alike   Alike
		samples int32
		says    api.Duration
		want    api.Profile
	}{
		{"nothing is known of any", Alike{}, 0, 0, usual},
		{"many runs of its driver", Alike{api.DriverWASM: eleven, api.DriverNoop: {1}}, 0, 0, like(2*sec, 6*sec, 10*sec)},
		{"many runs of another driver", Alike{api.DriverNoop: eleven}, 0, 0, like(2*sec, 6*sec, 10*sec)},
		{"one run: its length, within a factor of 26", Alike{api.DriverWASM: {sec}}, 0, 0, like(sec/26, sec, 26*sec)},
		{"it says how long it runs", Alike{api.DriverWASM: eleven}, 0, 60 * sec, usual},
		{"its own runs are known", Alike{api.DriverWASM: eleven}, 3, 0, usual},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := state.New()
			p := usual
			p.Samples = tc.samples
			st.Workloads[1] = &state.Workload{
				ID: 1, Spec: &api.Workload{Tasks: []api.Task{{Driver: api.DriverWASM, Duration: tc.says}}}, Profiles: []api.Profile{p},
			}
			tc.alike.Inform(st)
			got := st.Workloads[1].Profiles[0]
			for _, d := range [...][2]api.Duration{{got.RunLow, tc.want.RunLow}, {got.Run, tc.want.Run}, {got.RunHigh, tc.want.RunHigh}} {
				if off := d[0] - d[1]; max(off, -off) > d[1]/10 {
					t.Errorf("it runs %v (%v to %v), want %v (%v to %v)", got.Run, got.RunLow, got.RunHigh, tc.want.Run, tc.want.RunLow, tc.want.RunHigh)
					break
				}
			}
		})
	}
}

// What plan --twin is asked about, and nothing is known of, runs as long as what ended
// in the cell.
func TestForeseeIsInformed(t *testing.T) {
	st := full(t)
	first := st.Named(api.DefaultTenant, "first")
	task := first.Groups[0].Tasks[0]
	task.Status, task.Result = api.TaskSucceeded, &api.Result{Wall: 2 * api.Second}
	if got := AlikeIn(st); len(got[api.DriverNoop]) != 1 || got[api.DriverNoop][0] != 2*api.Second {
		t.Fatalf("the state knows of runs %v", got)
	}
	q := question(full(t), oneCore("asked", 0))
	q.Profiles = []api.Profile{{Class: api.ClassCompute, Run: minute, RunLow: minute / 10, RunHigh: 10 * minute}}
	q.State.Named(api.DefaultTenant, "first").Profiles[0].Samples = 1
	q.State.Workloads[77] = &state.Workload{
		ID: 77, Spec: oneCore("past", 0), Status: api.WorkloadSucceeded,
		Groups: []state.Group{{Tasks: []*state.Task{{Ref: api.TaskRef{Workload: 77}, Status: api.TaskSucceeded, Result: &api.Result{Wall: 2 * api.Second}}}}},
	}
	q.Seeds = 20
	got, err := Foresee(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if took := got.End.P50.Sub(got.Start.P50); took > 20*api.Second {
		t.Errorf("a job like one that took two seconds is taken to run for %v", took)
	}
}
