package live

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// beating is nodes that say what is used there.
type beating struct {
	t     *testing.T
	c     *Cell
	clock *wallClock
	says  map[*fakeAgent]*api.Beat
}

// pass lets minutes pass by the clock, with a heartbeat of each node every ten seconds, and
// has the leader say at the end what is news.
func (b *beating) pass(minutes int) error {
	b.t.Helper()
	for range 6 * minutes {
		b.clock.set(10 * api.Second)
		for a, beat := range b.says { // order-free: each node for itself
			must[api.Hint](b.t)(ask[api.Hint](a, "beat", *beat))
		}
		b.c.sample()
	}
	return b.c.sayStrains(b.t.Context(), b.c.cfg.Wall())
}

// start has a node run what it was given.
func (a *fakeAgent) start() {
	a.t.Helper()
	a.pull()
	for id := range a.held {
		if a.ran[id] == 0 {
			a.ran[id] = 1
			started := api.Report{Attempt: id, N: 1, Kind: api.ReportStarted}
			must[api.ReportsAck](a.t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{started}}))
		}
	}
}

func busy(cpu api.Milli, tasks ...api.TaskUse) *api.Beat {
	return &api.Beat{Busy: &api.Busy{CPU: cpu, OfCPU: 4000, Memory: 2 * api.GiB, OfMemory: 8 * api.GiB}, Tasks: tasks}
}

// shared is a cell of two nodes, on the first of which a task runs that takes what it asked
// for, and one that takes more.
func shared(t *testing.T, dir string, rest *api.Rest) (b *beating, first, second *fakeAgent, greedy api.TaskRef) {
	t.Helper()
	b = &beating{t: t, clock: &wallClock{}}
	b.c = run(t, Config{Dir: dir, Wall: b.clock.now})
	first, second = join(t, b.c, "n1"), join(t, b.c, "n2")
	first.hello()
	do(t, b.c, &engine.PutSite{Site: api.Site{Name: "here", Layer: api.LayerEdge, Rest: rest}})
	var uses []api.TaskUse
	for i, name := range []string{"meek", "greedy"} {
		w := job(name, 1)
		w.Tasks[0].Resources = api.Resources{CPU: 1000, Memory: api.GiB}
		answers, _ := do(t, b.c, submit(w))
		greedy = api.TaskRef{Workload: answers[0].ID}
		uses = append(uses, api.TaskUse{Attempt: api.Attempt{TaskRef: greedy, Try: 1}, CPU: api.Milli(400 + 2500*i), Memory: api.GiB})
	}
	until(t, b.c, "a place for both", func(st *state.State) bool { return st.Load().Held == 2 })
	first.start()
	second.hello()
	until(t, b.c, "both that run, and two nodes", func(st *state.State) bool {
		return runsOn(st, uses[0].Attempt, "n1") && runsOn(st, uses[1].Attempt, "n1") && st.Nodes["n2"] != nil
	})
	b.says = map[*fakeAgent]*api.Beat{first: busy(3990, uses...), second: busy(100)}
	return b, first, second, greedy
}

// A node says in its heartbeats that more of it is used than its tasks asked for: the task
// that takes more goes to the node that has room for that, and the first takes no new work
// until less of it is used. The cell knows that after a restart, too.
func TestOverloadedNodesAreRelieved(t *testing.T) {
	dir := t.TempDir()
	b, first, second, greedy := shared(t, dir, &api.Rest{Move: true})
	if err := b.pass(4); err != nil {
		t.Fatal(err)
	}
	view(t, b.c, 0, func(st *state.State) {
		if len(st.Strains) != 0 {
			t.Errorf("after four minutes: %+v", st.Strains["n1"].Said)
		}
	})
	if err := b.pass(2); err != nil {
		t.Fatal(err)
	}
	until(t, b.c, "a task that is to leave", func(st *state.State) bool {
		_, task := st.Task(greedy)
		return st.Strains["n1"] != nil && task.Stop == state.StopMove
	})
	report := api.Report{Attempt: api.Attempt{TaskRef: greedy, Try: 1}, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeStopped}}
	must[api.ReportsAck](t)(ask[api.ReportsAck](first, "report", api.Reports{Reports: []api.Report{report}}))
	until(t, b.c, "the task on the other node", func(st *state.State) bool { _, task := st.Task(greedy); return task.Node == "n2" && task.Try == 2 })
	second.start()
	shown := func(c *Cell) (v api.NodeView, moved string) {
		t.Helper()
		if _, err := c.View(t.Context(), 0, func(e *engine.Engine) {
			w, task := e.State().Task(greedy)
			v, moved = e.ViewNode(e.State().Nodes["n1"]), e.Explain(w, task).Decision.Moved
		}); err != nil {
			t.Fatal(err)
		}
		return v, moved
	}
	node, moved := shown(b.c)
	if node.Status != "overloaded" || !strings.HasPrefix(node.Strain, "cpu used to 9") || !strings.HasPrefix(moved, "moved from n1, whose cpu was used to 9") {
		t.Errorf("the node is %s, %q; the task was %q", node.Status, node.Strain, moved)
	}

	b.says[first], b.says[second] = busy(1000), busy(3000)
	if err := b.pass(7); err != nil {
		t.Fatal(err)
	}
	until(t, b.c, "a node that takes work again", func(st *state.State) bool { return len(st.Strains) == 0 })
	b.says[second] = busy(4000) // for too short a time
	if err := b.pass(2); err != nil {
		t.Fatal(err)
	}
	must[int](t)(b.c.Audit(t.Context()))
	_, was := shown(b.c)
	if err := b.c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, again := shown(run(t, Config{Dir: dir, Wall: b.clock.now})); again != was {
		t.Errorf("after a restart the task was %q; before %q", again, was)
	}
}

// Where a site does not ask for it nothing is moved, whatever nodes say; nor by what cannot
// be: uses below nothing, of nothing, or of more than any machine has.
func TestUseThatMovesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		rest *api.Rest
		says api.Busy
	}{
		"a site that does not ask":   {nil, api.Busy{CPU: 4000, OfCPU: 4000}},
		"a use of nothing":           {&api.Rest{Move: true}, api.Busy{CPU: 4000, Memory: api.GiB}},
		"a use below nothing":        {&api.Rest{Move: true}, api.Busy{CPU: -1, OfCPU: 4000, Memory: -1, OfMemory: 1}},
		"more than any machine has":  {&api.Rest{Move: true}, api.Busy{CPU: 1 << 62, OfCPU: 1 << 62, Memory: 1 << 62, OfMemory: 1 << 62}},
		"what its tasks asked for":   {&api.Rest{Move: true}, api.Busy{CPU: 1000, OfCPU: 1000}},
		"a machine of less than all": {&api.Rest{Move: true}, api.Busy{CPU: 100, OfCPU: -4000}},
	} {
		t.Run(name, func(t *testing.T) {
			b, first, _, _ := shared(t, "", c.rest)
			before := records(b.c)
			b.says[first].Busy = &c.says
			if err := b.pass(7); err != nil {
				t.Fatal(err)
			}
			view(t, b.c, 0, func(st *state.State) {
				if len(st.Strains) != 0 || records(b.c) != before {
					t.Errorf("%d nodes are overloaded, %d records were written", len(st.Strains), records(b.c)-before)
				}
			})
		})
	}
}
