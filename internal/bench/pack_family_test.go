package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"drover.dev/api"
)

// TestFamily packs variants of the openb trace, made from its default list after
// the description of the published ones: in gpushareN, multigpuN and gpuspecN N % of
// the GPUs are asked for by pods that share one, take several, or name models; in cpuN
// there are N/100 · 2/15 as many pods without a GPU as with one. On each of them the
// recommended strategy leaves less than fragmentation-gradient. It takes minutes:
// DROVER_SOAK=1 go test ./internal/bench -run TestFamily -v -timeout 30m
func TestFamily(t *testing.T) {
	if os.Getenv("DROVER_SOAK") == "" {
		t.Skip("set DROVER_SOAK to pack the variants of the trace")
	}
	nodes, pods := readOpenb(t)
	for _, v := range family(nodes, pods) {
		ours, theirs := v.pack(t, Recommended, nodes), v.pack(t, "fragmentation-gradient", nodes)
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f |\n", v.name, ours.GPUUnallocated, theirs.GPUUnallocated, ours.CPUAllocated, theirs.CPUAllocated)
		if ours.GPUUnallocated > theirs.GPUUnallocated-0.2 {
			t.Errorf("%s: %s leaves %.2f %% of the GPUs, fragmentation-gradient %.2f %%", v.name, Recommended, ours.GPUUnallocated, theirs.GPUUnallocated)
		}
	}
}

type variant struct {
	name string
	pods []api.Task
}

// pack is the mean of the seeds 42 to 51.
func (v *variant) pack(t *testing.T, strategy string, nodes []api.Node) (mean PackFigures) {
	p, err := newPacking(strategy, nodes, v.pods)
	if err != nil {
		t.Fatal(err)
	}
	const seeds = 10
	figures := make([]PackFigures, seeds)
	err = each(context.Background(), seeds, func(i int) (err error) {
		figures[i], err = p.run(context.Background(), uint64(42+i), 1.3)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		mean.GPUUnallocated += f.GPUUnallocated / seeds
		mean.CPUAllocated += f.CPUAllocated / seeds
	}
	return mean
}

// family makes the variants.
func family(nodes []api.Node, pods []api.Task) (out []variant) {
	r := rand.New(rand.NewPCG(7, 0))
	var plain, gpu, share, whole, multi, upToOne []api.Task
	for _, p := range pods {
		n := gpuOf(&p.Resources)
		add(&plain, p, n == 0)
		add(&gpu, p, n > 0)
		add(&share, p, n > 0 && n < 1000)
		add(&whole, p, n >= 1000)
		add(&multi, p, n > 1000)
		add(&upToOne, p, n > 0 && n <= 1000)
	}
	for _, percent := range []int{20, 40, 60, 80} {
		out = append(out, variant{fmt.Sprintf("gpushare%d", percent), append(blend(r, share, whole, percent, len(gpu)), plain...)})
	}
	for _, percent := range []int{20, 30, 40, 50} {
		out = append(out, variant{fmt.Sprintf("multigpu%d", percent), append(blend(r, multi, upToOne, percent, len(gpu)), plain...)})
	}
	for _, percent := range []int{10, 20, 25, 33} {
		out = append(out, variant{fmt.Sprintf("gpuspec%d", percent), append(picky(r, nodes, gpu, percent), plain...)})
	}
	for _, percent := range []int{50, 100, 200} {
		list := append([]api.Task(nil), gpu...)
		for range len(gpu) * percent * 2 / 1500 {
			list = append(list, plain[r.IntN(len(plain))])
		}
		out = append(out, variant{fmt.Sprintf("cpu%03d", percent), list})
	}
	return out
}

func add(list *[]api.Task, p api.Task, belongs bool) {
	if belongs {
		*list = append(*list, p)
	}
}

// blend draws n pods of two kinds, so that so many per cent of the GPUs are asked for
// by the first.
func blend(r *rand.Rand, a, b []api.Task, percent, n int) (out []api.Task) {
	mean := func(list []api.Task) (sum float64) {
		for i := range list {
			sum += float64(gpuOf(&list[i].Resources)) / float64(len(list))
		}
		return sum
	}
	x := float64(percent) / 100
	first := int(x * float64(n) * mean(b) / (mean(a)*(1-x) + x*mean(b)))
	for i := range n {
		from := a
		if i >= first {
			from = b
		}
		out = append(out, from[r.IntN(len(from))])
	}
	return out
}

// choice is models that pods name, and how often of 50.
type choice struct {
	models []string
	often  int
}

var (
	sharers = []choice{{[]string{"T4"}, 35}, {[]string{"P100"}, 11}, {[]string{"G2", "P100", "T4", "V100M16", "V100M32"}, 4}}
	takers  = []choice{
		{[]string{"T4"}, 18},
		{[]string{"V100M16", "V100M32"}, 14},
		{[]string{"G2"}, 11},
		{[]string{"P100", "V100M16", "V100M32"}, 3},
		{[]string{"G3"}, 2},
		{[]string{"P100", "T4", "V100M16", "V100M32"}, 2},
	}
)

// picky has so many per cent of the pods name models that have room for them.
func picky(r *rand.Rand, nodes []api.Node, pods []api.Task, percent int) (out []api.Task) {
	for _, p := range pods {
		choices, gpu := takers, p.Resources.Accelerators[0]
		if gpu.Count < 1000 {
			choices = sharers
		}
		for names := r.IntN(100) < percent; names; names = !hasRoom(nodes, &p) {
			gpu.Models = pick(r, choices)
			p.Resources.Accelerators = []api.Accelerator{gpu}
		}
		out = append(out, p)
	}
	return out
}

func pick(r *rand.Rand, list []choice) []string {
	n := r.IntN(50)
	for _, c := range list {
		if n -= c.often; n < 0 {
			return c.models
		}
	}
	return nil
}

// hasRoom reports whether a pod fits on one of the nodes when it is empty.
func hasRoom(nodes []api.Node, p *api.Task) bool {
	r, a := &p.Resources, &p.Resources.Accelerators[0]
	for i := range nodes {
		c := &nodes[i].Capacity
		if len(c.Accelerators) == 0 || c.CPU < r.CPU || c.Memory < r.Memory || c.Accelerators[0].Count < a.Count {
			continue
		}
		if slices.Contains(a.Models, c.Accelerators[0].Models[0]) {
			return true
		}
	}
	return false
}
