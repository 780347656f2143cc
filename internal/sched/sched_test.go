package sched_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

func node(name string, with ...func(*api.Node)) api.Node {
	n := api.Node{
		Name: name, Site: "hq", Layer: api.LayerCloud, Drivers: []string{"noop"}, Speed: 1000,
		Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB, Storage: api.GiB, Bandwidth: 1e9},
	}
	for _, f := range with {
		f(&n)
	}
	return n
}

func index(nodes ...api.Node) *sched.Index {
	x := sched.New()
	for _, n := range nodes {
		x.PutNode(n)
	}
	return x
}

// askOf is for a task with a predicted run of one second.
func askOf(t api.Task) *sched.Ask {
	if t.Driver == "" {
		t.Driver = "noop"
	}
	return &sched.Ask{
		Shape: sched.ShapeOf(&t, "default", 0, "", false), Task: &t, Tenant: "default",
		Profile: &api.Profile{Run: api.Second},
	}
}

func decide(x *sched.Index, a *sched.Ask) api.Decision {
	d, _ := x.Decide(api.TaskRef{Workload: 1}, a, 0)
	return d
}

// TestFilters: each row is a node, a task that it cannot take, and why.
func TestFilters(t *testing.T) {
	gpus := func(n *api.Node) {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 1000}, {Kind: "gpu", Models: []string{"a100"}, Count: 1000}}
	}
	for name, c := range map[string]struct {
		node func(*api.Node)
		task api.Task
		why  string
	}{
		"driver":             {nil, api.Task{Driver: "wasm"}, "driver wasm is missing"},
		"layer":              {nil, api.Task{Requires: api.Requirements{Layers: []api.Layer{"edge", "device"}}}, "layer is not edge or device"},
		"site":               {nil, api.Task{Requires: api.Requirements{Sites: []string{"field"}}}, "site is not field"},
		"residency":          {nil, api.Task{Residency: &api.Residency{Sites: []string{"de", "fr"}}}, "residency: its data may be at de or fr only"},
		"residency, no home": {nil, api.Task{Residency: &api.Residency{Sites: []string{"hq"}}, Outputs: []api.Output{{Name: "out"}}}, "residency: at which site the cell keeps data is not known (drover sites home)"},
		"label missing":      {nil, api.Task{Requires: api.Requirements{Labels: map[string]string{"a": ""}}}, "label is not a="},
		"label differs":      {func(n *api.Node) { n.Labels = map[string]string{"a": "c"} }, api.Task{Requires: api.Requirements{Labels: map[string]string{"a": "b"}}}, "label is not a=b"},
		"affinity":           {nil, api.Task{Requires: api.Requirements{Affinity: []api.Expression{{Key: "a", Op: api.OpExists}}}}, "affinity a exists"},
		"anti-affinity":      {nil, api.Task{Requires: api.Requirements{AntiAffinity: []api.Expression{{Key: "a", Op: api.OpAbsent}}}}, "anti-affinity a absent"},
		"taint":              {func(n *api.Node) { n.Taints = []api.Taint{{Key: "k", Value: "v", Effect: api.NoSchedule}} }, api.Task{Requires: api.Requirements{Tolerations: []api.Toleration{{Key: "k", Value: "w"}}}}, "taint k=v:noSchedule"},
		"cpu":                {nil, api.Task{Resources: api.Resources{CPU: 4001}}, "cpu 4.001 exceeds the whole node"},
		"memory":             {nil, api.Task{Resources: api.Resources{Memory: 9 * api.GiB}}, "memory 9Gi exceeds the whole node"},
		"storage":            {nil, api.Task{Resources: api.Resources{Storage: 2 * api.GiB}}, "storage 2Gi exceeds the whole node"},
		"bandwidth":          {nil, api.Task{Resources: api.Resources{Bandwidth: 2e9}}, "bandwidth 2Gbit exceeds the whole node"},
		"no accelerator":     {nil, api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Count: 500}}}}, "accelerator 500m gpu is missing"},
		"accelerator model":  {gpus, api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Models: []string{"h100", "l4"}, Count: 500}}}}, "accelerator 500m gpu h100|l4 is missing"},
		"devices of two models are not one request": {
			gpus,
			api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Count: 2000}}}},
			"accelerator 2 gpu is missing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := node("n1")
			if c.node != nil {
				c.node(&n)
			}
			x := index(n)
			d := decide(x, askOf(c.task))
			if d.Chosen != nil || len(d.Reasons) != 1 || d.Reasons[0].Reason != c.why {
				t.Fatalf("got %+v, want the reason %q", d.Reasons, c.why)
			}
			task := c.task
			if task.Driver == "" {
				task.Driver = "noop"
			}
			if x.Suits("n1", &task) {
				t.Fatal("the node is said to suit it")
			}
		})
	}
}

func TestMatches(t *testing.T) {
	labels := map[string]string{"zone": "a", "gen": "5", "odd": "x"}
	for text, want := range map[string]bool{
		"zone in a|b": true, "zone in b": false, "none in a": false, "zone notIn b": true, "zone notIn a": false, "none notIn a": true,
		"zone exists": true, "none exists": false, "zone absent": false, "none absent": true,
		"gen above 4": true, "gen above 5": false, "gen below 6": true, "gen below 5": false, "odd above 1": false, "none above 1": false,
		"gen above x": false, "gen like 5": false, "gen above": false,
	} {
		f := strings.Fields(text)
		e := api.Expression{Key: f[0], Op: api.Operator(f[1])}
		if len(f) > 2 {
			e.Values = strings.Split(f[2], "|")
		}
		if got := sched.Matches(labels, &e); got != want {
			t.Errorf("%s: %v", sched.Describe(&e), got)
		}
	}
}

// TestShares: shares go to the fullest device that has room, whole devices to free
// ones of one model, and nothing is promised twice whatever comes and goes.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := index(node("n1", func(n *api.Node) {
			n.Capacity = api.Resources{Accelerators: []api.Accelerator{
				{Kind: "gpu", Models: []string{"t4"}, Count: 3000}, {Kind: "gpu", Models: []string{"a100"}, Count: 2000},
			}}
		}))
		type held struct {
			ask     *sched.Ask
			devices []api.DeviceShare
		}
		var all []held
		used := map[string]api.Milli{}
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(all) > 0 && rapid.Bool().Draw(t, "release") {
				k := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				x.Release("n1", api.TaskRef{}, all[k].ask, all[k].devices)
				for _, d := range all[k].devices {
					used[fmt.Sprint(d.Group, d.Index)] -= d.Share
				}
				all = append(all[:k], all[k+1:]...)
				continue
			}
			want := api.Accelerator{Kind: "gpu", Count: rapid.SampledFrom([]api.Milli{1, 250, 500, 999, 1000, 2000}).Draw(t, "count")}
			a := askOf(api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{want}}})
			d, devices := x.Decide(api.TaskRef{Index: uint32(i)}, a, 0)
			if d.Chosen == nil {
				continue
			}
			sum := api.Milli(0)
			for _, s := range devices {
				at := fmt.Sprint(s.Group, s.Index)
				if used[at] += s.Share; used[at] > 1000 || s.Group != devices[0].Group {
					t.Fatalf("device %s is promised %v; shares %v", at, used[at], devices)
				}
				sum += s.Share
			}
			if sum != want.Count {
				t.Fatalf("asked for %v, got %v", want.Count, devices)
			}
			x.Hold("n1", api.TaskRef{}, a, devices)
			all = append(all, held{a, devices})
		}
	})
}

// TestBestShare: the device with the least room that still has enough.
func TestBestShare(t *testing.T) {
	x := index(node("n1", func(n *api.Node) {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 2000}}
	}))
	take := func(count api.Milli) int32 {
		a := askOf(api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Count: count}}}})
		_, devices := x.Decide(api.TaskRef{}, a, 0)
		x.Hold("n1", api.TaskRef{}, a, devices)
		return devices[0].Index
	}
	if got := []int32{take(300), take(800), take(100), take(600)}; !slices.Equal(got, []int32{0, 1, 1, 0}) {
		t.Fatal(got)
	}
}

// TestDevicesThatVanish: shares of devices that a node loses stay promised when it
// has them again.
func TestDevicesThatVanish(t *testing.T) {
	with := func(count api.Milli) api.Node {
		return node("n1", func(n *api.Node) {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: count}}
		})
	}
	x := index(with(2000))
	both := askOf(api.Task{Resources: api.Resources{Accelerators: []api.Accelerator{{Kind: "gpu", Count: 2000}}}})
	_, devices := x.Decide(api.TaskRef{}, both, 0)
	x.Hold("n1", api.TaskRef{}, both, devices)
	x.PutNode(with(1000))
	x.PutNode(with(2000))
	if d := decide(x, both); d.Chosen != nil {
		t.Fatal("the devices are promised twice")
	}
	x.Release("n1", api.TaskRef{}, both, devices)
	if why := x.Diff(index(with(2000))); why != "" {
		t.Fatal(why)
	}
}

// TestScore: what makes a node better, all else being equal.
func TestScore(t *testing.T) {
	site := func(s string) func(*api.Node) { return func(n *api.Node) { n.Site = s } }
	links := api.Site{Name: "field", Layer: api.LayerEdge, Links: []api.Link{
		{To: "hq", RTT: 10 * api.Millisecond, Bandwidth: 1e9}, {To: "far", RTT: 100 * api.Millisecond, Bandwidth: 1e6},
	}}
	for name, c := range map[string]struct {
		better, worse func(*api.Node)
		ask           func(*sched.Ask)
	}{
		"a quicker node":           {func(n *api.Node) { n.Speed = 2000 }, func(n *api.Node) { n.Speed = 500 }, nil},
		"near the data":            {site("field"), site("hq"), func(a *sched.Ask) { a.Inputs = []sched.Load{{Site: "field", Bytes: api.GiB}} }},
		"over the better link":     {site("hq"), site("far"), func(a *sched.Ask) { a.Inputs = []sched.Load{{Site: "field", Bytes: api.MiB}} }},
		"over a declared link":     {site("hq"), site("unknown"), func(a *sched.Ask) { a.Inputs = []sched.Load{{Site: "field", Bytes: 10 * api.GiB}} }},
		"near home with output":    {site("field"), site("far"), func(a *sched.Ask) { a.Output = api.GiB }},
		"a fuller node":            {func(n *api.Node) { n.Capacity.CPU = 1000 }, func(n *api.Node) { n.Capacity.CPU = 4000 }, func(a *sched.Ask) { a.Objective = api.ObjectiveEnergy }},
		"without a taint to avoid": {nil, func(n *api.Node) { n.Taints = []api.Taint{{Key: "k", Effect: api.Avoid}} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} { // no matter what they are called
				apply := func(name string, f func(*api.Node)) api.Node {
					if f == nil {
						return node(name)
					}
					return node(name, f)
				}
				x := index(apply(names[0], c.better), apply(names[1], c.worse))
				x.PutSite(links)
				x.SetHome("field")
				a := askOf(api.Task{Resources: api.Resources{CPU: 100, Memory: api.MiB}})
				if c.ask != nil {
					c.ask(a)
				}
				if d := decide(x, a); d.Chosen.Node != names[0] || len(d.RunnersUp) != 1 || d.RunnersUp[0].Score >= d.Chosen.Score {
					t.Fatalf("chose %+v before %+v", *d.Chosen, d.RunnersUp)
				}
			}
		})
	}
}

// TestTies: equal nodes share equal tasks, and the same task always goes to the
// same node.
func TestTies(t *testing.T) {
	x := index(node("a"), node("b"), node("c"), node("d"))
	count := map[string]int{}
	for i := range 400 {
		ref := api.TaskRef{Workload: uint64(i)}
		d, _ := x.Decide(ref, askOf(api.Task{}), 0)
		e, _ := index(node("d"), node("c"), node("b"), node("a")).Decide(ref, askOf(api.Task{}), 0)
		if d.Chosen.Node != e.Chosen.Node {
			t.Fatalf("task %d goes to %s or to %s", i, d.Chosen.Node, e.Chosen.Node)
		}
		count[d.Chosen.Node]++
	}
	for name, n := range count {
		if n < 70 || n > 130 {
			t.Errorf("node %s gets %d of 400", name, n)
		}
	}
}

// TestSpread: replicas stand apart while there is another node.
func TestSpread(t *testing.T) {
	x := index(node("a"), node("b"), node("c"))
	seen := map[string]bool{}
	a := askOf(api.Task{Resources: api.Resources{CPU: 100}})
	a.Spread = true
	for i := range uint32(3) {
		ref := api.TaskRef{Workload: 1, Index: i}
		d, _ := x.Decide(ref, a, 0)
		x.Hold(d.Chosen.Node, ref, a, nil)
		seen[d.Chosen.Node] = true
	}
	if len(seen) != 3 {
		t.Fatalf("three replicas stand on %d nodes", len(seen))
	}
}

// TestLinks: a link is what its end with the smaller name says, in whatever order
// the sites were declared, and also when the other end is declared again.
func TestLinks(t *testing.T) {
	a := api.Site{Name: "a", Links: []api.Link{{To: "b", RTT: 1, Bandwidth: 1e9}}}
	b := api.Site{Name: "b", Links: []api.Link{{To: "a", RTT: 2, Bandwidth: 1e6}, {To: "c", RTT: 3, Bandwidth: 1e6}}}
	x, y := sched.New(), sched.New()
	x.PutSite(a)
	x.PutSite(b)
	y.PutSite(b)
	y.PutSite(api.Site{Name: "a"})
	y.PutSite(a)
	if why := x.Diff(y); why != "" {
		t.Fatal(why)
	}
}

// TestShapes: equal shapes mean equal answers of the filters.
func TestShapes(t *testing.T) {
	base := api.Task{Driver: "noop"}
	seen := map[string]string{}
	for name, change := range map[string]func(*api.Task){
		"nothing": func(*api.Task) {}, "cpu": func(t *api.Task) { t.Resources.CPU = 1 }, "memory": func(t *api.Task) { t.Resources.Memory = 1 },
		"port": func(t *api.Task) { t.Ports = []api.Port{{Port: 936}} }, "layer": func(t *api.Task) { t.Requires.Layers = []api.Layer{"edge"} },
		"site": func(t *api.Task) { t.Requires.Sites = []string{"edge"} }, "driver": func(t *api.Task) { t.Driver = "wasm" },
		"gpu":         func(t *api.Task) { t.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 1}} },
		"toleration":  func(t *api.Task) { t.Requires.Tolerations = []api.Toleration{{Key: "k"}} },
		"label":       func(t *api.Task) { t.Requires.Labels = map[string]string{"k": ""} },
		"affinity":    func(t *api.Task) { t.Requires.Affinity = []api.Expression{{Key: "k", Op: api.OpExists}} },
		"anti":        func(t *api.Task) { t.Requires.AntiAffinity = []api.Expression{{Key: "k", Op: api.OpExists}} },
		"two sites":   func(t *api.Task) { t.Requires.Sites = []string{"ed", "ge"} },
		"other split": func(t *api.Task) { t.Requires.Sites = []string{"e", "dge"} },
	} {
		c := base
		change(&c)
		s := sched.ShapeOf(&c, "default", 0, "", false)
		if other := seen[s]; other != "" {
			t.Errorf("%s and %s have the same shape", name, other)
		}
		seen[s] = name
	}
	same := base
	same.Name, same.Env = "other", map[string]string{"A": "b"}
	if seen[sched.ShapeOf(&same, "default", 0, "", false)] != "nothing" {
		t.Error("what no filter reads is part of the shape")
	}
	for name, s := range map[string]string{
		"tenant": sched.ShapeOf(&base, "x", 0, "", false), "priority": sched.ShapeOf(&base, "default", 1, "", false),
		"pin": sched.ShapeOf(&base, "default", 0, "n1", false), "gang": sched.ShapeOf(&base, "default", 0, "", true),
	} {
		if seen[s] != "" {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// TestQueue: priority, then age, then number; a blocked shape waits until a node
// gains room for it, and only then.
func TestQueue(t *testing.T) {
	x := index(node("n1"))
	push := func(w uint64, priority int32, ready api.Time, cpu api.Milli) *sched.Ask {
		task := &api.Task{Driver: "noop", Resources: api.Resources{CPU: cpu}}
		a := &sched.Ask{Shape: sched.ShapeOf(task, "t", priority, "", false), Task: task, Priority: priority, Profile: &api.Profile{}}
		x.Push(sched.Item{Ref: api.TaskRef{Workload: w}, Ready: ready, Ask: a})
		return a
	}
	next := func() uint64 {
		it, ok := x.Next()
		if !ok {
			return 0
		}
		return it.Ref.Workload
	}
	push(1, 0, 5, 100)
	push(2, 0, 3, 200)
	large := push(3, 9, 9, 4000)
	push(4, 0, 3, 100)
	if next() != 3 {
		t.Fatal("the highest priority is not first")
	}
	x.Block(large.Shape)
	for _, want := range []uint64{2, 4, 1, 0} {
		if got := next(); got != want {
			t.Fatalf("next is %d, want %d", got, want)
		}
		x.Drop(api.TaskRef{Workload: want})
	}
	some := askOf(api.Task{Resources: api.Resources{CPU: 1}})
	x.Hold("n1", api.TaskRef{Workload: 7}, some, nil)
	x.Hold("n1", api.TaskRef{Workload: 8}, some, nil)
	x.Release("n1", api.TaskRef{Workload: 7}, some, nil)
	x.Refresh()
	if next() != 0 {
		t.Fatal("a shape was woken that does not fit")
	}
	x.Release("n1", api.TaskRef{Workload: 8}, some, nil)
	x.Refresh()
	if next() != 3 {
		t.Fatal("a shape that fits was not woken")
	}
}

// TestSuggestions: doing what is suggested admits the task; a reduction by one
// unit less does not.
func TestSuggestions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := sched.New()
		for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
			n := drawNode(t, fmt.Sprint("n", i))
			x.PutNode(n)
			if why := rapid.SampledFrom([]string{"", "", "", "silent", "draining"}).Draw(t, "why"); why != "" {
				x.SetOpen(n.Name, false, why)
			}
		}
		x.SetHome(rapid.SampledFrom([]string{"", "s1", "s2", "s3"}).Draw(t, "home"))
		a := askOf(drawTask(t))
		a.Gang = rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(t, "gang")
		if d := decide(x, a); d.Chosen != nil && x.FitsWhole(a) {
			return
		}
		for _, s := range x.Suggest(a) {
			admits(t, x, a, s.Change, true)
			if v, ok := strings.CutPrefix(s.Change, "request "); ok && !strings.Contains(v, ";") {
				admits(t, x, a, s.Change, false)
			}
		}
	})
}

func drawNode(t *rapid.T, name string) api.Node {
	n := node(name, func(n *api.Node) {
		n.Layer = rapid.SampledFrom([]api.Layer{"cloud", "edge"}).Draw(t, "layer")
		n.Site = rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "site")
		n.Labels = map[string]string{"k": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "label")}
		n.Drivers = []string{rapid.SampledFrom([]string{"noop", "wasm"}).Draw(t, "driver")}
		n.Capacity = api.Resources{CPU: api.Milli(rapid.IntRange(0, 5).Draw(t, "cpu")), Memory: api.Bytes(rapid.IntRange(0, 5).Draw(t, "memory"))}
	})
	if rapid.Bool().Draw(t, "tainted") {
		n.Taints = []api.Taint{{Key: "t", Effect: rapid.SampledFrom([]api.Effect{api.NoSchedule, api.Avoid}).Draw(t, "effect")}}
	}
	if rapid.Bool().Draw(t, "gpu") {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "model")}, Count: 2000}}
	}
	return n
}

func drawTask(t *rapid.T) api.Task {
	task := api.Task{Driver: "noop", Resources: api.Resources{CPU: api.Milli(rapid.IntRange(0, 7).Draw(t, "cpu")), Memory: api.Bytes(rapid.IntRange(0, 7).Draw(t, "memory"))}}
	q := &task.Requires
	if rapid.Bool().Draw(t, "layers") {
		q.Layers = []api.Layer{"edge"}
	}
	if rapid.Bool().Draw(t, "sites") {
		q.Sites = []string{"s1"}
	}
	if rapid.IntRange(0, 3).Draw(t, "residency") == 0 {
		task.Residency = &api.Residency{Sites: []string{"s1"}}
		if rapid.Bool().Draw(t, "data") {
			task.Outputs = []api.Output{{Name: "out"}}
		}
	}
	if rapid.Bool().Draw(t, "labels") {
		q.Labels = map[string]string{"k": "a"}
	}
	if rapid.Bool().Draw(t, "accelerator") {
		task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: rapid.SampledFrom([]api.Milli{500, 1000, 3000}).Draw(t, "gpu")}}
	}
	return task
}

// admits does what a suggestion says, on a copy, and checks that the task, or its
// gang, is then admitted; with full false a reduction is made one unit smaller
// and must not admit it.
func admits(t *rapid.T, x *sched.Index, a *sched.Ask, change string, full bool) {
	y, b := x.Trial(), *a
	task := *a.Task
	b.Task, b.Shape = &task, "changed"
	list := change
	if on, rest, ok := strings.Cut(strings.TrimPrefix(change, "all of these together, for node "), ": "); ok && strings.HasPrefix(change, "all of") {
		list = rest
		for _, c := range strings.Split(rest, "; ") {
			if strings.HasPrefix(c, "bring the node back") {
				y.SetOpen(on, true, "")
			}
		}
	}
	for _, c := range strings.Split(list, "; ") {
		do(t, y, &b, &task, c, full)
	}
	d := decide(y, &b)
	if got := d.Chosen != nil && y.FitsWhole(&b); got != full {
		t.Fatalf("%q (as it says: %v) admits it: %v; %+v", change, full, got, d.Reasons)
	}
}

func do(t *rapid.T, y *sched.Index, b *sched.Ask, task *api.Task, change string, full bool) {
	f := strings.Fields(change)
	switch {
	case strings.HasPrefix(change, "allow layers"), strings.HasPrefix(change, "allow the layer"):
		task.Requires.Layers = nil
	case strings.HasPrefix(change, "allow sites"), strings.HasPrefix(change, "allow the site"):
		task.Requires.Sites = nil
	case strings.HasPrefix(change, "allow its data at site"):
		task.Residency = &api.Residency{Sites: append(slices.Clone(task.Residency.Sites), f[5])}
	case strings.HasPrefix(change, "say at which site the cell keeps data"):
		y.SetHome(task.Residency.Sites[0])
	case strings.HasPrefix(change, "drop the label"):
		task.Requires.Labels = nil
	case strings.HasPrefix(change, "drop the accelerator"):
		task.Resources.Accelerators = nil
	case strings.HasPrefix(change, "allow any model"):
		list := append([]api.Accelerator(nil), task.Resources.Accelerators...)
		list[0].Models = nil
		task.Resources.Accelerators = list
	case strings.HasPrefix(change, "tolerate"):
		task.Requires.Tolerations = []api.Toleration{{Key: "t"}}
	case strings.HasPrefix(change, "bring the silent"):
		y.Reopen("silent")
	case strings.HasPrefix(change, "stop draining"):
		y.Reopen("draining")
	case strings.HasPrefix(change, "bring the node back"):
	case strings.HasPrefix(change, "offer the driver"):
		y.Offer(task.Driver)
	case strings.HasPrefix(change, "lower count to"):
		if _, err := fmt.Sscan(f[3], &b.Gang); err != nil {
			t.Fatal(err)
		}
	case strings.HasPrefix(change, "request"):
		reduce(t, task, f[3], strings.Trim(f[4], "()"), full)
	default:
		t.Fatalf("the test does not know how to %s", change)
	}
}

func reduce(t *rapid.T, task *api.Task, what, to string, full bool) {
	more := int64(1)
	if full {
		more = 0
	}
	switch what {
	case "cpu":
		v, err := api.ParseMilli(to)
		if err != nil {
			t.Fatal(err)
		}
		task.Resources.CPU = v + api.Milli(more)
	case "memory":
		v, err := api.ParseBytes(to)
		if err != nil {
			t.Fatal(err)
		}
		task.Resources.Memory = v + api.Bytes(more)
	}
}

// FuzzEstimate: whatever the numbers are, times are neither negative nor do they
// overflow, and more data never arrive earlier.
func FuzzEstimate(f *testing.F) {
	f.Add(int64(1), int64(1), int64(1000), int64(1000), int64(1000))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add(int64(math.MinInt64), int64(0), int64(math.MinInt64), int64(-1), int64(1))
	f.Add(int64(1<<59), int64(3), int64(0), int64(1<<50), int64(1_000_000))
	f.Fuzz(func(t *testing.T, bytes, rate, rtt, run, speed int64) {
		x := index(node("n1", func(n *api.Node) { n.Speed = api.Milli(speed) }))
		x.PutSite(api.Site{Name: "field", Links: []api.Link{{To: "hq", RTT: api.Duration(rtt), Bandwidth: api.Rate(rate)}}})
		x.SetHome("field")
		expect := func(n int64) api.Decision {
			a := askOf(api.Task{})
			a.Profile.Run = api.Duration(run)
			a.Inputs = []sched.Load{{Site: "field", Bytes: api.Bytes(n)}, {Site: "elsewhere", Bytes: api.Bytes(n)}}
			a.Output = api.Bytes(n)
			return decide(x, a)
		}
		d, less := expect(bytes), expect(bytes/2)
		if d.Transfer < 0 || d.Return < 0 || d.Transfer < less.Transfer || d.Return < less.Return {
			t.Fatalf("%d bytes: transfer %d, return %d; half: %d and %d", bytes, d.Transfer, d.Return, less.Transfer, less.Return)
		}
		if run >= 0 && d.Run < 0 {
			t.Fatalf("a run of %d at speed %d takes %d", run, speed, d.Run)
		}
		if s := d.Chosen.Score; s < -100_000 || s > 100_000 || run >= 0 && s < less.Chosen.Score-100_000 {
			t.Fatalf("score %d", s)
		}
	})
}
