package sched_test

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// pair is an index that searches and one that scores every node, with the same nodes and
// tasks: they must decide alike.
type pair struct {
	searching, scoring *sched.Index
	held               []func()
}

func newPair() *pair { return &pair{searching: sched.New(), scoring: sched.New()} }

func (p *pair) both() []*sched.Index { return []*sched.Index{p.searching, p.scoring} }

// place has both decide, and holds what they chose, unless that is nothing: then it returns "".
func (p *pair) place(t *rapid.T, ref api.TaskRef, a *sched.Ask) (node string) {
	p.searching.Refresh()
	d, devices := p.searching.Decide(ref, a, 0)
	p.searching.Rest()
	if e, other := p.scoring.Decide(ref, a, 0); !reflect.DeepEqual(d, e) || !reflect.DeepEqual(devices, other) {
		t.Fatalf("searching chooses\n%+v\nscoring every node\n%+v", show(d), show(e))
	}
	if d.Chosen == nil {
		return ""
	}
	node = d.Chosen.Node
	for _, x := range p.both() {
		x.Hold(node, ref, a, devices)
	}
	p.held = append(p.held, func() {
		for _, x := range p.both() {
			x.Release(node, ref, a, devices)
		}
	})
	return node
}

// leave ends one of those that are there, now and then: one in so many times.
func (p *pair) leave(t *rapid.T, times int) {
	if len(p.held) > 0 && rapid.IntRange(1, times).Draw(t, "leave") == 1 {
		k := rapid.IntRange(0, len(p.held)-1).Draw(t, "which")
		p.held[k]()
		p.held = slices.Delete(p.held, k, k+1)
	}
}
