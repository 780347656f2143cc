package engine

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// TestResizesOfManyTasks: sizes in force keep no other task from getting one, nor their
// own from getting the next.
func TestResizesOfManyTasks(t *testing.T) {
	spec := &api.Workload{Name: "w", Tenant: "t", Kind: api.KindJob, Resize: &api.Resize{Mode: api.ResizeAuto}}
	for i := range 2 * maxSizes {
		spec.Tasks = append(spec.Tasks, api.Task{Name: fmt.Sprint("t", i), Resources: api.Resources{Memory: api.GiB}})
	}
	st := state.New()
	apply := func(ev state.Event) {
		t.Helper()
		if err := st.Apply(st.Now+1, ev); err != nil {
			t.Fatal(err)
		}
	}
	apply(&state.WorkloadSubmitted{ID: 1, Spec: spec, Profiles: make([]api.Profile, len(spec.Tasks))})
	for _, size := range []api.Bytes{2 * api.GiB, 3 * api.GiB} {
		for i := range spec.Tasks {
			if !resizes(st.Workloads[1], uint16(i)) {
				t.Fatalf("task %d may not ask for %v", i, size)
			}
			apply(&state.TaskResized{ID: 1, Task: uint16(i), Memory: size})
		}
	}
	if n := oldSizes(st.Workloads[1]); n != 0 {
		t.Errorf("%d sizes are kept that nobody needs", n)
	}
}
