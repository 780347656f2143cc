package live

import (
	"testing"

	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// A plan is asked for, made and followed, and the audit decides the same again.
func TestPlansAreMade(t *testing.T) {
	const planner = "min-cost-assignment"
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	do(t, c, &engine.PutSettings{Strategy: planner})
	do(t, c, submit(job("one", 3)), submit(job("two", 2)))
	a.work(5)
	until(t, c, "the end of all tasks", finished(5))
	view(t, c, 0, func(st *state.State) {
		if st.Planning == nil || st.Planning.N == 0 {
			t.Fatal("no plan was asked for")
		}
		for _, w := range st.Workloads {
			for _, task := range w.Groups[0].Tasks {
				if d := task.Decision; d.Strategy != planner {
					t.Errorf("%s was placed by %s", w.NameOf(task), d.Strategy)
				}
			}
		}
	})
	must[int](t)(c.Audit(t.Context()))
}
