package assign

import (
	"container/heap"
	"math"
	"slices"
)

// Completion returns a schedule of least Σ C_j, which is optimal unless opt.Stop
// ended the work; then there is no schedule. Weights do not count.
//
// A job that is k-th from the end of machine i adds k·p_ij, so the problem is a
// matching of jobs and positions (W. A. Horn, 1973, "Minimizing Average Flow
// Time with Parallel Machines"; J. Bruno, E. G. Coffman and R. Sethi, 1974).
// Jobs enter one by one by shortest augmenting paths (R. Jonker and A. Volgenant,
// 1987). What makes it quick: the duals of a machine's positions are concave, so
// the reduced costs of a job there are convex in the position and least at its
// rank by time; a job's positions are therefore met in order of distance from
// its rank, by a merge over the machines, without looking at all.
func Completion(p *Machines, opt Options) (Schedule, error) {
	p = p.unweighted()
	if err := p.Validate(); err != nil {
		return Schedule{}, err
	}
	opt = opt.withDefaults()
	x := newMatching(p)
	for _, j := range x.sequence() {
		if opt.Stop() {
			return Schedule{}, nil
		}
		x.insert(j)
	}
	return x.schedule()
}

// position is a place on a machine: rank from the end, from 0.
type position struct{ machine, rank int32 }

// matching assigns jobs to positions; each machine's are taken from the end
// without gaps. With u of jobs and v of positions, (rank+1)·p − u − v ≥ 0, and 0
// where they are matched.
type matching struct {
	p    *Machines
	jobs [][]int32 // [machine][rank]
	v    [][]int64
	// Scratch of one insertion, by machine and rank.
	mark  [][]int64    // distance at which a position was closed
	state [][]int32    // number of the insertion that closed it
	from  [][]int32    // job from which it was reached
	next  [2][][]int32 // rank to look at after a closed one, to the left and to the right
	turn  int32
	at    []position // of each job
	queue reaches
	limit int64 // distance of the nearest free position met so far
	done  []position
}

func newMatching(p *Machines) *matching {
	x := &matching{
		p: p, jobs: make([][]int32, p.Machines), v: make([][]int64, p.Machines),
		mark: make([][]int64, p.Machines), state: make([][]int32, p.Machines), from: make([][]int32, p.Machines),
		at: make([]position, p.Jobs), next: [2][][]int32{make([][]int32, p.Machines), make([][]int32, p.Machines)},
	}
	for i := range p.Machines {
		x.grow(i)
	}
	return x
}

// grow opens the next position of a machine.
func (x *matching) grow(i int) {
	x.v[i] = append(x.v[i], 0)
	x.mark[i] = append(x.mark[i], 0)
	x.state[i] = append(x.state[i], 0)
	x.from[i] = append(x.from[i], -1)
	for d := range x.next {
		x.next[d][i] = append(x.next[d][i], 0)
	}
}

// sequence puts long jobs first: later ones then mostly find their place free.
func (x *matching) sequence() []int {
	least := make([]int64, x.p.Jobs)
	order := make([]int, x.p.Jobs)
	for j := range order {
		order[j], least[j] = j, x.p.Time[j]
		for i := 1; i < x.p.Machines; i++ {
			least[j] = min(least[j], x.p.Time[i*x.p.Jobs+j])
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case least[a] > least[b]:
			return -1
		case least[a] < least[b]:
			return 1
		}
		return 0
	})
	return order
}

// reach is a position that a job can take at a distance from the root; the next
// ones of the same job, machine and direction follow it.
type reach struct {
	distance  int64
	taken     bool // no free position: those come first among equals
	job       int32
	base      int64 // distance = base + (rank+1)·p − v
	at        position
	direction int32
}

type reaches []reach

func (q reaches) Len() int { return len(q) }
func (q reaches) Less(a, b int) bool {
	if q[a].distance != q[b].distance {
		return q[a].distance < q[b].distance
	}
	return !q[a].taken && q[b].taken
}
func (q reaches) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *reaches) Push(r any)   { *q = append(*q, r.(reach)) }
func (q *reaches) Pop() any {
	old := *q
	r := old[len(old)-1]
	*q = old[:len(old)-1]
	return r
}

// insert matches one more job by a shortest augmenting path.
func (x *matching) insert(j int) {
	x.turn++
	x.queue, x.done, x.limit = x.queue[:0], x.done[:0], math.MaxInt64
	x.scan(int32(j), 0)
	for {
		r := heap.Pop(&x.queue).(reach)
		i, k := r.at.machine, r.at.rank
		if x.state[i][k] == x.turn {
			x.follow(r)
			continue
		}
		x.next[0][i][k], x.next[1][i][k] = k-1, k+1
		x.state[i][k], x.mark[i][k], x.from[i][k] = x.turn, r.distance, r.job
		x.done = append(x.done, r.at)
		x.follow(r)
		if !r.taken {
			x.augment(r.at, r.distance, int32(j))
			return
		}
		owner := x.jobs[i][k]
		x.scan(owner, r.distance-(int64(k+1)*x.time(i, owner)-x.v[i][k]))
	}
}

func (x *matching) time(i, j int32) int64 { return x.p.Time[int(i)*x.p.Jobs+int(j)] }

// scan offers the best position of each machine to a job whose distances are
// base + (rank+1)·p − v.
func (x *matching) scan(j int32, base int64) {
	for i := range int32(x.p.Machines) {
		x.push(reach{job: j, base: base, at: position{i, int32(len(x.jobs[i]))}, direction: +1})
	}
	for i := range int32(x.p.Machines) {
		t := x.time(i, j)
		rank, _ := slices.BinarySearchFunc(x.jobs[i], t, func(other int32, t int64) int {
			if x.time(i, other) > t {
				return -1
			}
			return 1
		})
		x.follow(reach{job: j, base: base, at: position{i, int32(rank)}, direction: +1})
		x.follow(reach{job: j, base: base, at: position{i, int32(rank - 1)}, direction: -1})
	}
}

// follow offers the next position of r in its direction that is not closed.
func (x *matching) follow(r reach) {
	k := r.at.rank
	if k < 0 || int(k) >= len(x.v[r.at.machine]) {
		return
	}
	if x.state[r.at.machine][k] == x.turn {
		r.at.rank = x.skip(r.at, r.direction)
	}
	if r.at.rank >= 0 && int(r.at.rank) < len(x.v[r.at.machine]) {
		x.push(r)
	}
}

// skip returns the nearest rank in a direction that is not closed, and shortens
// the way there for the next time.
func (x *matching) skip(at position, direction int32) int32 {
	next, state := x.next[(direction+1)/2][at.machine], x.state[at.machine]
	k := at.rank
	for k >= 0 && int(k) < len(state) && state[k] == x.turn {
		k = next[k]
	}
	for w := at.rank; w != k; {
		w, next[w] = next[w], k
	}
	return k
}

func (x *matching) push(r reach) {
	i, k := r.at.machine, r.at.rank
	r.distance = r.base + int64(k+1)*x.time(i, r.job) - x.v[i][k]
	r.taken = int(k) < len(x.jobs[i])
	if r.distance >= x.limit {
		return
	}
	if !r.taken {
		x.limit = r.distance
	}
	heap.Push(&x.queue, r)
}

// augment moves the jobs along the path that ends at a free position and keeps
// the duals feasible.
func (x *matching) augment(free position, distance int64, root int32) {
	for _, at := range x.done {
		x.v[at.machine][at.rank] -= distance - x.mark[at.machine][at.rank]
	}
	x.jobs[free.machine] = append(x.jobs[free.machine], -1)
	x.grow(int(free.machine))
	for at := free; ; {
		j := x.from[at.machine][at.rank]
		next := x.at[j]
		x.jobs[at.machine][at.rank], x.at[j] = j, at
		if j == root {
			return
		}
		at = next
	}
}

// schedule reads the order of each machine and proves it by the duals.
func (x *matching) schedule() (Schedule, error) {
	s := Schedule{Order: make([][]int, x.p.Machines)}
	for i, list := range x.jobs {
		s.Order[i] = []int{}
		for k := len(list) - 1; k >= 0; k-- {
			s.Order[i] = append(s.Order[i], int(list[k]))
		}
	}
	var err error
	if s.Objective, err = x.p.Check(s.Order); err != nil {
		return Schedule{}, err
	}
	s.LowerBound = x.dual()
	s.Optimal = s.LowerBound == s.Objective
	return s, nil
}

// dual returns the value of the duals, Σ u + Σ v with each u as large as all
// positions allow: a lower bound whatever v ≤ 0 is.
func (x *matching) dual() int64 {
	total := int64(0)
	for _, row := range x.v {
		for _, v := range row {
			total += v
		}
	}
	for j := range int32(x.p.Jobs) {
		best := int64(-1)
		for i := range int32(x.p.Machines) {
			t := x.time(i, j)
			for k, v := range x.v[i] {
				if c := int64(k+1)*t - v; best < 0 || c < best {
					best = c
				}
			}
		}
		total += best
	}
	return total
}
