package bench

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	nodeHead = "sn,cpu_milli,memory_mib,gpu,model\n"
	podHead  = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n"
)

// TestPack packs halves and wholes onto two nodes: every strategy that fills
// devices before it opens new ones uses all that arrives.
func TestPack(t *testing.T) {
	nodes := write(t, "nodes.csv", nodeHead+"a,64000,262144,4,T4\nb,64000,262144,4,T4\nc,64000,262144,0,\n")
	pods := write(t, "pods.csv", podHead+"p1,1000,1024,1,500,,LS\np2,2000,1024,1,1000,T4|A10,LS\np3,1000,1024,0,0,,LS\n")
	for _, name := range []string{"", "best-fit", "fragmentation-gradient"} {
		o := PackOptions{Nodes: nodes, Pods: pods, Strategy: name, Seeds: []uint64{1, 2, 3}, Load: 1.3}
		r, err := Pack(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Pack(context.Background(), o)
		for i, s := range r.Seeds {
			// The arrivals may pass over the capacity by less than one device.
			if s.GPUUnallocated < 0 || s.GPUUnallocated > 12.5 || s.CPUAllocated <= 0 || s.CPUAllocated > 100 {
				t.Errorf("%s, seed %d: %+v", r.Strategy, s.Seed, s)
			}
			if a := again.Seeds[i]; a.GPUAllocated != s.GPUAllocated || a.CPUAllocated != s.CPUAllocated {
				t.Errorf("%s, seed %d: %+v, and then %+v", r.Strategy, s.Seed, s, a)
			}
		}
	}
}

func TestPackRefuses(t *testing.T) {
	good := PackOptions{
		Nodes: write(t, "n.csv", nodeHead+"a,64000,1024,4,T4\n"), Pods: write(t, "p.csv", podHead+"p,1,1,1,500,,LS\n"),
		Seeds: []uint64{1}, Load: 1.3,
	}
	for name, c := range map[string]struct {
		change func(*PackOptions)
		says   string
	}{
		"strategy": {func(o *PackOptions) { o.Strategy = "magic" }, "no strategy magic"},
		"seeds":    {func(o *PackOptions) { o.Seeds = nil }, "1 to 1000 seeds"},
		"column":   {func(o *PackOptions) { o.Nodes = write(t, "n.csv", "sn,gpu\na,1\n") }, "no column cpu_milli"},
		"number":   {func(o *PackOptions) { o.Nodes = write(t, "n.csv", nodeHead+"a,64000,1,4,T4\nb,-1,1,1,T4\n") }, "n.csv:3: cpu_milli"},
		"twice":    {func(o *PackOptions) { o.Nodes = write(t, "n.csv", nodeHead+"a,1,1,4,T4\na,1,1,1,T4\n") }, "n.csv:3: sn a is there twice"},
		"share":    {func(o *PackOptions) { o.Pods = write(t, "p.csv", podHead+"p,1,1,1,1500,,LS\n") }, "p.csv:2: gpu_milli is 1500"},
		"no GPU":   {func(o *PackOptions) { o.Nodes = write(t, "n.csv", nodeHead+"a,64000,1024,0,\n") }, "no node has a GPU"},
		"no file":  {func(o *PackOptions) { o.Pods = "nowhere.csv" }, "nowhere.csv"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			if _, err := Pack(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
		})
	}
}

// TestPublished holds the strategies against the figures of Weng et al., 2023, on
// the trace that they were measured on, where it is at hand. One seed of the ten
// is enough to tell.
func TestPublished(t *testing.T) {
	nodes, pods := openb(t)
	for name, most := range map[string]float64{"best-fit": 7.14 + 0.5, Recommended: 4.2} {
		r, err := Pack(context.Background(), PackOptions{
			Nodes: nodes, Pods: pods, Strategy: name, Seeds: []uint64{42}, Load: 1.3,
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Mean.GPUUnallocated > most {
			t.Errorf("%s leaves %.2f %% of the GPUs, more than %.2f %%", name, r.Mean.GPUUnallocated, most)
		}
	}
}

// openb is where the trace is, if it is.
func openb(t *testing.T) (nodes, pods string) {
	dir := os.Getenv("DROVER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	nodes = filepath.Join(dir, "openb", "openb_node_list_gpu_node.csv")
	if _, err := os.Stat(nodes); err != nil || testing.Short() {
		t.Skipf("the openb trace is not at %s (set DROVER_DATA), or -short was given", nodes)
	}
	return nodes, filepath.Join(dir, "openb", "openb_pod_list_default.csv")
}

func readOpenb(t *testing.T) ([]api.Node, []api.Task) {
	nodeFile, podFile := openb(t)
	nodes, err := readNodes(nodeFile)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := readPods(podFile)
	if err != nil {
		t.Fatal(err)
	}
	return nodes, pods
}

// TestScarceModelsAreLeft has every fourth pod with a GPU name models, most of them
// scarce ones: who can run anywhere must not take those.
func TestScarceModelsAreLeft(t *testing.T) {
	nodes, pods := readOpenb(t)
	models := [][]string{{"T4"}, {"V100M16", "V100M32"}, {"G2"}, {"T4"}, {"P100"}}
	for i := range pods {
		if r := &pods[i].Resources; len(r.Accelerators) > 0 && r.Accelerators[0].Count <= 1000 && i%4 == 0 {
			r.Accelerators[0].Models = models[i/4%len(models)]
		}
	}
	left := map[string]float64{}
	for _, name := range []string{Recommended, "fragmentation-gradient"} {
		p, err := newPacking(name, nodes, pods)
		if err != nil {
			t.Fatal(err)
		}
		f, err := p.run(context.Background(), 42, 1.3)
		if err != nil {
			t.Fatal(err)
		}
		left[name] = f.GPUUnallocated
	}
	if ours, theirs := left[Recommended], left["fragmentation-gradient"]; ours > 5 || ours > theirs-0.5 {
		t.Errorf("%s leaves %.2f %% of the GPUs, fragmentation-gradient %.2f %%", Recommended, ours, theirs)
	}
}
