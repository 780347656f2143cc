package assign

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func labProblem(name string) *Problem {
	if strings.HasPrefix(name, "gen:") {
		var typ string
		var m, n int
		fmt.Sscanf(name, "gen:%1s,%d,%d", &typ, &m, &n)
		return labGen(typ, m, n)
	}
	f, err := os.Open("/work/shared/data/gap/" + name)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	p, err := ReadProblem(f)
	if err != nil {
		panic(err)
	}
	return p
}

func labGen(typ string, m, n int) *Problem {
	r := rand.New(rand.NewSource(int64(m*n) + 7))
	p := &Problem{Agents: m, Jobs: n, Cost: make([]int64, m*n), Weight: make([]int64, m*n), Capacity: make([]int64, m)}
	for k := range p.Cost {
		switch typ {
		case "c":
			p.Cost[k], p.Weight[k] = int64(10+r.Intn(41)), int64(5+r.Intn(21))
		case "d":
			p.Weight[k] = int64(1 + r.Intn(100))
			p.Cost[k] = 111 - p.Weight[k] + int64(r.Intn(21)-10)
		case "e":
			p.Weight[k] = int64(1 - 10*logf(r.Float64()))
			p.Cost[k] = int64(1000/float64(p.Weight[k]) - 10*r.Float64())
		}
	}
	for i := range m {
		s := int64(0)
		for j := range n {
			s += p.Weight[i*n+j]
		}
		p.Capacity[i] = s * 8 / 10 / int64(m)
	}
	return p
}

func TestLabBounds(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("LAB")) {
		p := labProblem(name)
		g := newGrid(p)
		t0 := time.Now()
		lam := capacityPrices(g, 1000, func() bool { return false })
		load := make([]float64, g.m)
		lp := g.relaxCapacities(lam, load)
		t1 := time.Since(t0)
		u := make([]float64, g.n)
		for j := range u {
			u[j] = 1e18
			for i, c := range g.job(j) {
				u[j] = min(u[j], (c.cost+lam[i]*c.weight)*scale)
			}
		}
		r := newRelaxation(g.m, g.n, &packing{p: p}, Options{}.withDefaults())
		t0 = time.Now()
		k := 0
		best := int64(-1 << 60)
		up := int64(lp * 1.005 * scale)
		r.ascend(u, ascent{rounds: 400, step: 1, patient: 15, serial: true, target: func() int64 { return up }, seen: func(b int64) bool {
			k++
			best = max(best, b)
			if k%50 == 1 {
				fmt.Printf("   %d %.3f %.2fs\n", k, float64(best)/scale, time.Since(t0).Seconds())
			}
			return true
		}})
		fmt.Printf("%s LP %.3f in %v, knapsack %.3f in %v (%d rounds)\n", name, lp, t1, float64(best)/scale, time.Since(t0), k)
	}
}

func logf(x float64) float64 { return math.Log(x) }

func labU(g *grid) []float64 {
	lam := capacityPrices(g, 1000, func() bool { return false })
	u := make([]float64, g.n)
	for j := range u {
		u[j] = 1e18
		for i, c := range g.job(j) {
			u[j] = min(u[j], (c.cost+lam[i]*c.weight)*scale)
		}
	}
	return u
}

func TestLabTree(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("LAB")) {
		p := labProblem(name)
		g := newGrid(p)
		t0 := time.Now()
		u := labU(g)
		stop := func() bool { return time.Since(t0) > 10*time.Second }
		r := newRelaxation(g.m, g.n, &packing{p: p}, Options{Stop: stop}.withDefaults())
		up := int64(1 << 40)
		for j := range u {
			up += 0 * int64(u[j])
		}
		b := r.ascend(u, ascent{rounds: 400, step: 1, patient: 15, serial: true, target: func() int64 { return int64(float64(r.evaluate(u, true)) * 1.005) }, seen: func(b int64) bool { return true }})
		_ = up
		z := ceilSteps(b)
		tot := 0
		for {
			tr := &tree{r: r, upper: z + 1, rounds: 12}
			tr.begin(append([]float64(nil), u...), 20)
			done := tr.run(1 << 40)
			tot += tr.nodes
			tr.close()
			if done && tr.best != nil {
				c, err := p.Check(tr.best)
				fmt.Printf("%s root %.3f optimum %d %v nodes %d in %v\n", name, float64(b)/scale, c, err, tot, time.Since(t0))
				break
			}
			if !done {
				fmt.Printf("%s root %.3f stopped at %d nodes %d (%d) in %v\n", name, float64(b)/scale, z, tot, tr.nodes, time.Since(t0))
				break
			}
			z++
		}
	}
}

func TestLabDive(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("LAB")) {
		p := labProblem(name)
		g := newGrid(p)
		t0 := time.Now()
		u := labU(g)
		stop := func() bool { return time.Since(t0) > 15*time.Second }
		r := newRelaxation(g.m, g.n, &packing{p: p}, Options{Stop: stop}.withDefaults())
		b := r.ascend(u, ascent{rounds: 400, step: 1, patient: 15, serial: true, target: func() int64 { return int64(float64(r.evaluate(u, true)) * 1.005) }, seen: func(b int64) bool { return true }})
		z := ceilSteps(b)
		fmt.Printf("%s root %.3f in %v\n", name, float64(b)/scale, time.Since(t0))
		for _, d := range []float64{0.003, 0.001, 0.0003, 0.0001} {
			up := z + int64(d*float64(z)) + 1
			t0 = time.Now()
			tr := &tree{r: r, upper: up + 1, rounds: 12}
			tr.begin(append([]float64(nil), u...), 20)
			for tr.best == nil && !tr.run(1) {
				if time.Since(t0) > 5*time.Second {
					break
				}
			}
			tr.close()
			fmt.Printf("    below %d found %d (%.4f%%) nodes %d in %v\n", up, tr.upper, float64(tr.upper-z)/float64(z)*100, tr.nodes, time.Since(t0))
		}
	}
}

func TestLabLNS(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("LAB")) {
		p := labProblem(name)
		g := newGrid(p)
		t0 := time.Now()
		lam := capacityPrices(g, 1000, func() bool { return false })
		lp := g.relaxCapacities(lam, make([]float64, g.m))
		u := make([]float64, g.n)
		for j := range u {
			u[j] = 1e18
			for i, c := range g.job(j) {
				u[j] = min(u[j], (c.cost+lam[i]*c.weight)*scale)
			}
		}
		opt := Options{Stop: func() bool { return time.Since(t0) > 10*time.Second }}.withDefaults()
		r := newRelaxation(g.m, g.n, &packing{p: p}, opt)
		s := newSearch(p, g, lam, opt)
		if os.Getenv("ASC") != "" {
			r.ascend(u, ascent{rounds: 300, step: 1, patient: 15, target: func() int64 { return int64(lp * 1.005 * scale) }, seen: func(b int64) bool { return true }})
		}
		s.guide(r, u)
		t1 := time.Now()
		q := &part{s: s, member: make([]bool, g.m), spare: true, size: 2, random: 1}
		for i := range g.m {
			q.group = append(q.group, int32(i))
			q.member[i] = true
		}
		fmt.Printf("%s LP %.2f setup %v\n", name, lp, time.Since(t0))
		next := 0.0
		for !opt.Stop() {
			if x := time.Since(t1).Seconds(); x >= next {
				c, ok := s.total()
				fmt.Printf("    %.2fs %d (%.4f%%) %v size %d waiting %d\n", x, c, (float64(c)-lp)/lp*100, ok, q.size, len(s.wait))
				next = max(1, next*2)
			}
			q.run(100000)
		}
		c, ok := s.total()
		c2, err := p.Check(s.agent)
		fmt.Printf("    end %d (%.4f%%) %v size %d waiting %d %d %v\n", c, (float64(c)-lp)/lp*100, ok, q.size, len(s.wait), c2, err)
	}
}

func goPar(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func TestLabSolve(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("LAB")) {
		p := labProblem(name)
		t0 := time.Now()
		opt := Options{Stop: func() bool { return time.Since(t0) > 10*time.Second }, Par: goPar}
		r, err := Solve(p, opt)
		if err != nil {
			fmt.Println(name, err)
			continue
		}
		_, err = p.Check(r.Assignment)
		fmt.Printf("%s cost %d bound %d (%.4f%%) %v %v in %v\n", name, r.Cost, r.LowerBound, float64(r.Cost-r.LowerBound)/float64(r.LowerBound)*100, r.Optimal, err, time.Since(t0))
	}
}
