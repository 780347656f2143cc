package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

func TestWorkIsAssignedReportedAndFinished(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	var in []engine.Input
	for i := range 100 {
		in = append(in, submit(job(fmt.Sprint("w", i), 1)))
	}
	do(t, c, in...)
	a.work(100)
	until(t, c, "the end of all tasks", finished(100))
	if n := must[int](t)(c.Audit(t.Context())); n < 3 {
		t.Errorf("audited %d records", n)
	}
	view(t, c, 0, func(st *state.State) {
		for _, w := range st.Workloads {
			if w.Status != api.WorkloadSucceeded {
				t.Errorf("%s is %v", w.Spec.Name, w.Status)
			}
		}
	})
}

func TestARestartKeepsAll(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	a := join(t, c, "n1")
	a.hello()
	first, _ := do(t, c, submit(job("one", 3)), submit(job("two", 5)))
	a.pull()
	a.nc.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = run(t, Config{Dir: dir})
	again, seq := do(t, c, submit(job("one", 3)), submit(job("two", 5)))
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("the same keys were answered %v, then %v", first, again)
	}
	view(t, c, seq, func(st *state.State) {
		if st.Epoch != 2 || len(st.Workloads) != 2 || st.Nodes["n1"] == nil {
			t.Errorf("epoch %d, %d workloads, node %v", st.Epoch, len(st.Workloads), st.Nodes["n1"])
		}
	})
	b := joinWith(t, c, "n1", a.token)
	b.hello()
	b.work(8)
	until(t, c, "the end of all tasks", finished(8))
	must[int](t)(c.Audit(t.Context()))
}

func TestADirectoryBelongsToOneCell(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir, Cell: "plant"})
	do(t, c, submit(job("one", 1)))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Dir: dir, Cell: "renamed"})
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "that of cell plant") {
		t.Errorf("under another name it is opened with %v", err)
	}
	c = run(t, Config{Dir: dir, Cell: "plant"})
	view(t, c, 0, func(st *state.State) {
		if len(st.Workloads) != 1 {
			t.Errorf("then it holds %d workloads", len(st.Workloads))
		}
	})
}
