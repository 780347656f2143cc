package engine_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestClearings lets nodes be emptied so that they can sleep, in random histories: jobs and
// services of all kinds come and end, nodes fall silent, are drained, shrink, sleep and wake. What
// engine.Check holds each batch to must hold (nobody protected moves, nothing is placed
// where a node is being emptied, no node is over-committed), and besides: no task moves
// twice within an hour, nor is a node emptied that was woken a short while ago. An engine
// that was rebuilt decides the same.
func TestClearings(t *testing.T) {
	cleared, slept, relieved := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := newClearings(t)
		for range rapid.IntRange(15, 40).Draw(t, "steps") {
			c.world.now = c.world.now.Add(oneOf(c.h, "time", api.Minute, 5*api.Minute, 20*api.Minute, 40*api.Minute))
			var in []engine.Input
			for range c.h.pick("inputs", 3) {
				in = append(in, c.input())
			}
			c.step(append(in, c.agents()...)...)
			c.step(c.agents()...)
			if c.h.pick("rebuild", 6) == 0 {
				c.world.rebuild(t)
			}
		}
		c.world.replay(t)
		cleared += c.cleared
		slept += c.slept
		relieved += c.relieved
	})
	t.Logf("%d nodes were emptied, %d of them slept; %d were overloaded and relieved", cleared, slept, relieved)
}

// clearings is a world in which nodes are emptied.
type clearings struct {
	t     *rapid.T
	h     *chance
	world *world

	n       int // workloads so far
	moved   map[api.TaskRef]api.Time
	cleared int
	slept   int

	relieved int // of what was measured
}

func newClearings(t *rapid.T) *clearings {
	w := newWorld(engine.MaxBatch)
	c := &clearings{t: t, h: &chance{t: t, world: w}, world: w, moved: map[api.TaskRef]api.Time{}}
	reserve := oneOf(c.h, "reserve", api.Milli(0), 100)
	c.step(&engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{
		Name: "s1", Layer: api.LayerCloud, Rest: &api.Rest{After: 10 * api.Minute, Reserve: &reserve, Move: true},
	}})
	for i := range 4 {
		c.step(&engine.Register{Node: sleeper(fmt.Sprint("n", i))})
	}
	return c
}

func sleeper(name string) api.Node {
	return nodeOf(name, 4000, func(n *api.Node) {
		n.Power = &api.PowerModel{Idle: 100_000, Full: 200_000}
		n.Sleep = &api.Sleep{Down: 10 * api.Second, Up: 40 * api.Second}
	})
}

func (c *clearings) input() engine.Input {
	switch name := fmt.Sprint("n", c.h.pick("node", 4)); c.h.pick("what", 14) {
	case 0:
		return &engine.Drain{Node: name, Off: c.h.pick("off", 2) == 0}
	case 1:
		return &engine.Silent{Node: name}
	case 2, 3:
		return &engine.Back{Node: name}
	case 4, 5:
		return &engine.Submit{Workload: c.service()}
	case 7, 8:
		return c.h.strained()
	case 6:
		n := sleeper(name)
		n.Capacity.CPU = oneOf(c.h, "shrunk", api.Milli(1000), 2000, 4000)
		return &engine.Register{Node: n}
	}
	return &engine.Submit{Workload: c.job()}
}

func (c *clearings) job() *api.Workload {
	c.n++
	w := &api.Workload{APIVersion: api.Version, Name: fmt.Sprint("j", c.n), Kind: api.KindJob, Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Count: int32(1 + c.h.pick("count", 2)), Duration: oneOf(c.h, "run", 10*api.Minute, 5*api.Hour, api.Day),
		Resources:  api.Resources{CPU: oneOf(c.h, "cpu", api.Milli(500), 1000, 3000)},
		AtMostOnce: c.h.pick("once", 8) == 0,
	}}}
	if c.h.pick("never", 8) == 0 {
		w.Preemption = api.PreemptNever
	}
	w.Gang = c.h.pick("gang", 8) == 0
	w.Deadline = oneOf(c.h, "deadline", 0, 0, 6*api.Hour)
	w.Normalize()
	return w
}

func (c *clearings) service() *api.Workload {
	c.n++
	w := &api.Workload{APIVersion: api.Version, Name: fmt.Sprint("s", c.n), Kind: api.KindService, Replicas: int32(1 + c.h.pick("replicas", 2)), Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: oneOf(c.h, "cpu", api.Milli(300), 1000)},
	}}}
	w.Normalize()
	return w
}

// agents start, stop and wake what they are told; now and then a job ends.
func (c *clearings) agents() (in []engine.Input) {
	st := c.world.engine.State()
	for _, name := range st.SortedNodes() {
		n := st.Nodes[name]
		if n.Power == api.PowerWaking {
			in = append(in, &engine.Register{Node: n.Node})
		}
		if n.Silent || !n.On() {
			continue
		}
		r := &engine.Reports{Node: name}
		for _, t := range n.SortedHeld() {
			one := api.Report{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, N: t.Reported + 1}
			switch {
			case t.Stop != state.StopNothing:
				one.Kind, one.Result = api.ReportEnded, &api.Result{Outcome: api.OutcomeStopped}
			case t.Status == api.TaskPlaced:
				one.Kind = api.ReportStarted
			case st.Workloads[t.Ref.Workload].Spec.Kind == api.KindJob && c.h.pick("ends", 20) == 0:
				one.Kind, one.Result = api.ReportEnded, &api.Result{}
			default:
				continue
			}
			r.Reports = append(r.Reports, one)
		}
		if len(r.Reports) > 0 {
			in = append(in, r)
		}
	}
	return in
}

// step lets the world take inputs, and holds what follows to what must be.
func (c *clearings) step(in ...engine.Input) {
	before := map[string]state.Node{}
	for name, n := range c.world.engine.State().Nodes {
		before[name] = *n
	}
	c.world.step(c.t, in...)
	for {
		for _, ev := range c.world.events {
			c.look(before, ev)
		}
		if !c.world.more {
			return
		}
		c.world.step(c.t)
	}
}

func (c *clearings) look(before map[string]state.Node, ev state.Event) {
	switch v := ev.(type) {
	case *state.NodeClearing:
		if v.For == state.ClearNothing {
			return
		}
		c.cleared++
		if n := before[v.Node]; n.PowerAt != 0 && v.For == state.ClearSleep && n.PowerAt.Add(30*api.Minute) > c.world.now {
			c.t.Fatalf("node %s is emptied, which was woken at %s", v.Node, n.PowerAt)
		}
		for _, ref := range v.Tasks {
			if last, known := c.moved[ref]; known && last.Add(api.Hour) > c.world.now {
				c.t.Fatalf("task %v is moved at %s and was at %s", ref, c.world.now, last)
			}
			c.moved[ref] = c.world.now
		}
	case *state.NodeStrained:
		if len(v.Seats) > 0 {
			c.relieved++
		}
		for _, seat := range v.Seats {
			if c.world.engine.State().Strains[seat.Node] != nil {
				c.t.Fatalf("task %v of node %s is to go to %s, which is overloaded", seat.Ref, v.Node, seat.Node)
			}
		}
	case *state.NodePower:
		if v.State == api.PowerSleeping && v.Reason == "what ran there was moved" {
			c.slept++
		}
	}
}

// TestNodesThatStay: on each of many sites stands one node that holds next to nothing, which
// has nowhere to go. The two of the hall, which hold more, are looked at all the same.
func TestNodesThatStay(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	at := func(n api.Node, site string) engine.Input {
		n.Site = site
		return &engine.Register{Node: n}
	}
	submit := func(name string, cpu api.Milli, kind api.Kind, site string) engine.Input {
		s := &api.Workload{APIVersion: api.Version, Name: name, Kind: kind, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Duration: 5 * api.Hour, Resources: api.Resources{CPU: cpu}, Requires: api.Requirements{Sites: []string{site}},
		}}}
		if kind == api.KindService {
			s.Tasks[0].Duration, s.Replicas = 0, 1
		}
		s.Normalize()
		return &engine.Submit{Workload: s}
	}
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "consolidation"})
	for i := range 20 {
		site := fmt.Sprint("edge", i)
		w.step(t, at(sleeper("e"+site), site), submit("e"+site, 100, api.KindJob, site))
	}
	w.step(t, at(sleeper("h1"), "hall"), submit("web", 500, api.KindService, "hall"))
	large := sleeper("h2")
	large.Capacity.CPU *= 2
	w.step(t, at(large, "hall"), submit("big", 3600, api.KindJob, "hall"))
	for _, n := range w.engine.State().Nodes {
		for _, task := range n.SortedHeld() {
			w.step(t, &engine.Reports{Node: n.Name, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: task.Ref, Try: task.Try}, N: 1, Kind: api.ReportStarted}}})
		}
	}
	w.now = w.now.Add(61 * api.Minute)
	w.step(t)
	var cleared []string
	for _, ev := range w.events {
		if c, ok := ev.(*state.NodeClearing); ok {
			cleared = append(cleared, c.Node)
		}
	}
	if fmt.Sprint(cleared) != "[h1]" {
		t.Errorf("%v are emptied: %s", cleared, show(w.events))
	}
}

// TestRoomOfWhatIsEmptied: room on a node that is being emptied is room for nobody: once one
// node of a site is, another stays which could go only if the site had that room to spare.
func TestRoomOfWhatIsEmptied(t *testing.T) {
	w := newWorld(engine.MaxBatch)
	reserve := api.Milli(300)
	w.step(t, &engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSettings{Strategy: "worst-fit"}, &engine.PutSite{Site: api.Site{
		Name: "s1", Layer: api.LayerCloud, Rest: &api.Rest{After: 10 * api.Minute, Reserve: &reserve, Move: true},
	}})
	for i := range 3 {
		w.step(t, &engine.Register{Node: sleeper(fmt.Sprint("n", i))})
	}
	for _, cpu := range []api.Milli{1600, 400, 300} {
		s := &api.Workload{APIVersion: api.Version, Name: fmt.Sprint("job-", cpu), Kind: api.KindJob, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Duration: 5 * api.Hour, Resources: api.Resources{CPU: cpu},
		}}}
		s.Normalize()
		w.step(t, &engine.Submit{Workload: s})
	}
	for name, n := range w.engine.State().Nodes {
		for _, task := range n.SortedHeld() {
			w.step(t, &engine.Reports{Node: name, Reports: []api.Report{{Attempt: api.Attempt{TaskRef: task.Ref, Try: task.Try}, N: 1, Kind: api.ReportStarted}}})
		}
	}
	w.now = w.now.Add(20 * api.Minute)
	w.step(t, &engine.PutSettings{Strategy: "consolidation"})
	w.rebuild(t)
	cleared := 0
	for _, ev := range w.events {
		if c, ok := ev.(*state.NodeClearing); ok && c.For == state.ClearSleep {
			cleared++
		}
	}
	if cleared != 1 {
		t.Errorf("%d nodes are emptied: %s", cleared, show(w.events))
	}
	w.step(t)
}
