package chaos

import (
	"fmt"
	"slices"
	"strings"
)

// Follow makes the moves that a script names, one a line in the words of a trace,
// as long as nothing is violated. It is an error when a move is not possible. A
// script calls the node that holds work at first HOST, and the other one OTHER:
// where the scheduler puts it does not matter.
func (in Instance) Follow(script []string) (Report, error) {
	t := in.tables()
	first := in.begin(t)
	w := first
	r := Report{Instance: in.Name}
	var path []move
	cast := first.cast()
	for _, line := range script {
		m, ok := in.named(t, w, cast.Replace(line))
		if !ok {
			r.Trace = in.trace(t, first, path, len(path))
			return r, fmt.Errorf("%q is not what can happen after %d moves", line, len(path))
		}
		path = append(path, m)
		next := in.step(t, w, m)
		if w = next.world; next.fault != "" {
			r.Violation = next.fault
			break
		}
	}
	r.Moves, r.Trace = len(path), in.trace(t, first, path, len(path))
	return r, nil
}

func (w *world) cast() *strings.Replacer {
	host := max(0, slices.IndexFunc(w.tail.view.nodes, func(n nodeView) bool { return len(n.held) > 0 }))
	return strings.NewReplacer("HOST", nodeNames[host], "OTHER", nodeNames[(host+1)%len(w.agents)])
}

// named finds the move of a description.
func (in *Instance) named(t *tables, w *world, line string) (move, bool) {
	x := &run{world: w, in: in, t: t}
	for _, m := range x.moves() {
		if w.describe(m) == line {
			return m, true
		}
	}
	return move{}, false
}
