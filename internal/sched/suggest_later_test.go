package sched_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// lodgers is placed tasks that are known by "tN", and end some time.
type lodgers struct {
	*tenants
	asks map[api.TaskRef]*sched.Ask
	on   map[api.TaskRef]string
	ends map[string][]sched.Ending
}

func newLodgers(nodes ...api.Node) *lodgers {
	c := &lodgers{newTenants(nodes...), map[api.TaskRef]*sched.Ask{}, map[api.TaskRef]string{}, map[string][]sched.Ending{}}
	c.x.Hear(sched.Rumour{
		Endings: func(node string) []sched.Ending { return c.ends[node] },
		Name:    func(ref api.TaskRef) string { return fmt.Sprint("t", ref.Workload) },
	})
	return c
}

// place holds a task where it fits best, until a time; 0 is for ever.
func (c *lodgers) place(a *sched.Ask, until api.Time) {
	ref := api.TaskRef{Workload: uint64(len(c.asks))}
	d, devices := c.x.Decide(ref, a, 0)
	if d.Chosen == nil {
		return
	}
	node := d.Chosen.Node
	c.x.Hold(node, ref, a, devices)
	c.asks[ref], c.on[ref] = a, node
	c.ends[node] = append(c.ends[node], sched.Ending{Ref: ref, Task: a.Task, Devices: devices, Until: until})
}

// suggested returns the suggestion that begins so.
func (c *lodgers) suggested(a *sched.Ask, begins string) (s api.Suggestion, ok bool) {
	for _, s := range c.x.Suggest(a) {
		if strings.HasPrefix(s.Change, begins) {
			return s, true
		}
	}
	return s, false
}

// TestLater: each row places tasks (priority:cores:seconds that it will run) on two
// nodes of 4 cores, and says what one more (priority:cores) is told.
func TestLater(t *testing.T) {
	for name, c := range map[string]struct {
		placed, ask string
		never       bool
		want        []string
	}{
		"an equal is in the way": {"3:4:9 9:4:30", "3:2", false, []string{
			"raise its priority to 4: it would have the place of t0 on n", "wait for the end of t0 on n",
		}},
		"the least of higher priorities": {"7:4:30 9:4:9", "3:2", false, []string{
			"raise its priority to 8: it would have the place of t0 on n", "wait for the end of t1 on n",
		}},
		"several must go": {"5:2:9 5:2:8 9:4:0", "3:4", false, []string{
			"raise its priority to 6: it would have the place of t0 and t1 on n", "wait for 2 ends, the last that of t0 on n",
		}},
		"nobody may be displaced above the highest": {"1000:4:0 1000:4:0", "3:2", false, nil},
		"it would only have to be allowed":          {"1:4:0 1:4:0", "3:2", true, []string{"allow it to displace others (preemption: lower): it would have the place of t"}},
	} {
		t.Run(name, func(t *testing.T) {
			four := func(n *api.Node) { n.Capacity.CPU = 4000 }
			v := newLodgers(node("n1", four), node("n2", four))
			for _, text := range strings.Fields(c.placed) {
				var p int32
				var cpu, s int64
				if _, err := fmt.Sscanf(text, "%d:%d:%d", &p, &cpu, &s); err != nil {
					t.Fatal(err)
				}
				v.place(ranked(p, api.Milli(cpu)), api.Time(s)*api.Time(api.Second))
			}
			var p int32
			var cpu int64
			if _, err := fmt.Sscanf(c.ask, "%d:%d", &p, &cpu); err != nil {
				t.Fatal(err)
			}
			a := ranked(p, api.Milli(cpu))
			a.Displaces = !c.never
			var got []string
			for _, s := range v.x.Suggest(a) {
				if !strings.HasPrefix(s.Change, "request") && !strings.HasPrefix(s.Change, "all of") {
					got = append(got, s.Change)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("told %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("told %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

// TestWhatPriorityItWouldTake: with the priority that is suggested room is made, and
// with no lower one.
func TestWhatPriorityItWouldTake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawLodgers(t)
		a := drawAsk(t)
		if d, _ := c.x.Decide(api.TaskRef{Workload: 99}, a, 0); d.Chosen != nil {
			return
		}
		s, ok := c.suggested(a, "raise its priority to ")
		least := int32(0)
		for p := a.Priority; p < 8 && least == 0; p++ {
			b := *a
			b.Priority = p
			if _, made := c.x.MakeRoom(api.TaskRef{Workload: 99}, &b); made {
				least = p
			}
		}
		if _, mine := c.x.MakeRoom(api.TaskRef{Workload: 99}, a); mine {
			if ok {
				t.Fatalf("%q, and room is made anyway", s.Change)
			}
			return
		}
		if want := fmt.Sprintf("raise its priority to %d:", least); ok != (least > 0) || ok && !strings.HasPrefix(s.Change, want) {
			t.Fatalf("said is %q, want %q", s.Change, want)
		}
	})
}

// TestWaitForThatEnd: when all have ended that are expected to by the time that is
// suggested, the task or its gang fits, and at no earlier end.
func TestWaitForThatEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawLodgers(t)
		a := drawAsk(t)
		a.Gang = rapid.SampledFrom([]int{0, 0, 2, 3}).Draw(t, "gang")
		fits := func(by api.Time) bool {
			y := c.x.Trial()
			for _, node := range []string{"n1", "n2"} {
				for _, e := range c.ends[node] {
					if e.Until > 0 && e.Until <= by {
						y.Release(node, e.Ref, c.asks[e.Ref], e.Devices)
					}
				}
			}
			d, _ := y.Decide(api.TaskRef{Workload: 99}, a, 0)
			return d.Chosen != nil && y.FitsWhole(a)
		}
		if fits(0) {
			return
		}
		s, ok := c.suggested(a, "wait for")
		first := api.Time(0)
		for by := api.Time(1); by < 9 && first == 0; by++ {
			if at := by * api.Time(api.Second); fits(at) {
				first = at
			}
		}
		if ok != (first > 0) || s.At != first {
			t.Fatalf("%q at %v, it fits from %v", s.Change, s.At, first)
		}
		if ok && !strings.HasSuffix(s.Change, fmt.Sprint(", expected in ", api.Duration(first))) {
			t.Fatalf("%q, it fits from %v", s.Change, first)
		}
	})
}

func drawLodgers(t *rapid.T) *lodgers {
	gpus := func(n *api.Node) {
		n.Capacity.CPU = 6000
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: 2000}}
	}
	c := newLodgers(node("n1", gpus), node("n2", gpus))
	for i := range rapid.IntRange(1, 10).Draw(t, "tasks") {
		a := drawAsk(t)
		a.Shape += fmt.Sprint(i)
		if rapid.IntRange(0, 4).Draw(t, "other") == 0 {
			a.Tenant = "other"
		}
		c.place(a, api.Time(rapid.IntRange(0, 7).Draw(t, "until"))*api.Time(api.Second))
	}
	return c
}

func drawAsk(t *rapid.T) *sched.Ask {
	a := ranked(int32(rapid.IntRange(0, 5).Draw(t, "priority")), api.Milli(rapid.IntRange(0, 6).Draw(t, "cpu")))
	if g := rapid.SampledFrom([]api.Milli{0, 0, 500, 1000, 2000}).Draw(t, "gpu"); g > 0 {
		a.Task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: g}}
	}
	if rapid.IntRange(0, 4).Draw(t, "port") == 0 {
		a.Task.Ports = []api.Port{{Name: "p", Port: 80}}
	}
	a.Shape = fmt.Sprintf("%d %d %v %v", a.Priority, a.Task.Resources.CPU, a.Task.Resources.Accelerators, a.Task.Ports)
	return a
}

// TestLowerCount: the count that a gang within a label is told is the largest that is
// seated there, not the largest that the nodes together have room for.
func TestLowerCount(t *testing.T) {
	rack := func(name string) func(*api.Node) {
		return func(n *api.Node) { n.Capacity.CPU, n.Labels = 2000, map[string]string{"rack": name} }
	}
	x := index(node("a1", rack("a")), node("a2", rack("a")), node("a3", rack("a")), node("b1", rack("b")), node("b2", rack("b")))
	a := askOf(api.Task{Resources: api.Resources{CPU: 1000}})
	a.Gang, a.Within = 8, "rack"
	var told []string
	for _, s := range x.Suggest(a) {
		told = append(told, s.Change)
	}
	if !slices.Contains(told, "lower count to 6") {
		t.Errorf("told %q", told)
	}
	for n, want := range map[int]bool{6: true, 7: false} {
		if a.Gang = n; x.FitsWhole(a) != want {
			t.Errorf("%d of them fit: %v", n, !want)
		}
	}
}
