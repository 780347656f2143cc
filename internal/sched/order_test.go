package sched_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// entry is one waiting task of a tenant; n numbers it.
func entry(n int, with func(*sched.Item)) sched.Item {
	it := sched.Item{
		Ref: api.TaskRef{Workload: uint64(n)}, Ready: api.Time(n) * api.Time(api.Second), Run: api.Minute, RunHigh: 2 * api.Minute,
		Class: api.ClassCompute, Ask: &sched.Ask{Task: &api.Task{Driver: "noop"}, Tenant: "default", Profile: &api.Profile{}},
	}
	with(&it)
	it.Ask.Shape = fmt.Sprintf("%s %d %v", it.Ask.Tenant, it.Ask.Priority, it.Ask.Task.Resources)
	return it
}

// TestOrders: in which order five tasks are tried that came one after the other, a
// second apart. b is of the highest priority, c is the shortest, d must end soon, e
// somebody waits for.
func TestOrders(t *testing.T) {
	items := []sched.Item{
		entry(1, func(*sched.Item) {}),
		entry(2, func(it *sched.Item) { it.Ask.Priority = 10 }),
		entry(3, func(it *sched.Item) { it.Run = api.Second }),
		entry(4, func(it *sched.Item) { it.Due = api.Time(4 * api.Minute) }),
		entry(5, func(it *sched.Item) { it.Class = api.ClassLatency }),
	}
	for name, want := range map[string]string{
		"fifo":           "a b c d e",
		"backfill":       "a b c d e",
		"fixed-priority": "b a c d e",
		"shortest-first": "c a b d e",
		"deadline":       "d b a c e",
		// e has waited long enough in 5 s, d must start within 2 min, b counts as
		// 10 s older than it is.
		"dynamic-priority": "e d b a c",
		"fair-share":       "b a c d e",
	} {
		t.Run(name, func(t *testing.T) {
			x := index(node("n"))
			x.Use(name, nil, nil)
			for _, it := range items {
				x.Push(it)
			}
			var got []string
			for it, ok := x.Next(); ok; it, ok = x.Next() {
				got = append(got, string(rune('a'+it.Ref.Workload-1)))
				x.Drop(it.Ref)
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("tried in the order %s, want %s", s, want)
			}
		})
	}
}

// claimant is a tenant with equal tasks that wait.
type claimant struct {
	name   string
	weight int64
	quota  int64 // in cpu; 0 is none
	need   [2]int64
	wait   int
	got    int
}

// TestFairShareFillsProgressively: what fair share gives each tenant is what
// progressive filling gives by exact arithmetic: one task at a time to the tenant
// with the least dominant share by its weight, those within their quota first, until
// nothing more fits (Ghodsi et al., 2011, section 4.1).
func TestFairShareFillsProgressively(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := [2]int64{rapid.Int64Range(1, 40).Draw(t, "cpu"), rapid.Int64Range(1, 40).Draw(t, "memory")}
		x := index(node("n", func(n *api.Node) { n.Capacity = resources(have) }))
		var list []*claimant
		tenants := map[string]*api.Tenant{}
		for i := range rapid.IntRange(1, 4).Draw(t, "tenants") {
			c := &claimant{
				name: fmt.Sprint("t", i), weight: rapid.Int64Range(1, 3).Draw(t, "weight"), wait: rapid.IntRange(0, 30).Draw(t, "tasks"),
				need: [2]int64{rapid.Int64Range(0, 5).Draw(t, "cpu"), rapid.Int64Range(1, 5).Draw(t, "memory")},
			}
			tenant := &api.Tenant{Name: c.name, Weight: int32(c.weight)}
			if rapid.Bool().Draw(t, "quota") {
				c.quota = rapid.Int64Range(1, 20).Draw(t, "quota cpu")
				tenant.Quota = &api.Resources{CPU: api.Milli(c.quota)}
			}
			tenants[c.name], list = tenant, append(list, c)
		}
		x.Use("fair-share", nil, tenants)
		for i, c := range list {
			for k := range c.wait {
				x.Push(entry(1+i*100+k, func(it *sched.Item) {
					it.Ask.Tenant, it.Ask.Task.Resources = c.name, resources(c.need)
				}))
			}
		}
		got := drain(x)
		progressive(list, have)
		for _, c := range list {
			if got[c.name] != c.got {
				t.Fatalf("%+v gets %d tasks under fair share, %d by progressive filling of %v", *c, got[c.name], c.got, have)
			}
		}
	})
}

func resources(v [2]int64) api.Resources {
	return api.Resources{CPU: api.Milli(v[0]), Memory: api.Bytes(v[1]) * api.KiB}
}

// drain places what fits, in the order of the queue, and counts by tenant.
func drain(x *sched.Index) map[string]int {
	got := map[string]int{}
	x.Refresh()
	for it, ok := x.Next(); ok; it, ok = x.Next() {
		d, devices := x.Decide(it.Ref, it.Ask, 0)
		if d.Chosen == nil {
			x.Block(it.Ask.Shape)
			continue
		}
		got[it.Ask.Tenant]++
		x.Hold(d.Chosen.Node, it.Ref, it.Ask, devices)
		x.Drop(it.Ref)
	}
	return got
}

// progressive fills by the book, with fractions.
func progressive(list []*claimant, have [2]int64) {
	left := have
	for {
		var next *claimant
		for _, c := range list {
			if c.got < c.wait && c.need[0] <= left[0] && c.need[1] <= left[1] && (next == nil || c.goesBefore(next, have)) {
				next = c
			}
		}
		if next == nil {
			return
		}
		next.got++
		left[0], left[1] = left[0]-next.need[0], left[1]-next.need[1]
	}
}

func (c *claimant) goesBefore(o *claimant, have [2]int64) bool {
	if c.borrows() != o.borrows() {
		return o.borrows()
	}
	return c.share(have).Cmp(o.share(have)) < 0 // among equals the older, which stands first
}

// borrows reports whether the next task would exceed the quota.
func (c *claimant) borrows() bool { return c.quota == 0 || c.need[0]*int64(c.got+1) > c.quota }

func (c *claimant) share(have [2]int64) *big.Rat {
	most := new(big.Rat)
	for i := range have {
		if s := big.NewRat(c.need[i]*int64(c.got), have[i]*c.weight); s.Cmp(most) > 0 {
			most = s
		}
	}
	return most
}

// TestFairShareStarvesNobody: a tenant that comes late is served before those that
// hold much, and what is freed goes to it until the shares are equal.
func TestFairShareStarvesNobody(t *testing.T) {
	x := index(node("n"))
	x.Use("fair-share", nil, nil)
	push := func(tenant string, from int) {
		for i := range 8 {
			x.Push(entry(from+i, func(it *sched.Item) {
				it.Ask.Tenant, it.Ask.Task.Resources.CPU = tenant, 1000
			}))
		}
	}
	push("early", 1)
	if got := drain(x); got["early"] != 4 {
		t.Fatalf("%v on a node of four cores", got)
	}
	push("late", 101)
	early := entry(1, func(it *sched.Item) { it.Ask.Tenant, it.Ask.Task.Resources.CPU = "early", 1000 })
	for i, want := range []string{"late", "late", "early"} { // 3 to 1, 2 to 2, 2 to 2
		x.Release("n", early.Ref, early.Ask, nil)
		if got := drain(x); got[want] != 1 {
			t.Errorf("the %d. core that early leaves goes to %v, want %s", i+1, got, want)
		}
	}
}

// BenchmarkFairShare picks the next task of 1,000 tenants and places it.
func BenchmarkFairShare(b *testing.B) {
	x := index(node("n", func(n *api.Node) { n.Capacity = api.Resources{CPU: 1 << 40, Memory: 1 << 50} }))
	tenants := map[string]*api.Tenant{}
	for i := range 1000 {
		name := fmt.Sprint("t", i)
		tenants[name] = &api.Tenant{Name: name, Weight: int32(1 + i%3), Quota: &api.Resources{CPU: 1000}}
	}
	x.Use("fair-share", nil, tenants)
	for i := range 1000 {
		for k := range 2 {
			x.Push(entry(1+i*2+k, func(it *sched.Item) { it.Ask.Tenant = fmt.Sprint("t", i) }))
		}
	}
	x.Refresh()
	for n := 0; b.Loop(); n++ {
		it, _ := x.Next()
		x.Drop(it.Ref)
		x.Hold("n", it.Ref, it.Ask, nil)
		it.Ref = api.TaskRef{Workload: uint64(10_000 + n)}
		x.Push(it)
	}
}
