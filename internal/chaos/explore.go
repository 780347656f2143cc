package chaos

import (
	"crypto/sha256"
	"fmt"
)

// Report says what an exploration saw.
type Report struct {
	Instance    string
	States      int
	Transitions int
	Depth       int  // in moves: every state so far from the first was visited
	Complete    bool // every state within the budgets was visited
	Ended       int  // states in which all work has ended
	Reducers    int  // steps of reducers that were really run
	Violation   string
	Trace       []string // the shortest way to the violation
	Moves       int      // of that way
}

// String is one line of figures.
func (r Report) String() string {
	end := "complete"
	if !r.Complete {
		end = "cut"
	}
	return fmt.Sprintf("%s: %d states, %d transitions, depth %d (%s), %d ended, %d steps of reducers",
		r.Instance, r.States, r.Transitions, r.Depth, end, r.Ended, r.Reducers)
}

// step of the way to a state.
type link struct {
	parent int32
	move   move
}

// Explore visits every state of an instance, breadth first, so that the first
// violation that it finds is one of the shortest. It stops at a number of states,
// or when stop says so.
func (in Instance) Explore(states int, stop func() bool) Report {
	e := explorer{in: &in, t: in.tables(), seen: map[[16]byte]struct{}{}, finishing: map[[16]byte]struct{}{}}
	e.report.Instance = in.Name
	first := in.begin(e.t)
	e.add(&run{world: first, in: &in, t: e.t}, link{parent: -1})
	for from := 0; len(e.frontier) > 0 && e.report.Violation == ""; {
		if in.Depth > 0 && e.report.Depth == in.Depth {
			return e.end(first, false)
		}
		level := e.frontier
		e.frontier = nil
		for i, w := range level {
			if len(e.links) >= states || i%256 == 0 && stop() {
				return e.end(first, false)
			}
			if e.expand(w, int32(from+i)); e.report.Violation != "" {
				return e.end(first, false)
			}
		}
		if from += len(level); len(e.frontier) > 0 {
			e.report.Depth++
		}
	}
	return e.end(first, true)
}

type explorer struct {
	in        *Instance
	t         *tables
	seen      map[[16]byte]struct{}
	finishing map[[16]byte]struct{} // from which all work can end
	links     []link
	frontier  []*world
	report    Report
	last      link
	calm      []move // the way on from there that did not end well
	buf       []byte
}

func (e *explorer) expand(w *world, at int32) {
	x := &run{world: w, in: e.in, t: e.t}
	for _, m := range x.moves() {
		e.report.Transitions++
		e.add(e.in.step(e.t, w, m), link{at, m})
		if e.report.Violation != "" {
			return
		}
	}
}

// add takes a state in, unless it was seen.
func (e *explorer) add(x *run, l link) {
	e.last = l
	if x.fault != "" {
		e.report.Violation = x.fault
		return
	}
	e.buf = x.key(e.buf)
	key := digest(e.buf)
	if _, ok := e.seen[key]; ok {
		return
	}
	e.seen[key] = struct{}{}
	e.links = append(e.links, l)
	e.frontier = append(e.frontier, x.world)
	if x.tail.view.done {
		e.report.Ended++
	}
	if e.in.SafetyOnly {
		return
	}
	e.report.Violation, e.calm = e.in.finishes(e.t, x.world, e.finishing)
}

func digest(b []byte) (d [16]byte) {
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}

func (e *explorer) end(first *world, complete bool) Report {
	e.report.States, e.report.Reducers, e.report.Complete = len(e.links), e.t.steps, complete && e.report.Violation == ""
	if e.report.Violation == "" {
		return e.report
	}
	var path []move
	for l := e.last; l.parent >= 0; l = e.links[l.parent] {
		path = append([]move{l.move}, path...)
	}
	e.report.Moves = len(path)
	e.report.Trace = e.in.trace(e.t, first, append(path, e.calm...), len(path))
	return e.report
}
