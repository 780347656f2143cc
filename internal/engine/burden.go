package engine

import (
	"cmp"
	"slices"
	"strings"
)

// burden is what a node holds: those that hold least are looked at first for whether it can
// leave them.
type burden struct {
	share  int64 // that it holds, see usedShare
	thirst int64 // what it draws idle
	name   string
}

// before orders those first that hold least, among them those that draw most.
func (a burden) before(b burden) int {
	return cmp.Or(cmp.Compare(a.share, b.share), cmp.Compare(b.thirst, a.thirst), strings.Compare(a.name, b.name))
}

// burdens are nodes in that order, kept so as their load changes: in short lists, so that
// little is moved when one comes or goes.
type burdens struct {
	lists [][]burden // none is empty
	of    map[string]burden
}

// mostBurdens is how long a list is at most.
const mostBurdens = 256

// list is the one in which a burden stands, or would.
func (r *burdens) list(x burden) int {
	at, _ := slices.BinarySearchFunc(r.lists, x, func(l []burden, x burden) int { return l[len(l)-1].before(x) })
	return max(min(at, len(r.lists)-1), 0)
}

// put takes in a node, or that its burden has changed.
func (r *burdens) put(x burden) {
	if r.of[x.name] == x {
		return
	}
	r.drop(x.name)
	if r.of == nil {
		r.of = map[string]burden{}
	}
	if r.of[x.name] = x; len(r.lists) == 0 {
		r.lists = append(r.lists, []burden{x})
		return
	}
	i := r.list(x)
	at, _ := slices.BinarySearchFunc(r.lists[i], x, burden.before)
	l := slices.Insert(r.lists[i], at, x)
	if r.lists[i] = l; len(l) > mostBurdens {
		r.lists[i] = l[: mostBurdens/2 : mostBurdens/2]
		r.lists = slices.Insert(r.lists, i+1, slices.Clone(l[mostBurdens/2:]))
	}
}

// drop takes a node out.
func (r *burdens) drop(name string) {
	x, known := r.of[name]
	if !known {
		return
	}
	delete(r.of, name)
	i := r.list(x)
	if at, found := slices.BinarySearchFunc(r.lists[i], x, burden.before); found {
		r.lists[i] = slices.Delete(r.lists[i], at, at+1)
	}
	if len(r.lists[i]) == 0 {
		r.lists = slices.Delete(r.lists, i, i+1)
	}
}

// behind are up to so many burdens behind one, in order.
func (r *burdens) behind(x burden, most int) (out []burden) {
	for i := r.list(x); i < len(r.lists) && len(out) < most; i++ {
		l := r.lists[i]
		from, found := slices.BinarySearchFunc(l, x, burden.before)
		if found {
			from++
		}
		out = append(out, l[from:min(len(l), from+most-len(out))]...)
	}
	return out
}
