package assign

import (
	"math"
	"slices"
)

// frame is a node of the tree whose children are being visited.
type frame struct {
	u    []float64
	mark int // length of the trail at the node
	job  int // that the children put on their agents
	kids []int32
}

type undo struct {
	at  int32
	was byte
}

// tree is a depth-first branch and bound for solutions that cost less than
// upper. A node improves the multipliers of its parent for some rounds, decides
// what pairs it can by reduced cost, and branches on the agent of one job (after
// M. Posta, J. A. Ferland and P. Michelon, 2012, "An exact method with variable
// fixing for solving the generalized assignment problem").
type tree struct {
	r      *relaxation
	upper  int64
	best   []int // nil until a solution below the first upper is found
	rounds int   // of ascent in a node below the root
	root   int64 // bound of the root in steps
	nodes  int

	frames []frame
	trail  []undo
	pool   [][]float64
	sets   [][]int32 // scratch of offer
}

// begin starts a tree from multipliers u, which it keeps; start rounds are spent
// on the root. What r knew before stays known.
func (t *tree) begin(u []float64, start int) {
	t.frames, t.trail = t.frames[:0], t.trail[:0]
	t.root = math.MinInt64
	t.visit(u, start)
}

// run visits up to limit nodes; true when the tree is done: then best is
// optimal, or, when nil, no solution costs less than upper.
func (t *tree) run(limit int) bool {
	for ; limit > 0 && len(t.frames) > 0; limit-- {
		if t.r.opt.Stop() {
			return false
		}
		f := &t.frames[len(t.frames)-1]
		t.rewind(f.mark)
		if len(f.kids) == 0 {
			t.pool = append(t.pool, f.u)
			t.frames = t.frames[:len(t.frames)-1]
			continue
		}
		i := f.kids[0]
		f.kids = f.kids[1:]
		t.set(int(i)*t.r.n+f.job, in)
		t.visit(append(t.vector(), f.u...), t.rounds)
	}
	return len(t.frames) == 0
}

// close forgets the decisions of an unfinished tree.
func (t *tree) close() {
	t.rewind(0)
	for _, f := range t.frames {
		t.pool = append(t.pool, f.u)
	}
	t.frames = t.frames[:0]
}

func (t *tree) vector() []float64 {
	if n := len(t.pool); n > 0 {
		v := t.pool[n-1][:0]
		t.pool = t.pool[:n-1]
		return v
	}
	return make([]float64, 0, t.r.n)
}

func (t *tree) set(at int, as byte) {
	if t.r.known[at] != as {
		t.trail = append(t.trail, undo{int32(at), t.r.known[at]})
		t.r.known[at] = as
	}
}

func (t *tree) rewind(mark int) {
	for len(t.trail) > mark {
		e := t.trail[len(t.trail)-1]
		t.trail = t.trail[:len(t.trail)-1]
		t.r.known[e.at] = e.was
	}
}

// limit is the bound in steps above which a node is of no use.
func (t *tree) limit() int64 { return (t.upper - 1) * scale }

// visit bounds a node and leaves a frame when it has to branch.
func (t *tree) visit(u []float64, rounds int) {
	t.nodes++
	job := -1
	for job < 0 {
		if !t.propagate() {
			break
		}
		bound := t.r.ascend(u, ascent{
			rounds: rounds, step: 1, patient: 4, serial: true,
			target: func() int64 { return t.limit() + 1 },
			seen:   t.look,
		})
		if t.root == math.MinInt64 {
			t.root = bound
		}
		if bound > t.limit() {
			break
		}
		fixed := t.fix(u)
		if fixed < 0 {
			break
		}
		t.offer(t.r.assignment(), u)
		if fixed*20 < t.open() {
			job = t.choose()
			if job < 0 { // everything is decided
				t.offer(t.r.assignment(), u)
				break
			}
		}
		rounds = max(4, t.rounds/2)
	}
	if job < 0 {
		t.pool = append(t.pool, u)
		return
	}
	t.frames = append(t.frames, frame{u: u, mark: len(t.trail), job: job, kids: t.children(job, u)})
}

// look is called after each evaluation of a node.
func (t *tree) look(bound int64) bool {
	if bound <= t.limit() && t.r.exact() {
		t.offer(t.r.assignment(), nil)
	}
	return bound <= t.limit()
}

// offer completes an assignment and keeps it when it is the best.
func (t *tree) offer(agent []int, u []float64) {
	if u != nil && !t.r.o.complete(agent, u) {
		return
	}
	if t.sets == nil {
		t.sets = make([][]int32, t.r.m)
	}
	for i := range t.sets {
		t.sets[i] = t.sets[i][:0]
	}
	for j, i := range agent {
		t.sets[i] = append(t.sets[i], int32(j))
	}
	total := int64(0)
	for i, set := range t.sets {
		c, ok := t.r.o.cost(i, set)
		if !ok {
			return
		}
		total += c
	}
	if total < t.upper {
		t.upper, t.best = total, slices.Clone(agent)
	}
}

// fix decides pairs by reduced cost at u, and returns how many, or -1 when the
// node is done.
func (t *tree) fix(u []float64) int {
	bound := t.r.evaluate(u, true)
	if !t.look(bound) {
		return -1
	}
	before := len(t.trail)
	for i := range t.r.m {
		t.r.o.fix(0, i, t.r.round, t.r.row(i), t.r.value[i], t.limit()-bound, func(j int, as byte) {
			t.set(i*t.r.n+j, as)
		})
	}
	if !t.propagate() {
		return -1
	}
	return len(t.trail) - before
}

// propagate draws what follows from each job being on one agent; false when that
// is impossible.
func (t *tree) propagate() bool {
	n := t.r.n
	for j := range n {
		left, last, fixed := 0, -1, -1
		for at := j; at < len(t.r.known); at += n {
			switch t.r.known[at] {
			case in:
				if fixed >= 0 {
					return false
				}
				fixed = at
			case free:
				left, last = left+1, at
			}
		}
		switch {
		case fixed < 0 && left == 0:
			return false
		case fixed < 0 && left == 1:
			t.set(last, in)
		case fixed >= 0 && left > 0:
			for at := j; at < len(t.r.known); at += n {
				if t.r.known[at] == free {
					t.set(at, out)
				}
			}
		}
	}
	return true
}

// open counts the undecided pairs.
func (t *tree) open() int {
	c := 0
	for _, k := range t.r.known {
		if k == free {
			c++
		}
	}
	return c
}

// choose returns the undecided job that the relaxation disagrees on most, with
// few agents left; -1 when all are decided.
func (t *tree) choose() int {
	job, score := -1, math.Inf(-1)
	for j := range t.r.n {
		left := 0
		for at := j; at < len(t.r.known); at += t.r.n {
			if t.r.known[at] == free {
				left++
			}
		}
		if left == 0 {
			continue
		}
		v := -float64(left)
		if t.r.count[j] != 1 {
			v += 1000
		}
		if v > score {
			job, score = j, v
		}
	}
	return job
}

// children are the agents that are left for a job, those first whose sets want
// it.
func (t *tree) children(job int, u []float64) []int32 {
	var kids []int32
	for i := range t.r.m {
		if t.r.known[i*t.r.n+job] == free {
			kids = append(kids, int32(i))
		}
	}
	wants := func(i int32) int {
		if slices.Contains(t.r.sets[i], int32(job)) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(kids, func(a, b int32) int { return wants(a) - wants(b) })
	return kids
}
