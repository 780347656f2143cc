package assign

import "slices"

// dispatch is an assignment to machines, each in Smith's order, and its local
// search: a job moves to where it adds least.
type dispatch struct {
	o     *sequencing
	agent []int
	list  [][]int32 // jobs of each machine in Smith's order
	total int64
}

func newDispatch(o *sequencing, agent []int) *dispatch {
	d := &dispatch{o: o, agent: slices.Clone(agent), list: make([][]int32, o.p.Machines)}
	for j, i := range agent {
		if i >= 0 {
			d.list[i] = append(d.list[i], int32(j))
		}
	}
	for i, l := range d.list {
		slices.SortFunc(l, func(a, b int32) int { return int(o.rank[i][a] - o.rank[i][b]) })
		c, _ := o.cost(i, l)
		d.total += c
	}
	return d
}

// added returns what job j adds to machine i, on which it is not, or takes off
// it when it is.
func (d *dispatch) added(i int, j int32) int64 {
	t, w := d.o.time(i, j), d.o.p.weight(int(j))
	before, after := t, int64(0)
	for _, k := range d.list[i] {
		switch {
		case k == j:
		case d.o.rank[i][k] < d.o.rank[i][j]:
			before += d.o.time(i, k)
		default:
			after += d.o.p.weight(int(k))
		}
	}
	return w*before + t*after
}

func (d *dispatch) remove(j int32) {
	i := d.agent[j]
	d.total -= d.added(i, j)
	at := slices.Index(d.list[i], j)
	d.list[i] = slices.Delete(d.list[i], at, at+1)
	d.agent[j] = -1
}

func (d *dispatch) add(i int, j int32) {
	d.total += d.added(i, j)
	at, _ := slices.BinarySearchFunc(d.list[i], j, func(a, b int32) int { return int(d.o.rank[i][a] - d.o.rank[i][b]) })
	d.list[i] = slices.Insert(d.list[i], at, j)
	d.agent[j] = i
}

// place puts a job on the machine where it adds least.
func (d *dispatch) place(j int32) {
	best, least := 0, d.added(0, j)
	for i := 1; i < d.o.p.Machines; i++ {
		if c := d.added(i, j); c < least {
			best, least = i, c
		}
	}
	d.add(best, j)
}

// descend moves jobs until none gains.
func (d *dispatch) descend(stop func() bool) {
	for gained := true; gained && !stop(); {
		before := d.total
		for j := range int32(len(d.agent)) {
			if stop() {
				return
			}
			d.remove(j)
			d.place(j)
		}
		gained = d.total < before
	}
}

// kick puts some jobs on machines at random.
func (d *dispatch) kick(random *rng, jobs int) {
	for range jobs {
		j := int32(random.below(len(d.agent)))
		d.remove(j)
		d.add(random.below(d.o.p.Machines), j)
	}
}
