package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// Recommended is the strategy that we recommend for clusters of GPUs.
const Recommended = "backed-packing"

// PackOptions says what Pack measures: how well a strategy packs the tasks of a
// trace in the format of openb (Alibaba, cluster-trace-gpu-v2023) onto its nodes.
type PackOptions struct {
	Nodes, Pods string
	Strategy    string   // "" is Recommended
	Seeds       []uint64 // one run each, at most 1000
	Load        float64  // how many times the GPU capacity arrives; 1 to 10
}

// PackSeed is one run, taken when the arrived GPU request reaches the capacity.
type PackSeed struct {
	Seed uint64 `json:"seed,omitempty"`
	PackFigures
}

// PackFigures are percentages of what the GPU nodes have, and the time of a run.
type PackFigures struct {
	GPUUnallocated float64 `json:"gpuUnallocatedPercent"`
	GPUAllocated   float64 `json:"gpuAllocatedPercent"`
	CPUAllocated   float64 `json:"cpuAllocatedPercent"`
	Seconds        float64 `json:"seconds"`
}

// PackReport is what Pack measured.
type PackReport struct {
	Strategy string      `json:"strategy"`
	Seeds    []PackSeed  `json:"seeds"`
	Mean     PackFigures `json:"mean"`
}

// Pack follows the protocol of Weng et al., 2023: nodes with GPUs only; the pods,
// and pods drawn from them until Load times the GPU capacity is asked for, arrive
// in random order; each is tried once, dropped when nothing fits, and never
// leaves. The seeds run side by side on all processors.
func Pack(ctx context.Context, o PackOptions) (PackReport, error) {
	if o.Strategy == "" {
		o.Strategy = Recommended
	}
	r := PackReport{Strategy: o.Strategy, Seeds: make([]PackSeed, len(o.Seeds))}
	if _, known := sched.Find(o.Strategy); !known {
		return r, fmt.Errorf("there is no strategy %s", o.Strategy)
	}
	if len(o.Seeds) < 1 || len(o.Seeds) > 1000 || o.Load < 1 || o.Load > 10 {
		return r, errors.New("there are 1 to 1000 seeds, and a load from 1 to 10")
	}
	nodes, err := readNodes(o.Nodes)
	if err != nil {
		return r, err
	}
	pods, err := readPods(o.Pods)
	if err != nil {
		return r, err
	}
	p, err := newPacking(o.Strategy, nodes, pods)
	if err != nil {
		return r, err
	}
	err = each(ctx, len(o.Seeds), func(i int) error {
		start := time.Now()
		f, err := p.run(ctx, o.Seeds[i], o.Load)
		f.Seconds = time.Since(start).Seconds()
		r.Seeds[i] = PackSeed{o.Seeds[i], f}
		return err
	})
	for _, s := range r.Seeds {
		n := float64(len(r.Seeds))
		r.Mean.GPUUnallocated += s.GPUUnallocated / n
		r.Mean.GPUAllocated += s.GPUAllocated / n
		r.Mean.CPUAllocated += s.CPUAllocated / n
		r.Mean.Seconds += s.Seconds / n
	}
	return r, err
}

// each calls f for 0 to n-1 on all processors and returns the first error.
func each(ctx context.Context, n int, f func(i int) error) error {
	var wg sync.WaitGroup
	next, errs := make(chan int), make([]error, n)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = f(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// packing is what all seeds share.
type packing struct {
	strategy string
	nodes    []api.Node
	tasks    []api.Task   // the mix of the trace: what is known of tasks before they come
	asks     []*sched.Ask // by pod
	gpu, cpu api.Milli    // capacity
}

func newPacking(strategy string, nodes []api.Node, pods []api.Task) (*packing, error) {
	p := &packing{strategy: strategy, tasks: pods}
	for _, n := range nodes {
		if g := gpuOf(&n.Capacity); g > 0 {
			p.nodes, p.gpu, p.cpu = append(p.nodes, n), p.gpu+g, p.cpu+n.Capacity.CPU
		}
	}
	asked := api.Milli(0)
	for i := range pods {
		p.asks = append(p.asks, &sched.Ask{
			Shape: sched.ShapeOf(&pods[i], "default", 0, "", false), Task: &pods[i], Tenant: "default", Profile: &api.Profile{Run: api.Hour},
		})
		asked += gpuOf(&pods[i].Resources)
	}
	if p.gpu == 0 || asked == 0 {
		return nil, errors.New("no node has a GPU, or no pod asks for one")
	}
	return p, nil
}

func gpuOf(r *api.Resources) (n api.Milli) {
	for i := range r.Accelerators {
		n += r.Accelerators[i].Count
	}
	return n
}

// arrivals is the list of pods in the order in which they come.
func (p *packing) arrivals(seed uint64, load float64) []int {
	random := rand.New(rand.NewPCG(seed, 0))
	var list []int
	asked := api.Milli(0)
	for i := range p.asks {
		list = append(list, i)
		asked += gpuOf(&p.asks[i].Task.Resources)
	}
	for float64(asked) < load*float64(p.gpu) {
		i := random.IntN(len(p.asks))
		list = append(list, i)
		asked += gpuOf(&p.asks[i].Task.Resources)
	}
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// batch is after how many arrivals a new Step begins.
const batch = 256

func (p *packing) run(ctx context.Context, seed uint64, load float64) (f PackFigures, err error) {
	x := sched.New()
	x.Use(p.strategy, nil, nil)
	for _, n := range p.nodes {
		x.PutNode(n)
	}
	x.Expect(p.tasks)
	shapes := map[string]*sched.Ask{} // a run has asks of its own: an index keeps notes on them
	var arrived, gpu, cpu api.Milli
	for n, i := range p.arrivals(seed, load) {
		if n%batch == 0 {
			if ctx.Err() != nil {
				return f, ctx.Err()
			}
			x.Rest()
			x.Refresh()
		}
		a := shapes[p.asks[i].Shape]
		if a == nil {
			own := *p.asks[i]
			a = &own
			shapes[a.Shape] = a
		}
		arrived += gpuOf(&a.Task.Resources)
		if arrived > p.gpu {
			break
		}
		ref := api.TaskRef{Workload: uint64(n) + 1}
		d, devices := x.Decide(ref, a, 0)
		if d.Chosen == nil {
			continue
		}
		x.Hold(d.Chosen.Node, ref, a, devices)
		gpu, cpu = gpu+gpuOf(&a.Task.Resources), cpu+a.Task.Resources.CPU
	}
	f.GPUAllocated, f.CPUAllocated = percent(gpu, p.gpu), percent(cpu, p.cpu)
	f.GPUUnallocated = 100 - f.GPUAllocated
	return f, nil
}

func percent(part, whole api.Milli) float64 { return 100 * float64(part) / float64(whole) }
