package sched_test

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// tenants are tasks on one node of 8 cores, of which it is known who they are.
type tenants struct {
	x     *sched.Index
	lost  map[api.TaskRef]api.Duration
	stays map[api.TaskRef]bool // may not be stopped
}

func newTenants(nodes ...api.Node) *tenants {
	v := &tenants{x: index(nodes...), lost: map[api.TaskRef]api.Duration{}, stays: map[api.TaskRef]bool{}}
	v.x.Consult(func(ref api.TaskRef) (api.Duration, bool) { return v.lost[ref], !v.stays[ref] })
	return v
}

func ranked(priority int32, cpu api.Milli) *sched.Ask {
	a := askOf(api.Task{Resources: api.Resources{CPU: cpu * 1000}})
	a.Priority, a.Yields, a.Displaces = priority, true, true
	a.Shape = fmt.Sprint(priority, cpu)
	return a
}

// TestMakeRoom: each row places tasks (priority:cores:seconds that they have run) on
// one node of 8 cores, and says who goes for one more.
func TestMakeRoom(t *testing.T) {
	for name, c := range map[string]struct {
		placed string
		ask    string // priority:cores
		leaves string // positions
	}{
		"nobody of equal priority":      {"5:8:0", "5:1", ""},
		"the lowest priority":           {"2:4:0 1:4:9", "5:4", "1"},
		"who loses least":               {"1:4:9 1:4:3", "5:4", "1"},
		"one rather than two":           {"3:4:9 1:2:0 1:2:0", "5:4", "0"},
		"as many as it takes":           {"1:2:0 1:2:0 1:2:0 1:2:0", "5:5", "0 1 2"},
		"the dearest stays":             {"1:3:0 2:3:0 1:2:0", "5:5", "0 2"},
		"not in vain":                   {"1:4:0 9:4:0", "5:5", ""},
		"all but one, of lowest rank":   {"1:4:0 2:4:0", "5:8", "0 1"},
		"what is free counts":           {"1:2:0 1:3:0", "5:6", "1"},
		"the cheapest one that will do": {"1:1:0 2:3:0 3:3:0", "5:4", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newTenants(node("n", func(n *api.Node) { n.Capacity.CPU = 8000 }))
			for i, text := range strings.Fields(c.placed) {
				var p int32
				var cpu, s int64
				if _, err := fmt.Sscanf(text, "%d:%d:%d", &p, &cpu, &s); err != nil {
					t.Fatal(err)
				}
				ref := api.TaskRef{Workload: uint64(i)}
				v.lost[ref] = api.Duration(s) * api.Second
				v.x.Hold("n", ref, ranked(p, api.Milli(cpu)), nil)
			}
			var p int32
			var cpu int64
			if _, err := fmt.Sscanf(c.ask, "%d:%d", &p, &cpu); err != nil {
				t.Fatal(err)
			}
			room, ok := v.x.MakeRoom(api.TaskRef{Workload: 99}, ranked(p, api.Milli(cpu)))
			var who []string
			for _, ref := range room.Victims {
				who = append(who, fmt.Sprint(ref.Workload))
			}
			if got := strings.Join(who, " "); got != c.leaves || ok != (c.leaves != "") {
				t.Errorf("%s go, want %s", got, c.leaves)
			}
		})
	}
}

// TestWhoIsDisplaced: whatever the tasks on a node are, room is made exactly if it can
// be; without those who go the task fits, and without any one of them it does not.
func TestWhoIsDisplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := newTenants(node("n", func(n *api.Node) {
			n.Capacity.CPU = 12_000
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"x"}, Count: 3000}}
		}))
		draw := func(priority int32) *sched.Ask {
			a := ranked(priority, api.Milli(rapid.IntRange(0, 6).Draw(t, "cpu")))
			if g := rapid.SampledFrom([]api.Milli{0, 0, 500, 1000, 2000}).Draw(t, "gpu"); g > 0 {
				a.Task.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: g}}
			}
			if rapid.IntRange(0, 5).Draw(t, "port") == 0 {
				a.Task.Ports = []api.Port{{Name: "p", Port: 80}}
			}
			return a
		}
		type there struct {
			ref     api.TaskRef
			ask     *sched.Ask
			devices []api.DeviceShare
		}
		var all, may []there
		for i := range rapid.IntRange(1, 10).Draw(t, "tasks") {
			a, ref := draw(int32(rapid.IntRange(0, 3).Draw(t, "priority"))), api.TaskRef{Workload: uint64(i)}
			a.Shape = fmt.Sprint(i)
			if rapid.IntRange(0, 4).Draw(t, "other") == 0 {
				a.Tenant = "other"
			}
			d, devices := v.x.Decide(ref, a, 0)
			if d.Chosen == nil {
				continue
			}
			v.x.Hold("n", ref, a, devices)
			v.stays[ref] = rapid.IntRange(0, 5).Draw(t, "stays") == 0
			v.lost[ref] = api.Duration(rapid.IntRange(0, 3).Draw(t, "lost"))
			all = append(all, there{ref, a, devices})
			if a.Tenant == "default" && a.Priority < 2 && !v.stays[ref] {
				may = append(may, all[len(all)-1])
			}
		}
		ask, ref := draw(2), api.TaskRef{Workload: 99}
		if d, _ := v.x.Decide(ref, ask, 0); d.Chosen != nil {
			return
		}
		fits := func(without uint) bool {
			y := v.x.Trial()
			for i, m := range may {
				if without>>i&1 != 0 {
					y.Release("n", m.ref, m.ask, m.devices)
				}
			}
			d, _ := y.Decide(ref, ask, 0)
			return d.Chosen != nil
		}
		room, ok := v.x.MakeRoom(ref, ask)
		if ok != fits(1<<len(may)-1) {
			t.Fatalf("room is made: %v", ok)
		}
		gone := uint(0)
		for _, r := range room.Victims {
			for i, m := range may {
				if m.ref == r {
					gone |= 1 << i
				}
			}
		}
		if !ok {
			return
		}
		if bits.OnesCount(gone) != len(room.Victims) || !fits(gone) {
			t.Fatalf("%v go, and the task does not fit", room.Victims)
		}
		for i := range may {
			if gone>>i&1 != 0 && fits(gone&^(1<<i)) {
				t.Fatalf("%v go, without need of %v", room.Victims, may[i].ref)
			}
			if len(room.Victims) > 1 && fits(1<<i) {
				t.Fatalf("%v go, where %v alone would do", room.Victims, may[i].ref)
			}
		}
	})
}
