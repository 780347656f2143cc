package rehearse

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

func wait(st *state.State, jobs ...uint64) Waiting {
	return Waiting{State: st, Now: noon, Jobs: jobs, Seeds: 5, Horizon: api.Day, Workers: 2}
}

// The first job has run four of ten minutes, the second waits for the only core and
// then takes five.
func TestAwait(t *testing.T) {
	st := full(t)
	first, second := st.Named(api.DefaultTenant, "first"), st.Named(api.DefaultTenant, "second")
	got, err := Await(t.Context(), wait(st, first.ID, second.ID, 999))
	if err != nil || len(got) != 2 {
		t.Fatalf("%d jobs are told of, %v", len(got), err)
	}
	if a := got[0]; a.Began != noon-api.Time(4*minute) || a.Start.P50 != 0 || a.End.P50 != noon.Add(6*minute) || a.Run.P90 != 10*minute {
		t.Errorf("of the first that runs: %+v", a)
	}
	if a := got[1]; a.Began != 0 || a.Start.P10 != noon.Add(6*minute) || a.End.P90 != noon.Add(11*minute) || a.Run.P50 != 5*minute {
		t.Errorf("of the second that waits: %+v", a)
	}
}

func TestAwaitKnowsHowLongStartingTakes(t *testing.T) {
	st := full(t)
	q := wait(st, st.Named(api.DefaultTenant, "second").ID)
	q.Besides = map[string][]Besides{api.DriverNoop: {{Before: 2 * api.Second, After: api.Second}}}
	got, err := Await(t.Context(), q)
	// It is heard a second late, too, that the first has ended.
	if err != nil || got[0].Start.P50 != noon.Add(6*minute+3*api.Second) || got[0].End.P50 != noon.Add(11*minute+4*api.Second) {
		t.Errorf("%+v, %v", got, err)
	}
	q.Besides[api.DriverNoop] = []Besides{{Before: api.Second}, {Before: 9 * api.Second}}
	q.Seeds = 20
	if got, err = Await(t.Context(), q); err != nil || got[0].Start.P10 != noon.Add(6*minute+api.Second) || got[0].Start.P90 != noon.Add(6*minute+9*api.Second) {
		t.Errorf("where it varies: %+v, %v", got, err)
	}
}

// An interval is of runs that go on: the longer one has run, the later it ends.
func TestAwaitDrawsFromWhatIsLeft(t *testing.T) {
	st := full(t)
	first := st.Named(api.DefaultTenant, "first")
	first.Profiles = []api.Profile{{Class: api.ClassCompute, Run: 2 * minute, RunLow: minute, RunHigh: 5 * minute}}
	q := wait(st, first.ID)
	q.Seeds = 200
	got, err := Await(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if e := got[0].End; e.P10 <= noon || e.P50 <= e.P10 || e.P90 <= e.P50 || e.P10 > noon.Add(30*api.Second) {
		t.Errorf("it has run four minutes already, and ends at %+v", e)
	}
}

func TestAwaitBeyondTheHorizon(t *testing.T) {
	st := full(t)
	q := wait(st, st.Named(api.DefaultTenant, "second").ID)
	q.Horizon = 8 * minute
	got, err := Await(t.Context(), q)
	if err != nil || got[0].Start.P90 != noon.Add(6*minute) || got[0].End.P10 != 0 || got[0].Run.P50 != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	q.Horizon = 0
	if _, err := Await(t.Context(), q); err == nil {
		t.Error("a question without a horizon is answered")
	}
}
