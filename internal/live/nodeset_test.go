package live

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"pgregory.net/rapid"
)

// pulling is a leader's engine, a shadow that follows it, and nodes that pull
// from the shadow as agents do.
type pulling struct {
	t      *rapid.T
	engine *engine.Engine
	shadow *shadow
	now    api.Time
	n      uint64
	names  int
	nodes  map[string]*puller
}

type puller struct {
	have     uint64
	sweeping bool
	set      map[api.Attempt]api.Desire
	listed   map[api.Attempt]bool // in the parts of a full answer
}

func (p *pulling) step(in ...engine.Input) {
	p.now += api.Time(api.Second)
	for more := true; more; in = nil {
		out, err := p.engine.Step(p.now, in)
		if err != nil {
			p.t.Fatal(err)
		}
		p.n++
		f := fold{seq: p.n, at: journal.Link{N: p.n}, now: p.now, inputs: in, events: out.Events}
		if _, err := p.shadow.fold(&f); err != nil {
			p.t.Fatal(err)
		}
		more = out.More
	}
}

// pull takes one answer, cut to few entries as if they were large.
func (p *pulling) pull(name string, most int) (again bool) {
	n := p.nodes[name]
	got, err := p.shadow.pull(name, api.Pull{Have: n.have})
	if err != nil {
		p.t.Fatal(err)
	}
	again = got.set.Again
	if len(got.items) > most {
		got.end, again = got.items[most].Version-1, true
		got.items = got.items[:most]
		p.shadow.cutAt(name, n.have, got.end)
	}
	switch {
	case got.set.Full:
		n.sweeping, n.listed = true, map[api.Attempt]bool{}
	case got.set.From != n.have:
		p.t.Fatalf("node %s has version %d and got changes from %d", name, n.have, got.set.From)
	}
	for _, as := range got.items {
		n.set[as.Attempt], n.listed[as.Attempt] = as.Desire, true
	}
	for _, id := range got.set.Gone {
		delete(n.set, id)
	}
	for _, g := range got.gone {
		if g.version <= got.end {
			delete(n.set, g.attempt)
		}
	}
	n.have = got.end
	if n.sweeping && !again {
		n.sweeping = false
		for id := range n.set {
			if !n.listed[id] {
				delete(n.set, id)
			}
		}
	}
	return again
}

// agree demands that a node which has pulled everything has what it holds.
func (p *pulling) agree(name string) {
	for p.pull(name, 1+int(p.n%3)) { //nolint:revive // until all parts are there
	}
	n, held := p.nodes[name], p.shadow.engine.State().Nodes[name].Held
	for ref, t := range held {
		want := api.DesireRun
		switch {
		case t.Stop != state.StopNothing:
			want = api.DesireStop
		case t.Stands():
			want = api.DesireSuspend
		}
		if got, ok := n.set[attemptOf(t)]; !ok || got != want {
			p.t.Fatalf("node %s: %v should %v, the agent has %v, %v", name, ref, want, got, ok)
		}
	}
	if len(n.set) != len(held) {
		p.t.Fatalf("node %s: the agent has %d attempts, the node holds %d", name, len(n.set), len(held))
	}
}

func (p *pulling) report(node string, id api.Attempt, out api.Outcome) {
	p.step(&engine.Reports{Node: node, Reports: []api.Report{
		{Attempt: id, N: 1, Kind: api.ReportStarted},
		{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: out}},
	}})
}

// TestNodesPullWhatTheyHold lets nodes pull in between any history, from any
// version, in parts, and after restarts of server and agent.
func TestNodesPullWhatTheyHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pulling{t: t, engine: engine.New(state.New()), now: 1_767_225_600_000_000_000, nodes: map[string]*puller{}}
		p.shadow = newShadow(state.New(), journal.Link{}, 0, 100)
		p.step(&engine.Lead{Epoch: 1, Server: "s"})
		for _, name := range []string{"a", "b"} {
			p.nodes[name] = &puller{set: map[api.Attempt]api.Desire{}, listed: map[api.Attempt]bool{}}
			p.step(&engine.Register{Node: api.Node{
				Name: name, Site: "s", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop, api.DriverProcess}, Speed: 1000,
				Capacity: api.Resources{CPU: 10_000},
			}})
		}
		names := rapid.SampledFrom([]string{"a", "b"})
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				p.names++
				w := job(fmt.Sprint("w", p.names), int32(rapid.IntRange(1, 6).Draw(t, "count")))
				w.Tasks[0].Resources.CPU = 1000
				if rapid.Bool().Draw(t, "holdable") {
					w.Tasks[0].Driver, w.Tasks[0].Command = api.DriverProcess, []string{"work"}
				}
				p.step(submit(w))
			},
			"suspend": func(t *rapid.T) {
				if p.names > 0 {
					p.step(&engine.Suspend{
						Tenant: "default", Name: fmt.Sprint("w", rapid.IntRange(1, p.names).Draw(t, "which")), For: 3 * api.Minute,
						Operator: rapid.Bool().Draw(t, "operator"), Off: rapid.IntRange(0, 2).Draw(t, "off") == 0,
					})
				}
			},
			"cancel": func(t *rapid.T) {
				if p.names > 0 {
					p.step(&engine.Cancel{Tenant: "default", Name: fmt.Sprint("w", rapid.IntRange(1, p.names).Draw(t, "which"))})
				}
			},
			"report": func(t *rapid.T) {
				name := names.Draw(t, "node")
				held := p.engine.State().Nodes[name].SortedHeld()
				if len(held) == 0 {
					t.Skip("holds nothing")
				}
				p.report(name, attemptOf(rapid.SampledFrom(held).Draw(t, "task")),
					rapid.SampledFrom([]api.Outcome{api.OutcomeSucceeded, api.OutcomeFailed, api.OutcomeLost}).Draw(t, "outcome"))
			},
			"silence": func(t *rapid.T) { p.step(&engine.Silent{Node: names.Draw(t, "node")}) },
			"back":    func(t *rapid.T) { p.step(&engine.Back{Node: names.Draw(t, "node")}) },
			"wait":    func(*rapid.T) { p.now += api.Time(api.Minute); p.step() },
			"pull":    func(t *rapid.T) { p.pull(names.Draw(t, "node"), rapid.IntRange(1, 4).Draw(t, "most")) },
			"agent restarts": func(t *rapid.T) {
				n := p.nodes[names.Draw(t, "node")]
				n.have, n.sweeping = 0, false
			},
			"server restarts": func(t *rapid.T) {
				st, err := p.shadow.clone(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				p.shadow = newShadow(st, p.shadow.at, p.shadow.last, 100)
			},
			"gone is forgotten": func(t *rapid.T) {
				name := names.Draw(t, "node")
				set, n := p.shadow.sets[name], p.shadow.engine.State().Nodes[name]
				if n.Version > 1 {
					for i := range set.changes {
						if set.changes[i].gone {
							set.base = max(set.base, set.changes[i].version)
						}
					}
					set.compact(n)
				}
			},
			"agree": func(t *rapid.T) { p.agree(names.Draw(t, "node")) },
		})
		p.agree("a")
		p.agree("b")
	})
}

func TestAStrayAttemptIsToldToBeGone(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	do(t, c, submit(job("one", 1)))
	a.work(1)
	until(t, c, "its end", finished(1))
	a.pull()
	id := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}
	if len(a.held) != 0 {
		t.Fatalf("the agent still has %v", a.held)
	}
	must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{
		{Attempt: id, N: 3, Kind: api.ReportHealthy},
	}}))
	until(t, c, "the stray", func(*state.State) bool {
		set := c.shadow.sets["n1"]
		set.mu.Lock()
		defer set.mu.Unlock()
		return len(set.strays) > 0
	})
	got := must[api.AssignmentSet](t)(ask[api.AssignmentSet](a, "pull", api.Pull{Have: a.have}))
	if len(got.Gone) != 1 || got.Gone[0] != id {
		t.Errorf("gone are %v, want %v", got.Gone, id)
	}
}

func TestALargeSetComesInParts(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	_, seq := do(t, c, submit(job("many", 5000)))
	until(t, c, "all places", func(st *state.State) bool { return st.Totals.Placed == 5000 })
	view(t, c, seq, func(*state.State) {})
	a.pull()
	if len(a.held) != 5000 {
		t.Errorf("the agent has %d of 5000", len(a.held))
	}
}

func TestManyInlineInputsTravelAsArtifacts(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "tree", Tasks: []api.Task{
		{Name: "leaf", Driver: api.DriverNoop, Count: 40, Outputs: []api.Output{{Name: "o", Path: "o"}}},
		{Name: "root", Driver: api.DriverNoop, After: []string{"leaf"}, Inputs: []api.Input{{Path: "in", Task: "leaf", Output: "o"}}},
	}}
	w.Normalize()
	_, seq := do(t, c, submit(w))
	view(t, c, seq, func(*state.State) {})
	a.pull()
	var r api.Reports
	for id := range a.held {
		r.Reports = append(r.Reports, api.Report{Attempt: id, N: 1, Kind: api.ReportEnded, Result: &api.Result{
			Outputs: []api.Value{{Name: "o", File: "o", Size: 4000, Inline: make([]byte, 4000)}},
		}})
	}
	ack := must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", r))
	view(t, c, ack.Seq, func(*state.State) {})
	a.pull()
	if len(a.held) != 1 {
		t.Fatalf("the agent has %d assignments, want the root", len(a.held))
	}
	for _, as := range a.held {
		if len(as.Inputs) != 40 || as.Inputs[0].Digest == "" || as.Inputs[0].Inline != nil {
			t.Fatalf("%d inputs, the first is %+v", len(as.Inputs), as.Inputs[0])
		}
		for _, in := range as.Inputs {
			if _, err := c.artifacts.Stat(t.Context(), artifact.Digest(in.Digest)); err != nil {
				t.Error(err)
			}
		}
	}
}
