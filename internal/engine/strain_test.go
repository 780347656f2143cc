package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// strained is what is measured of some node, sensible or not, true or not.
func (h *chance) strained() engine.Input {
	st := h.world.engine.State()
	names := st.SortedNodes()
	if len(names) == 0 {
		return &engine.Strained{Said: state.NodeStrained{Node: "none"}}
	}
	n := st.Nodes[oneOf(h, "strained", names...)]
	if h.pick("sound", 4) > 0 {
		return h.overloaded(n, names)
	}
	in := &engine.Strained{At: h.world.now.Add(-oneOf(h, "measured", 0, 0, api.Minute, api.Hour)), Boot: oneOf(h, "booted", n.Boot, n.Boot, "other")}
	in.Said = state.NodeStrained{Node: n.Name, Of: state.Room{CPU: n.Capacity.CPU, Memory: n.Capacity.Memory}}
	in.Said.Used = state.Room{CPU: n.Capacity.CPU / 100 * oneOf(h, "busy", api.Milli(40), 96, 100, 120), Memory: n.Capacity.Memory / 100 * oneOf(h, "full", api.Bytes(10), 95)}
	if what := h.pick("of what", 4); what > 0 { // else of nothing any more
		in.Said.CPU = in.At
		if what == 3 {
			in.Said.CPU, in.Said.Memory = 0, in.At
		}
	}
	for _, t := range n.SortedHeld() {
		if len(in.Tasks) < engine.MaxStrainTasks && h.pick("told of", 4) > 0 {
			in.Tasks = append(in.Tasks, api.TaskUse{
				Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try - uint32(h.pick("stale try", 8)/7)},
				CPU:     oneOf(h, "uses", api.Milli(-5), 100, 1000, 3000, 1<<40), Memory: oneOf(h, "holds", api.Bytes(0), api.GiB),
			})
		}
	}
	for _, name := range names {
		if len(in.Spare) < engine.MaxStrainSpare && h.pick("spares", 3) > 0 {
			in.Spare = append(in.Spare, engine.Spare{Node: name, Room: state.Room{CPU: oneOf(h, "spare", api.Milli(-1), 500, 4000), Memory: 8 * api.GiB}})
		}
	}
	return in
}

// overloaded is of a node what can be believed.
func (h *chance) overloaded(n *state.Node, names []string) engine.Input {
	in := &engine.Strained{At: h.world.now, Boot: n.Boot, Said: state.NodeStrained{
		Node: n.Name, Of: state.Room{CPU: n.Capacity.CPU, Memory: n.Capacity.Memory}, CPU: h.world.now,
		Used: state.Room{CPU: n.Capacity.CPU / 100 * oneOf(h, "busy", api.Milli(96), 100), Memory: n.Capacity.Memory / 2},
	}}
	for _, t := range n.SortedHeld() {
		if len(in.Tasks) < engine.MaxStrainTasks {
			use := api.TaskUse{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, CPU: n.Capacity.CPU / 100 * oneOf(h, "uses", api.Milli(5), 10, 30, 60), Memory: api.MiB}
			in.Tasks = append(in.Tasks, use)
		}
	}
	for _, name := range names {
		in.Spare = append(in.Spare, engine.Spare{Node: name, Room: state.Room{CPU: oneOf(h, "spare", api.Milli(500), 4000), Memory: api.GiB}})
	}
	return in
}

// TestOverloads: in random histories in which nodes are overloaded, what engine.Check holds
// each batch to holds (nobody protected moves, nothing is placed on an overloaded node), and
// besides: no task moves twice within an hour, a node rests for five minutes, no more is
// moved than is too much, each to a node that is not overloaded and has room for what it
// uses. An engine that was rebuilt decides the same.
func TestOverloads(t *testing.T) {
	relieved := 0
	rapid.Check(t, func(t *rapid.T) {
		c := newClearings(t)
		rests := map[string]api.Time{}
		for range rapid.IntRange(10, 30).Draw(t, "steps") {
			c.world.now = c.world.now.Add(oneOf(c.h, "time", api.Minute, api.Minute, 6*api.Minute, 40*api.Minute))
			in := c.agents()
			switch c.h.pick("input", 5) {
			case 0:
				in = append(in, c.input())
			case 1:
				in = append(in, &engine.Submit{Workload: c.job()})
			case 2:
				in = append(in, &engine.Submit{Workload: c.service()})
			default:
				in = append(in, c.h.strained())
			}
			c.step(in...)
			moves := c.world.engine.State().Consolidation
			if moves == nil {
				continue
			}
			for name, n := range moves.Nodes {
				if n.For != state.ClearLoad || !strings.Contains(n.Why, " was used to ") || n.Since != c.world.now {
					continue
				}
				if last, known := rests[name]; known && last.Add(5*api.Minute) > c.world.now {
					t.Fatalf("node %s is relieved at %s, and was at %s", name, c.world.now, last)
				}
				rests[name] = c.world.now
				c.enough(t, in[len(in)-1].(*engine.Strained))
			}
			if c.h.pick("rebuild", 6) == 0 {
				c.world.rebuild(t)
			}
			c.step(c.agents()...)
		}
		c.world.replay(t)
		relieved += c.relieved
	})
	t.Logf("%d times an overloaded node was relieved", relieved)
	if relieved == 0 {
		t.Error("no node was ever relieved: nothing was tried")
	}
}

// enough demands that no more than one task of those that leave a node could have stayed, and that
// each found the room that it uses.
func (c *clearings) enough(t *rapid.T, in *engine.Strained) {
	uses, spare := map[api.TaskRef]api.TaskUse{}, map[string]state.Room{}
	for _, u := range in.Tasks {
		uses[u.TaskRef] = u
	}
	for _, s := range in.Spare {
		spare[s.Node] = s.Room
	}
	need, least := in.Said.Used.CPU-in.Said.Of.CPU*engine.StrainLow/1000, api.Milli(1<<40)
	for _, seat := range c.world.engine.State().Strains[in.Said.Node].Seats {
		u, r := min(max(uses[seat.Ref].CPU, 0), c.world.engine.State().Nodes[in.Said.Node].Capacity.CPU), spare[seat.Node]
		if r.CPU -= u; r.CPU < 0 {
			t.Fatalf("task %v uses %v more than node %s has to spare", seat.Ref, -r.CPU, seat.Node)
		}
		spare[seat.Node] = r
		need, least = need-u, min(least, u)
	}
	if in.Said.Memory == 0 && need+least <= 0 {
		t.Fatalf("%v less would have been enough, and a task that uses %v leaves %s", -need, least, in.Said.Node)
	}
}

// TestStrainIsDoubted: what is said of a node and cannot be changes nothing, and says why;
// what is said of tasks and nodes that are not there is passed over.
func TestStrainIsDoubted(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{Name: "s1", Layer: api.LayerCloud, Rest: &api.Rest{Move: true}}})
	for _, name := range []string{"n1", "n2"} {
		w.step(t, &engine.Register{Node: nodeOf(name, 4000)})
	}
	w.now = w.now.Add(api.Hour)
	w.step(t)
	sound := func() *engine.Strained {
		return &engine.Strained{At: w.now, Said: state.NodeStrained{
			Node: "n1", CPU: w.now, Used: state.Room{CPU: 3900}, Of: state.Room{CPU: 4000, Memory: api.GiB},
		}}
	}
	for name, c := range map[string]struct {
		lie  func(in *engine.Strained)
		want string
	}{
		"an unknown node":            {func(in *engine.Strained) { in.Said.Node = strings.Repeat("x", 1<<16) }, "there is no node"},
		"another machine":            {func(in *engine.Strained) { in.Boot = "b" }, "started anew"},
		"long ago":                   {func(in *engine.Strained) { in.At, in.Said.CPU = w.now.Add(-3*api.Minute), 1 }, "it was measured at"},
		"the future":                 {func(in *engine.Strained) { in.At = w.now.Add(2 * api.Minute) }, "it was measured at"},
		"since before it came":       {func(in *engine.Strained) { in.Said.CPU = start - 1 }, "not registered since then"},
		"since later than measured":  {func(in *engine.Strained) { in.Said.Memory = w.now + 1 }, "not registered since then"},
		"before all time":            {func(in *engine.Strained) { in.Said.CPU = -1 << 63 }, "not registered since then"},
		"more than there is":         {func(in *engine.Strained) { in.Said.Used.CPU = 4001 }, "nobody uses"},
		"less than nothing":          {func(in *engine.Strained) { in.Said.Used.Memory = -1 }, "nobody uses"},
		"of nothing":                 {func(in *engine.Strained) { in.Said.Of.CPU, in.Said.Used.CPU = 0, 0 }, "nobody uses"},
		"of more than any machine":   {func(in *engine.Strained) { in.Said.Of.CPU, in.Said.Used.CPU = 1<<62, 1<<62 }, "nobody uses"},
		"little use":                 {func(in *engine.Strained) { in.Said.Used.CPU = 3000 }, "nobody uses"},
		"memory that is free":        {func(in *engine.Strained) { in.Said.Memory = w.now }, "nobody uses"},
		"its own decision":           {func(in *engine.Strained) { in.Said.Seats = make([]state.Seat, 1) }, "for the engine to say"},
		"more tasks than are taken":  {func(in *engine.Strained) { in.Tasks = make([]api.TaskUse, engine.MaxStrainTasks+1) }, "17 tasks and 0 nodes"},
		"more nodes than are taken":  {func(in *engine.Strained) { in.Spare = make([]engine.Spare, engine.MaxStrainSpare+1) }, "0 tasks and 17 nodes"},
		"tasks and nodes of nowhere": {func(in *engine.Strained) { in.Tasks, in.Spare = make([]api.TaskUse, 3), make([]engine.Spare, 3) }, ""},
		"a node that spares for ever": {func(in *engine.Strained) {
			in.Spare = []engine.Spare{{Node: "n2", Room: state.Room{CPU: 1 << 62, Memory: 1 << 62}}}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := sound()
			c.lie(in)
			w.step(t, in)
			a := w.answers[0]
			_, strained := w.engine.State().Strains["n1"]
			if strained != (c.want == "") || (a.Code == state.CodeOK) != strained || !strings.Contains(a.Message, c.want) || len(a.Message) > 1024 {
				t.Errorf("strained: %v, answer %+v; want %q", strained, a, c.want)
			}
			w.step(t, &engine.Strained{Said: state.NodeStrained{Node: "n1"}})
			if len(w.engine.State().Strains) != 0 {
				t.Fatal("it is strained although nothing is any more")
			}
		})
	}
	w.replay(t)
}

// TestStrainedTogether: of two nodes that are strained at the same time neither gets work of
// the other, whatever is said of their room; the third gets that of one of them only, as
// nobody knows yet what that will use there.
func TestStrainedTogether(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "worst-fit"}, &engine.PutSite{Site: api.Site{Name: "s1", Layer: api.LayerCloud, Rest: &api.Rest{Move: true}}})
	for _, name := range []string{"n1", "n2", "n3"} {
		w.step(t, &engine.Register{Node: nodeOf(name, 4000)})
	}
	for i := range 6 {
		s := &api.Workload{APIVersion: api.Version, Name: fmt.Sprint("j", i), Kind: api.KindJob, Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 500}}}}
		s.Normalize()
		w.step(t, &engine.Submit{Workload: s})
	}
	st := w.engine.State()
	in := []engine.Input{}
	for _, name := range st.SortedNodes() {
		for _, task := range st.Nodes[name].SortedHeld() {
			w.step(t, &engine.Reports{Node: name, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: task.Ref, Try: task.Try}, N: 1, Kind: api.ReportStarted}}})
		}
	}
	w.now = w.now.Add(api.Minute)
	for _, name := range []string{"n1", "n2"} {
		one := &engine.Strained{At: w.now, Said: state.NodeStrained{Node: name, CPU: w.now, Used: state.Room{CPU: 4000}, Of: state.Room{CPU: 4000}}}
		for _, task := range st.Nodes[name].SortedHeld() {
			one.Tasks = append(one.Tasks, api.TaskUse{Attempt: api.Attempt{TaskRef: task.Ref, Try: task.Try}, CPU: 1000})
		}
		for _, other := range []string{"n1", "n2", "n3"} {
			one.Spare = append(one.Spare, engine.Spare{Node: other, Room: state.Room{CPU: 3000, Memory: api.GiB}})
		}
		in = append(in, one)
	}
	w.step(t, in...)
	if a, b := st.Strains["n1"].Seats, st.Strains["n2"].Seats; len(a) != 1 || a[0].Node != "n3" || len(b) != 0 {
		t.Errorf("of n1 %v leave, of n2 %v: %s", a, b, show(w.events))
	}
	w.replay(t)
}

// TestStrainEnds: a node is not strained any more that is removed, sleeps or was started
// anew, and nobody hears of it for long. The history is replayed.
func TestStrainEnds(t *testing.T) {
	for name, then := range map[string]func(w *world) engine.Input{
		"removed":      func(*world) engine.Input { return &engine.RemoveNode{Node: "n1"} },
		"asleep":       func(*world) engine.Input { return &engine.Power{Node: "n1", Sleep: true} },
		"started anew": func(*world) engine.Input { n := sleeper("n1"); n.Boot = "two"; return &engine.Register{Node: n} },
		"not heard of": func(w *world) engine.Input { w.now = w.now.Add(engine.StrainHolds); return &engine.Back{Node: "n1"} },
		"little used":  func(*world) engine.Input { return &engine.Strained{Said: state.NodeStrained{Node: "n1"}} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(engine.MaxBatch)
			w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{Name: "s1", Layer: api.LayerCloud, Rest: &api.Rest{Move: true}}}, &engine.Register{Node: sleeper("n1")})
			w.step(t, &engine.Strained{At: w.now, Said: state.NodeStrained{Node: "n1", CPU: w.now, Used: state.Room{CPU: 4000}, Of: state.Room{CPU: 4000}}})
			if n := w.engine.State().Nodes["n1"]; w.engine.ViewNode(n).Status != "overloaded" {
				t.Fatalf("it is %s, %v", w.engine.ViewNode(n).Status, w.answers)
			}
			w.rebuild(t)
			if name == "removed" {
				w.step(t, &engine.Silent{Node: "n1"})
			}
			w.step(t, then(w))
			if len(w.engine.State().Strains) != 0 {
				t.Errorf("it is strained all the same: %s", show(w.events))
			}
			w.replay(t)
		})
	}
}

// BenchmarkStrained has 16 nodes of 10,000, as many as are said at once, strained in a Step.
func BenchmarkStrained(b *testing.B) {
	const nodes = 10_000
	for range b.N {
		b.StopTimer()
		e, now := engine.New(sparse(b, nodes, 1)), start.Add(20*api.Minute)
		if _, err := e.Step(start.Add(api.Second), nil); err != nil {
			b.Fatal(err)
		}
		var in []engine.Input
		for i := range engine.MaxStrainTasks {
			one := &engine.Strained{At: now, Said: state.NodeStrained{Node: fmt.Sprint("n", i), CPU: now, Used: state.Room{CPU: 4000}, Of: state.Room{CPU: 4000}}}
			one.Tasks = []api.TaskUse{{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1, Index: uint32(i)}, Try: 1}, CPU: 2000}}
			for k := range engine.MaxStrainSpare {
				one.Spare = append(one.Spare, engine.Spare{Node: fmt.Sprint("n", nodes-1-k), Room: state.Room{CPU: 3000, Memory: api.GiB}})
			}
			in = append(in, one)
		}
		b.StartTimer()
		at := time.Now()
		if _, err := e.Step(now, in); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(at).Seconds()*1000, "ms/step")
		relieved := 0
		for _, s := range e.State().Strains {
			relieved += min(len(s.Seats), 1)
		}
		b.ReportMetric(float64(relieved), "relieved")
	}
}
