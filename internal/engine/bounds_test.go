package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// maxEvents is what the events of one Step may take in the journal; maxRecord is
// what a record with its inputs may.
const (
	maxEvents = 512 << 10
	maxRecord = journal.MaxRecord - 16<<10
)

// bulk steps an engine until nothing is left, and checks the size of every batch.
type bulk struct {
	t      *testing.T
	e      *engine.Engine
	now    api.Time
	steps  int
	placed []given
}

func newBulk(t *testing.T, nodes ...api.Node) *bulk {
	b := &bulk{t: t, e: engine.New(state.New()), now: start}
	for _, n := range nodes {
		b.step(&engine.Register{Node: n})
	}
	return b
}

func (b *bulk) step(in ...engine.Input) (answers []state.Answer) {
	b.t.Helper()
	b.now = b.now.Add(api.Second)
	for b.steps = 1; ; b.steps++ {
		out, err := b.e.Step(b.now, in)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := engine.Check(b.e, out); err != nil {
			b.t.Fatal(err)
		}
		size := len(eventBytes(b.t, out.Events))
		estimate := 0
		for _, ev := range out.Events {
			estimate += engine.EventSize(ev)
		}
		if size > maxEvents || size > estimate+8 {
			b.t.Fatalf("the events of a step take %d bytes, estimated as %d; at most %d are allowed", size, estimate, maxEvents)
		}
		for _, raw := range encodeAll(b.t, in) {
			size += len(raw)
		}
		if size > maxRecord {
			b.t.Fatalf("a record takes %d bytes; at most %d are allowed", size, maxRecord)
		}
		b.placed = append(b.placed, placedIn(out.Events)...)
		answers, in = append(answers, out.Answers...), nil
		if !out.More {
			return answers
		}
	}
}

func (b *bulk) check() {
	b.t.Helper()
	if err := engine.CheckState(b.e.State()); err != nil {
		b.t.Fatal(err)
	}
}

func bigNode(name string) api.Node { return nodeOf(name, 1_000_000) }

func jobOf(name string, count int32, with ...func(*api.Workload)) *api.Workload {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: name,
		Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: count}},
	}
	for _, f := range with {
		f(w)
	}
	w.Normalize()
	return w
}

func submit(w *api.Workload) *engine.Submit { return &engine.Submit{Workload: w} }

func TestLargeArray(t *testing.T) {
	b := newBulk(t, bigNode("n1"))
	b.step(submit(jobOf("array", 30_000)))
	if len(b.placed) != 30_000 || b.steps < 10 {
		t.Fatalf("%d placed in %d steps", len(b.placed), b.steps)
	}
	b.check()
	b.step(&engine.Cancel{Tenant: "default", Name: "array"})
	b.step(&engine.Silent{Node: "n1"})
	b.check()
	if w := b.e.State().Workloads[1]; w.Status != api.WorkloadCancelled {
		t.Fatalf("the array is %v", w.Status)
	}
}

func TestLargestArrayThatWaits(t *testing.T) {
	b := newBulk(t)
	b.step(submit(jobOf("array", api.MaxArray)))
	b.step(&engine.Cancel{Tenant: "default", Name: "array"})
	if w := b.e.State().Workloads[1]; w.Status != api.WorkloadCancelled || w.Counts.Cancelled != api.MaxArray {
		t.Fatalf("the array is %v: %+v", w.Status, w.Counts)
	}
}

func TestSilentNodeWithManyTasks(t *testing.T) {
	b := newBulk(t, bigNode("n1"))
	b.step(submit(jobOf("array", 5000)))
	b.step(&engine.Register{Node: bigNode("n2")})
	b.placed = nil
	b.step(&engine.Silent{Node: "n1"})
	if len(b.placed) != 5000 {
		t.Fatalf("%d of 5000 were placed again", len(b.placed))
	}
	b.check()
}

func TestEvictionOfManyTasks(t *testing.T) {
	for name, evict := range map[string]func() engine.Input{
		"noExecute": func() engine.Input {
			n := bigNode("n1")
			n.Taints = []api.Taint{{Key: strings.Repeat("k", 60), Effect: api.NoExecute}}
			return &engine.Register{Node: n}
		},
		"drain": func() engine.Input { return &engine.Drain{Node: "n1"} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBulk(t, bigNode("n1"))
			b.step(submit(jobOf("array", 20_000)))
			b.step(evict())
			for _, task := range b.e.State().Workloads[1].Groups[0].Tasks {
				if task.Stop != state.StopMove {
					t.Fatalf("element %d is not asked to leave", task.Ref.Index)
				}
			}
		})
	}
}

func TestServiceScaledFarUpAndDown(t *testing.T) {
	service := func(replicas int32) *engine.Submit {
		return submit(jobOf("web", 1, func(w *api.Workload) {
			w.Kind, w.Replicas, w.Update = api.KindService, replicas, &api.Update{MaxSurge: 1, MinHealthy: 1, ProgressDeadline: api.Minute}
		}))
	}
	b := newBulk(t, bigNode("n1"))
	b.step(service(1))
	b.step(service(10_000))
	if len(b.placed) != 10_000 {
		t.Fatalf("%d replicas were placed", len(b.placed))
	}
	none := service(1)
	none.Workload.Replicas = 0
	b.step(none)
	for _, task := range b.e.State().Workloads[1].Groups[0].Tasks {
		if task.Stop != state.StopRemove {
			t.Fatalf("replica %d stays", task.Ref.Index)
		}
	}
	var reports []api.Report
	for i, g := range b.placed {
		reports = append(reports, api.Report{Attempt: g.at, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeStopped}})
		if len(reports) == 1000 || i == len(b.placed)-1 {
			b.step(&engine.Reports{Node: "n1", Reports: reports})
			reports = nil
		}
	}
	if n := len(b.e.State().Workloads[1].Groups[0].Tasks); n != 0 {
		t.Fatalf("%d replicas are left", n)
	}
	b.check()
}

// TestManySubmissions gathers batches by SizeOf, as a shell does.
func TestManySubmissions(t *testing.T) {
	const total, half = 4096, 256 << 10
	b := newBulk(t, bigNode("n1"))
	var in []engine.Input
	size, sent := 0, 0
	flush := func() {
		for _, a := range b.step(in...) {
			if a.Code != state.CodeOK {
				t.Fatalf("%+v", a)
			}
		}
		sent += len(in)
		in, size = nil, 0
	}
	for i := range total {
		s := submit(jobOf(fmt.Sprint("job-", i), 1))
		s.Key, s.Principal = fmt.Sprint("key-", i), "somebody"
		if size += engine.SizeOf(s); size > half && len(in) > 0 {
			flush()
			size = engine.SizeOf(s)
		}
		in = append(in, s)
	}
	flush()
	if sent != total || len(b.placed) != total {
		t.Fatalf("%d sent, %d placed", sent, len(b.placed))
	}
}

// TestTooManySubmissions: whatever a shell does, a record stays within its bounds;
// what does not fit is refused, forgotten, and may be tried again.
func TestTooManySubmissions(t *testing.T) {
	e := engine.New(state.New())
	in := make([]engine.Input, 4096)
	for i := range in {
		s := submit(jobOf(fmt.Sprint("job-", i), 1))
		s.Key = fmt.Sprint("key-", i)
		in[i] = s
	}
	out, err := e.Step(start, in)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(eventBytes(t, out.Events)); n > maxEvents+maxEvents/4 {
		t.Fatalf("the events take %d bytes", n)
	}
	busy := 0
	for i, a := range out.Answers {
		if a.Code != state.CodeBusy {
			continue
		}
		busy++
		if _, known := e.State().Keys[fmt.Sprint("\x00key-", i)]; known {
			t.Fatal("a refusal for lack of room is remembered")
		}
	}
	if busy == 0 || busy == len(in) {
		t.Fatalf("%d of %d were refused", busy, len(in))
	}
}

func TestLargestGang(t *testing.T) {
	long := strings.Repeat("x", 60)
	b := newBulk(t, bigNode(long+"a"), bigNode(long+"b"), bigNode(long+"c"), bigNode(long+"d"))
	b.step(submit(jobOf("crew", engine.MaxGang, func(w *api.Workload) { w.Gang = true })))
	if len(b.placed) != engine.MaxGang {
		t.Fatalf("%d were placed", len(b.placed))
	}
}

// TestHostileReports: an agent can neither break the cell nor make its journal
// grow beyond what it sends, nor reach other nodes' tasks.
func TestHostileReports(t *testing.T) {
	huge := strings.Repeat("\xff", 1<<20)
	b := newBulk(t, bigNode("n1"), bigNode("n2"))
	job := jobOf("job", 1, func(w *api.Workload) {
		w.Tasks[0].Outputs = []api.Output{{Name: "out", Stdout: true}}
		w.Tasks[0].Ports = []api.Port{{Name: "web"}}
	})
	b.step(submit(job))
	at, node := b.placed[0].at, b.placed[0].node
	other := map[string]string{"n1": "n2", "n2": "n1"}[node]
	outputs := make([]api.Value, 1_000_000)
	outputs[999_999] = api.Value{Name: "out", File: "../../etc/passwd", Size: -5, Inline: make([]byte, 1<<20), Digest: api.Digest(huge)}
	final := &api.Result{Outcome: 200, Reason: huge, Detail: huge, Signal: huge, Wall: -1, MaxRSS: -1, Outputs: outputs}
	good := &api.Result{}
	for _, r := range []*engine.Reports{
		{Node: other, Reports: []api.Report{{Attempt: at, N: 1, Kind: api.ReportEnded, Result: good}}},
		{Node: "", Reports: []api.Report{{Attempt: api.Attempt{TaskRef: at.TaskRef}, N: 1, Kind: api.ReportEnded, Result: good}}},
		{Node: "nobody", Reports: []api.Report{{Attempt: at, N: 1, Kind: api.ReportEnded, Result: good}}},
		{Node: node, Reports: []api.Report{
			{Attempt: api.Attempt{TaskRef: at.TaskRef}, N: 1, Kind: api.ReportEnded, Result: good},
			{Attempt: api.Attempt{TaskRef: at.TaskRef, Try: 7}, N: 1, Kind: api.ReportEnded, Result: good},
			{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1 << 63, Task: 65535, Index: 1 << 31}, Try: 1}, N: 1, Kind: api.ReportEnded, Result: good},
			{Attempt: at, N: 0, Kind: api.ReportEnded, Result: good},
			{Attempt: at, N: 1, Kind: api.ReportEnded},
			{Attempt: at, N: 1, Kind: 99, Result: good},
		}},
	} {
		b.step(r)
	}
	_, task := b.e.State().Task(at.TaskRef)
	if task.Status != api.TaskPlaced {
		t.Fatalf("a lie made the task %v", task.Status)
	}
	ports := make([]api.Port, 100_000)
	ports[5] = api.Port{Name: "web", Port: 1234}
	small := 8 << 10
	for _, r := range []api.Report{
		{Attempt: at, N: 1<<32 - 1, Kind: api.ReportStarted, Ports: ports, Detail: huge},
		{Attempt: at, N: 1, Kind: api.ReportEnded, Result: final, Detail: huge},
	} {
		out, err := b.e.Step(b.now, []engine.Input{&engine.Reports{Node: node, Reports: []api.Report{r}}})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(eventBytes(t, out.Events)); n > small || len(out.Events) == 0 {
			t.Fatalf("%d events of %d bytes follow from a report", len(out.Events), n)
		}
	}
	if task.Status != api.TaskBackoff || len(task.Ports) != 1 || task.Result.Wall < 0 {
		t.Fatalf("the task is %v with ports %v and %+v", task.Status, task.Ports, task.Result)
	}
	if out := task.Result.Outputs; len(out) != 1 || out[0].File != "" || out[0].Size < 0 || len(out[0].Inline) > 0 {
		t.Fatalf("outputs are %+v", out)
	}
}
