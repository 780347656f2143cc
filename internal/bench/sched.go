package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// SchedOptions says what Sched measures.
type SchedOptions struct {
	Nodes  int    // 1 to 200,000
	Tasks  int    // decisions, 1 to 1,000,000
	Shapes int    // different requests, 1 to 100,000; default 150
	Case   string // one of SchedCases
	Naive  bool   // score every node instead of searching in order
	// Pending is how many tasks wait beside, the elements of 1,000 jobs for which there is never
	// room; 0 to 1,000,000.
	Pending int
}

// SchedReport is what Sched measured. Only decisions are in it, on one core: no
// journal, no network.
type SchedReport struct {
	Nodes               int     `json:"nodes"`
	Tasks               int     `json:"tasks"`
	Shapes              int     `json:"shapes"`
	Case                string  `json:"case"`
	Pending             int     `json:"pending,omitempty"`
	PlacementsPerSecond float64 `json:"placementsPerSecond"`
	P50Us               float64 `json:"p50Us"`
	P99Us               float64 `json:"p99Us"`
	BytesPerNode        float64 `json:"bytesPerNode"` // of the index, tasks included
}

// schedSites is how many sites the nodes and the inputs of tasks are spread over.
const schedSites = 5

// stepTasks is how many decisions are made in a Step.
const stepTasks = 100

// Sched fills a cell to 70 % of its cpu with tasks of many shapes, and then lets
// one task come for each that leaves. Each decision weighs latency (by where the
// task's own input lies), packing and taints, and is recorded with its runners-up
// and reasons, as in production.
func Sched(ctx context.Context, o SchedOptions) (r SchedReport, err error) {
	if o.Shapes == 0 {
		o.Shapes = 150
	}
	if o.Nodes < 1 || o.Nodes > 200_000 || o.Tasks < 1 || o.Tasks > 1_000_000 || o.Shapes < 1 || o.Shapes > 100_000 {
		return r, fmt.Errorf("%d nodes, %d tasks, %d shapes: it is up to 200000, 1000000 and 100000", o.Nodes, o.Tasks, o.Shapes)
	}
	if o.Pending < 0 || o.Pending > 1_000_000 {
		return r, fmt.Errorf("%d pending tasks: it is up to 1000000", o.Pending)
	}
	if !slices.Contains(SchedCases(), o.Case) {
		return r, fmt.Errorf("there is no case %q: choose one of %v", o.Case, SchedCases())
	}
	before := heap()
	s := newSchedLoad(o)
	if err := s.fill(ctx); err != nil {
		return r, err
	}
	s.wait(o.Pending)
	if o.Case == preempt {
		s.cram()
	}
	times := make([]time.Duration, 0, o.Tasks)
	for len(times) < o.Tasks {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		n := min(stepTasks, o.Tasks-len(times))
		if o.Case == preempt {
			s.displace(&times, n)
			continue
		}
		s.step(&times, n)
	}
	r = SchedReport{Nodes: o.Nodes, Tasks: len(times), Shapes: len(s.asks), Case: o.Case, Pending: o.Pending}
	r.BytesPerNode = float64(heap()-before) / float64(o.Nodes)
	var sum time.Duration
	for _, d := range times {
		sum += d
	}
	slices.Sort(times)
	r.PlacementsPerSecond = float64(len(times)) / sum.Seconds()
	r.P50Us = float64(times[len(times)/2].Nanoseconds()) / 1000
	r.P99Us = float64(times[len(times)*99/100].Nanoseconds()) / 1000
	runtime.KeepAlive(s)
	return r, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// schedLoad is an index with the tasks that come and go.
type schedLoad struct {
	x              *sched.Index
	naive          bool
	random         *rand.Rand
	asks           []*sched.Ask
	held           []heldTask
	at             map[api.TaskRef]int // positions in held
	used, capacity api.Milli
	full           api.Milli // from here on one leaves for each that comes
	next           uint64    // workload
	urgent         []*sched.Ask
	present        *sched.Ask // of the workload that comes now
	left           uint64     // of its elements
	crowds         map[string]map[uint32]string
	steps          int
}

type heldTask struct {
	ref     api.TaskRef
	ask     *sched.Ask
	node    string
	devices []api.DeviceShare
}

func newSchedLoad(o SchedOptions) *schedLoad {
	s := &schedLoad{x: sched.New(), random: rand.New(rand.NewPCG(1, 2)), naive: o.Naive, at: map[api.TaskRef]int{}, crowds: map[string]map[uint32]string{}}
	s.x.Count(s.census)
	for i := range o.Nodes {
		n := schedNode(i)
		s.x.PutNode(n)
		s.capacity += n.Capacity.CPU
	}
	for i := range o.Shapes {
		s.asks = append(s.asks, schedAsk(s.random, i, o.Case))
		s.urgent = append(s.urgent, urgent(s.asks[i]))
	}
	s.x.Consult(func(ref api.TaskRef) (api.Duration, bool) { return api.Duration(s.next - ref.Workload), true })
	return s
}

// schedNode is one of 15 kinds like those of the openb cluster: 32 to 128 cores,
// 128 GiB to 1 TiB, none to eight GPUs of six models.
func schedNode(i int) api.Node {
	kind := i % 15
	n := api.Node{
		Name: fmt.Sprintf("node-%06d", i), Site: fmt.Sprint("site-", i/15%schedSites), Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
		Labels: map[string]string{"zone": fmt.Sprint("z", i%7), "kind": fmt.Sprint("k", kind)},
		Capacity: api.Resources{
			CPU: []api.Milli{32_000, 64_000, 96_000, 128_000, 104_000}[kind%5], Memory: []api.Bytes{128, 256, 384, 512, 1024}[kind/3] * api.GiB,
		},
	}
	if gpus := []api.Milli{0, 2, 4, 8, 0, 1}[kind%6]; gpus > 0 {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{[]string{"T4", "P100", "V100", "A10", "G2", "G3"}[kind%6]}, Count: gpus * 1000}}
	}
	if kind == 7 {
		n.Taints = []api.Taint{{Key: "old", Effect: api.Avoid}}
	}
	return n
}

// schedAsk is a request like those of the openb pods; all differ.
func schedAsk(random *rand.Rand, i int, what string) *sched.Ask {
	t := &api.Task{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{
		CPU: []api.Milli{4000, 500, 1000, 2000, 6000, 8000, 12_000, 16_000}[i%8] + api.Milli(i/8), Memory: []api.Bytes{1, 2, 4, 8, 16, 32}[random.IntN(6)] * api.GiB,
	}}
	if i%4 == 3 {
		t.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: []api.Milli{250, 460, 500, 1000}[random.IntN(4)]}}
	}
	a := &sched.Ask{Task: t, Tenant: "default", Profile: &api.Profile{Run: api.Second}}
	wants(random, i, what, a)
	a.Shape = sched.ShapeOf(t, "default", 0, "", a.Gang > 0)
	a.Static = a.Shape
	return a
}

// place decides and holds one task, or the next of a gang or service, and notes
// the time. It reports whether it fitted.
func (s *schedLoad) place(times *[]time.Duration) bool {
	if s.steps++; times == nil && s.steps%stepTasks == 0 {
		s.x.Rest()
	}
	if s.left == 0 {
		s.next++
		if a := s.asks[s.random.Uint64()%uint64(len(s.asks))]; grouped(a) {
			s.left, s.present = groupSize, named(a, s.next)
		} else {
			s.left, s.present = 1, a
		}
	}
	s.left--
	a := s.present
	a.Inputs = []sched.Load{{Site: fmt.Sprint("site-", s.random.IntN(schedSites)), Bytes: api.MiB}}
	ref := api.TaskRef{Workload: s.next, Index: uint32(s.left)}
	start := time.Now()
	if !s.naive && times == nil {
		s.x.Refresh()
	}
	d, devices := s.x.Decide(ref, a, 0)
	if d.Chosen != nil {
		s.x.Hold(d.Chosen.Node, ref, a, devices)
	}
	if times != nil {
		*times = append(*times, time.Since(start))
	}
	if d.Chosen == nil {
		return false
	}
	s.at[ref] = len(s.held)
	s.held = append(s.held, heldTask{ref, a, d.Chosen.Node, devices})
	s.join(&s.held[len(s.held)-1])
	s.used += a.Task.Resources.CPU
	return true
}

// step lets some tasks leave and as many come, in one Step, as the engine does it:
// what begins a Step counts with its first decision.
func (s *schedLoad) step(times *[]time.Duration, n int) {
	for range n {
		s.leave()
	}
	start := time.Now()
	if !s.naive {
		s.x.Refresh()
	}
	took := time.Since(start)
	first := len(*times)
	for range n {
		s.place(times)
	}
	(*times)[first] += took
	s.x.Rest()
}

// fill lets tasks come until 70 % of the cpu are used, or one does not fit.
func (s *schedLoad) fill(ctx context.Context) error {
	s.full = s.capacity * 7 / 10
	for s.used < s.full && ctx.Err() == nil {
		if !s.place(nil) {
			s.full = s.used
		}
	}
	s.x.Rest()
	return ctx.Err()
}

// wait lets tasks queue up that no node has room for: the elements of 1,000 jobs.
func (s *schedLoad) wait(tasks int) {
	const jobs = 1000
	asks := make([]*sched.Ask, min(jobs, tasks))
	for kind := range asks {
		t := &api.Task{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{
			CPU: 200_000 + api.Milli(kind), Memory: api.GiB,
		}}
		asks[kind] = &sched.Ask{Task: t, Tenant: "default", Profile: &api.Profile{Run: api.Second}, Shape: fmt.Sprint("large ", kind)}
		asks[kind].Static = asks[kind].Shape
	}
	for i := range tasks {
		s.x.Push(sched.Item{Ref: api.TaskRef{Workload: 1<<40 + uint64(i%jobs), Index: uint32(i / jobs)}, Ask: asks[i%jobs]})
	}
	for _, a := range asks {
		s.x.Block(a.Shape)
	}
}

// leave ends a random task.
func (s *schedLoad) leave() {
	if len(s.held) == 0 || s.used < s.full {
		return
	}
	s.drop(s.random.IntN(len(s.held)))
}

// drop ends the task at a position.
func (s *schedLoad) drop(i int) {
	h := s.held[i]
	last := &s.held[len(s.held)-1]
	s.held[i], s.at[last.ref] = *last, i
	delete(s.at, h.ref)
	s.held = s.held[:len(s.held)-1]
	s.used -= h.ask.Task.Resources.CPU
	s.part(&h)
	s.x.Release(h.node, h.ref, h.ask, h.devices)
}
