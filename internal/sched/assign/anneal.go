package assign

import "math"

type annealer struct {
	g       *grid
	penalty []float64 // of one unit of overload
	near    []int32
	width   int
	random  rng
	logs    []float64 // samples of the exponential distribution
	agent   []int32
	load    []float64
	jobs    [][]int32 // on each agent
	place   []int32   // of each job among those of its agent
	cost    float64
	over    int // agents that are overloaded

	best     []int32 // the best assignment without overload
	bestCost float64
	acc      int
}

func newAnnealer(g *grid, near []int32, width int, seed uint64) *annealer {
	s := &annealer{
		g: g, near: near, penalty: make([]float64, g.m), width: width, random: rng(seed),
		agent: make([]int32, g.n), load: make([]float64, g.m), jobs: make([][]int32, g.m), place: make([]int32, g.n),
		bestCost: math.Inf(1),
	}
	s.logs = make([]float64, 4096)
	for k := range s.logs {
		s.logs[k] = s.random.exponential()
	}
	return s
}

func (s *annealer) start(agent []int32) {
	copy(s.agent, agent)
	clear(s.load)
	for i := range s.jobs {
		s.jobs[i] = s.jobs[i][:0]
	}
	s.cost, s.over = 0, 0
	for j, i := range s.agent {
		c := s.g.job(j)[i]
		s.load[i] += c.weight
		s.cost += c.cost
		s.place[j] = int32(len(s.jobs[i]))
		s.jobs[i] = append(s.jobs[i], int32(j))
	}
	for i, l := range s.load {
		if l > s.g.capacity[i] {
			s.over++
		}
	}
}

func (s *annealer) setLoad(i int32, load float64) {
	c := s.g.capacity[i]
	if s.load[i] > c {
		s.over--
	}
	if load > c {
		s.over++
	}
	s.load[i] = load
}

func (s *annealer) put(j, i int32) {
	from := s.agent[j]
	list := s.jobs[from]
	last := list[len(list)-1]
	list[s.place[j]] = last
	s.place[last] = s.place[j]
	s.jobs[from] = list[:len(list)-1]
	s.agent[j] = i
	s.place[j] = int32(len(s.jobs[i]))
	s.jobs[i] = append(s.jobs[i], j)
}

func (s *annealer) anneal(moves int, hot, cold float64) {
	t := hot
	cool := math.Pow(cold/hot, 256/float64(moves))
	for k := range moves {
		if k&255 == 255 {
			t *= cool
		}
		z := s.random.next()
		j := int32((z >> 40) * uint64(s.g.n) >> 24)
		i := s.near[int(j)*s.width+int((z>>16&0xffff)*uint64(s.width)>>16)]
		from := s.agent[j]
		if i == from {
			continue
		}
		limit := t * s.logs[z&4095]
		old := s.g.cells[int(j)*s.g.m+int(from)]
		o := s.g.cells[int(j)*s.g.m+int(i)]
		p := int32(-1)
		dc := o.cost - old.cost
		a, b := s.load[from]-old.weight, s.load[i]+o.weight
		if list := s.jobs[i]; z>>12&7 != 0 && len(list) > 0 {
			p = list[int((z>>32&0xffff)*uint64(len(list))>>16)]
			here, there := s.g.cells[int(p)*s.g.m+int(i)], s.g.cells[int(p)*s.g.m+int(from)]
			a += there.weight
			b -= here.weight
			dc += there.cost - here.cost
		}
		if dc > limit && s.over == 0 {
			continue
		}
		d := dc
		if ca := s.g.capacity[from]; a > ca || s.load[from] > ca {
			d += s.penalty[from] * (max(0, a-ca) - max(0, s.load[from]-ca))
		}
		if cb := s.g.capacity[i]; b > cb || s.load[i] > cb {
			d += s.penalty[i] * (max(0, b-cb) - max(0, s.load[i]-cb))
		}
		if !(d <= limit) {
			continue
		}
		s.acc++
		s.cost += dc
		s.setLoad(from, a)
		s.setLoad(i, b)
		s.put(j, i)
		if p >= 0 {
			s.put(p, from)
		}
		if s.over == 0 && s.cost < s.bestCost-0.5 {
			s.bestCost = s.cost
			s.best = append(s.best[:0], s.agent...)
		}
	}
}
