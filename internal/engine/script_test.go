package engine_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"drover.dev/api"
	"drover.dev/api/manifest"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestScripts plays the scripts in testdata. Each is a story in which every step
// shows the events that the engine decided on; testdata/README.md explains the
// language. After every command the cell is also rebuilt from a snapshot, which
// must not make a difference.
//
// go test ./internal/engine -run TestScripts -rewrite writes the outputs anew.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := &script{t: t, world: newWorld(engine.MaxBatch), names: map[api.TaskRef]string{}, kept: map[uint64]string{}}
		s.world.step(t, &engine.Lead{Epoch: 1, Server: "test"})
		datadriven.RunTest(t, path, s.run)
		s.world.replay(t)
	})
}

type script struct {
	t     *testing.T
	world *world
	names map[api.TaskRef]string // of elements, also of those that have gone
	kept  map[uint64]string      // of workloads
	seen  []engine.Input         // the planner's answer
	out   strings.Builder
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.t = t
	s.out.Reset()
	switch d.Cmd {
	case "apply":
		s.apply(d)
	case "plan":
		s.plan(d)
	case "do":
		for _, line := range strings.Split(d.Input, "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				s.line(strings.Fields(line))
			}
		}
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return s.out.String()
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) docs(d *datadriven.TestData) []manifest.Document {
	docs, err := manifest.LoadBytes([]byte(d.Input), manifest.Options{})
	if err != nil {
		d.Fatalf(s.t, "%v", err)
	}
	return docs
}

func (s *script) apply(d *datadriven.TestData) {
	for _, doc := range s.docs(d) {
		if doc.Site != nil {
			s.step(&engine.PutSite{Site: *doc.Site})
			continue
		}
		if doc.Strategy != nil {
			doc.Strategy.Normalize()
			s.step(&engine.PutStrategy{Strategy: *doc.Strategy})
			continue
		}
		if doc.Tenant != nil {
			doc.Tenant.Normalize()
			s.step(&engine.PutTenant{Tenant: *doc.Tenant})
			continue
		}
		in := &engine.Submit{Workload: doc.Workload}
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "key":
				in.Key = a.Vals[0]
			case "as":
				in.Principal = a.Vals[0]
			}
		}
		doc.Workload.Normalize()
		if faults := doc.Workload.Validate(); len(faults) > 0 {
			d.Fatalf(s.t, "%v", faults)
		}
		s.step(in)
	}
}

func (s *script) plan(d *datadriven.TestData) {
	for _, doc := range s.docs(d) {
		doc.Workload.Normalize()
		list, err := s.world.engine.Plan(doc.Workload, nil)
		if err != nil {
			s.printf("would be refused: %v", err)
		}
		for _, p := range list {
			s.printf("%s: %d of %d would be placed now", p.Task, p.Fits, p.Count)
			if p.Deferral != nil {
				s.printf("  %s", engine.DeferredText(p.Deferral))
			}
			s.decision(&p.Decision, p.Suggestions)
			s.options(p.Options)
		}
	}
}

// step lets the inputs happen and prints what follows, until nothing is left.
func (s *script) step(in ...engine.Input) {
	s.world.step(s.t, in...)
	for i, a := range s.world.answers {
		if a.Code != state.CodeOK {
			s.printf("refused: %s", a.Message)
		} else if a.Action == "unchanged" {
			s.printf("unchanged")
		} else if _, ok := in[i].(*engine.Submit); ok && len(s.world.events) == 0 {
			s.printf("answered again: %s #%d", a.Action, a.ID)
		}
	}
	for {
		for _, ev := range s.world.events {
			s.event(ev)
		}
		if !s.world.more {
			break
		}
		s.world.step(s.t)
	}
	s.world.rebuild(s.t)
}

// tick lets time pass as a leader does: it wakes when the engine wants to.
func (s *script) tick(d api.Duration) {
	until := s.world.now.Add(d)
	for {
		wake := s.world.wake
		if wake <= s.world.now || wake > until {
			break
		}
		s.world.now = wake
		before := s.out.Len()
		s.step()
		if s.out.Len() > before {
			text := s.out.String()[before:]
			rest := s.out.String()[:before]
			s.out.Reset()
			s.out.WriteString(rest)
			for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
				s.printf("%s: %s", s.at(wake), line)
			}
		}
	}
	s.world.now = until
	s.step()
}

// at shows a time as what has passed since the story began.
func (s *script) at(t api.Time) string { return "+" + t.Sub(start).String() }

// element finds one by its display name.
func (s *script) element(name string) (*state.Workload, *state.Task) {
	st := s.world.engine.State()
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				if w.NameOf(t) == name && !(w.Status.Final() && st.Named(w.Spec.Tenant, w.Spec.Name) != w) {
					return w, t
				}
			}
		}
	}
	s.t.Fatalf("there is no element %s", name)
	return nil, nil
}

func (s *script) nameOf(ref api.TaskRef) string {
	if w, t := s.world.engine.State().Task(ref); t != nil {
		s.names[ref] = w.NameOf(t)
	}
	return s.names[ref]
}

func (s *script) workload(id uint64) string {
	if w := s.world.engine.State().Workloads[id]; w != nil {
		s.kept[id] = w.Spec.Name
	}
	return s.kept[id]
}

func parse[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](s *script, text string, to P) T {
	if err := to.UnmarshalText([]byte(text)); err != nil {
		s.t.Fatalf("%v", err)
	}
	return *to
}

func number(s *script, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatalf("%q is not a number", text)
	}
	return n
}
