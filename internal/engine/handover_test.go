package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestCells plays stories of a parent cell, "hub", and its child, "plant". The
// commands of scripts come with the name of the cell in front; carry lets the
// child pull, agree and report, as its forwarder does.
func TestCells(t *testing.T) {
	datadriven.Walk(t, "testdata/cells", func(t *testing.T, path string) {
		c := &cells{t: t, of: map[string]*script{}}
		for _, name := range []string{"hub", "plant", "mine"} {
			s := &script{t: t, world: newWorld(engine.MaxBatch), names: map[api.TaskRef]string{}, kept: map[uint64]string{}}
			s.world.step(t, &engine.Lead{Epoch: 1, Server: name})
			c.of[name] = s
		}
		datadriven.RunTest(t, path, c.run)
		for _, s := range c.of {
			s.world.replay(t)
		}
	})
}

type cells struct {
	t  *testing.T
	of map[string]*script
}

func (c *cells) run(t *testing.T, d *datadriven.TestData) string {
	s, ok := c.of[d.Cmd]
	if !ok {
		d.Fatalf(t, "there is no cell %s", d.Cmd)
	}
	s.t = t
	s.out.Reset()
	if d.HasArg("apply") {
		s.apply(&datadriven.TestData{Input: d.Input})
		return s.out.String()
	}
	for _, line := range strings.Split(d.Input, "\n") {
		f := strings.Fields(line)
		args, opts := split(f[1:])
		switch f[0] {
		case "cell":
			s.step(&engine.CellHello{Cell: api.Cell{Name: args[0], Sites: strings.Split(opts["site"], ","), Layers: []api.Layer{api.Layer(opts["layer"])}}})
		case "cellsilent":
			s.step(&engine.CellSilent{Cell: args[0]})
		case "cellback":
			s.step(&engine.CellBack{Cell: args[0]})
		case "removecell":
			s.step(&engine.RemoveCell{Cell: args[0]})
		case "carry":
			c.carry(d.Cmd)
		case "handovers":
			s.handovers()
		default:
			s.line(f)
		}
	}
	return s.out.String()
}

// carry is one round of a child's forwarder.
func (c *cells) carry(child string) {
	hub, s := c.of["hub"], c.of[child]
	hub.out.Reset()
	st := hub.world.engine.State()
	set := control.HandoverSet(st, "hub", child, 0, 1000)
	f := control.Forwards(s.world.engine.State(), "hub", set.Items, func(api.HandoverID) bool { return false })
	for _, item := range f.Fetch {
		spec := control.HandoverSpec(st, hub.world.now, child, item.ID)
		s.step(&engine.Accept{ID: spec.ID, Asked: spec.Asked, Workload: spec.Workload})
	}
	s.step(f.Do...)
	hub.t = c.t
	hub.step(reportsOf(s.world.engine, child, uint64(len(s.world.history))))
	if text := hub.out.String(); text != "" {
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			s.printf("hub: %s", line)
		}
	}
}

// reportsOf is all that a child has to say.
func reportsOf(e *engine.Engine, child string, n uint64) *engine.Handovers {
	st := e.State()
	out := &engine.Handovers{Cell: child}
	for _, id := range st.Origins() {
		w := st.Workloads[id]
		if w.Origin.Settled {
			continue
		}
		r, room := engine.Standing(w, n), 64<<10
		r.Elements, _ = engine.Endings(w, func(api.TaskRef) bool { return false }, &room)
		out.Reports = append(out.Reports, r)
	}
	for _, key := range st.SortedDeclined() {
		d := st.Declined[key]
		out.Reports = append(out.Reports, api.HandoverReport{ID: d.ID, N: n, Refused: true, Reason: d.Reason})
	}
	return out
}

// handovers shows what reads say of where workloads went.
func (s *script) handovers() {
	e := s.world.engine
	st := e.State()
	for _, id := range st.SortedWorkloads() {
		v := e.Views().Workload(st.Workloads[id], false)
		for _, h := range []*api.HandoverView{v.Handover, v.Origin} {
			if h != nil {
				s.printf("%s %s: %s %s %s %s", v.Name, v.Status, h.Stand, h.Cell, h.ID, strings.TrimSpace(fmt.Sprint(counts(v.Counts), " ", h.Reason)))
			}
		}
	}
}

// cellEvent prints what scripts show of children and hand-overs.
func (s *script) cellEvent(ev state.Event) bool {
	switch e := ev.(type) {
	case *state.CellRegistered:
		s.printf("cell %s: %v %v", e.Cell.Name, e.Cell.Sites, e.Cell.Layers)
	case *state.CellSilent:
		s.printf("cell %s is silent", e.Cell)
	case *state.CellBack:
		s.printf("cell %s is back", e.Cell)
	case *state.CellRemoved:
		s.printf("cell %s is removed", e.Cell)
	case *state.HandoverOffered:
		s.printf("%s is offered to %s, attempt %d", s.workload(e.ID), e.Cell, e.Attempt)
	case *state.HandoverAccepted:
		s.printf("%s is accepted", s.workload(e.ID))
	case *state.HandoverRefused:
		s.printf("%s is refused: %s", s.workload(e.ID), e.Reason)
	case *state.HandoverReported:
		s.printf("%s stands %s there: %s", s.workload(e.ID), e.Status, counts(e.Counts))
		for _, el := range e.Elements {
			s.printf("  elements %d to %d of task %d: %s", el.From, el.To-1, el.Task, el.Status)
		}
	case *state.HandoverLost:
		s.printf("%s is lost: %s", s.workload(e.ID), e.Reason)
	case *state.HandoverDeclined:
		s.printf("declined %s: %s", e.ID, e.Reason)
	case *state.HandoverSettled:
		for _, id := range e.IDs {
			s.printf("settled %s", id)
		}
	default:
		return false
	}
	return true
}
