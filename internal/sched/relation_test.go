package sched_test

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// crowd is what is placed, for a census and for checking by hand.
type crowd struct{ list []placedAsk }

type placedAsk struct {
	ask  *sched.Ask
	ref  api.TaskRef
	node string
}

func (c *crowd) census(tenant, workload string, labels map[string]string) iter.Seq[sched.Placed] {
	return func(yield func(sched.Placed) bool) {
		for _, p := range c.list {
			if p.ask.Tenant == tenant && (workload == "" || p.ask.Workload == workload) && carries(p.ask.Labels, labels) &&
				!yield(sched.Placed{Node: p.node, Task: p.ask.Task.Name}) {
				return
			}
		}
	}
}

func carries(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// member is an element of a workload with requirements.
func member(workload string, q api.Requirements) *sched.Ask {
	t := api.Task{Name: "main", Driver: "noop", Resources: api.Resources{CPU: 1}, Requires: q}
	a := &sched.Ask{
		Task: &t, Tenant: "default", Workload: workload, Labels: map[string]string{"app": workload[:1]},
		Profile: &api.Profile{Run: api.Second}, Static: sched.ShapeOf(&t, "default", 0, "", false),
	}
	a.Shape = sched.TiedShape(a.Static, a)
	return a
}

// racks are nodes n0, n1 … in racks of two, at sites of four.
func racks(n int) (out []api.Node) {
	for i := range n {
		out = append(out, node(fmt.Sprintf("n%d", i), func(n *api.Node) {
			n.Site, n.Labels = fmt.Sprint("s", i/4), map[string]string{"rack": fmt.Sprint("r", i/2)}
		}))
	}
	return out
}

// TestRelations: each row places some elements on nodes, and says where one more
// may go. There are two sites of two racks of two nodes; n7 has no rack.
func TestRelations(t *testing.T) {
	near := func(r api.Relation) api.Requirements { return api.Requirements{Near: []api.Relation{r}} }
	apart := func(r api.Relation) api.Requirements { return api.Requirements{Apart: []api.Relation{r}} }
	spread := func(s api.Spread) api.Requirements { return api.Requirements{Spread: []api.Spread{s}} }
	for name, c := range map[string]struct {
		placed string // workload@node
		who    string
		wants  api.Requirements
		may    string
		why    string // when it may go nowhere
	}{
		"near a workload":                  {"db@n1", "web", near(api.Relation{Workload: "db", Within: "site"}), "n0 n1 n2 n3", ""},
		"near none":                        {"", "web", near(api.Relation{Workload: "db", Within: "rack"}), "", "not near workload db within rack"},
		"near labels":                      {"db@n1 dx@n6", "web", near(api.Relation{Labels: map[string]string{"app": "d"}, Within: "rack"}), "n0 n1 n6", ""},
		"near each other, the first":       {"", "web", near(api.Relation{Within: "rack"}), "n0 n1 n2 n3 n4 n5 n6", ""},
		"near each other, the second":      {"web@n3", "web", near(api.Relation{Within: "rack"}), "n2 n3", ""},
		"near on one node":                 {"db@n5", "web", near(api.Relation{Workload: "db"}), "n5", ""},
		"apart from a workload":            {"db@n1", "web", apart(api.Relation{Workload: "db", Within: "site"}), "n4 n5 n6 n7", ""},
		"apart from each other":            {"web@n0 web@n2", "web", apart(api.Relation{}), "n1 n3 n4 n5 n6 n7", ""},
		"apart, and without the label":     {"db@n7", "web", apart(api.Relation{Workload: "db", Within: "rack"}), "n0 n1 n2 n3 n4 n5 n6 n7", ""},
		"apart from what is everywhere":    {"db@n0 db@n4", "web", apart(api.Relation{Workload: "db", Within: "site"}), "", "not apart from workload db within site"},
		"spread evenly":                    {"web@n0", "web", spread(api.Spread{Over: "site"}), "n4 n5 n6 n7", ""},
		"spread with room for two":         {"web@n0", "web", spread(api.Spread{Over: "site", Skew: 2}), "n0 n1 n2 n3 n4 n5 n6 n7", ""},
		"spread needs the label":           {"", "web", spread(api.Spread{Over: "rack"}), "n0 n1 n2 n3 n4 n5 n6", ""},
		"spread with others":               {"db@n0 db@n1 db@n4", "web", spread(api.Spread{Over: "site", Workload: "db"}), "n0 n1 n2 n3 n4 n5 n6 n7", ""},
		"spread with others, too many":     {"db@n0 db@n1 db@n5", "web", api.Requirements{Spread: []api.Spread{{Over: "rack", Labels: map[string]string{"app": "d"}}}}, "n2 n3 n4 n5 n6", ""},
		"both":                             {"db@n1 web@n0", "web", api.Requirements{Near: []api.Relation{{Workload: "db", Within: "site"}}, Apart: []api.Relation{{}}}, "n1 n2 n3", ""},
		"of another tenant, nobody counts": {"other/db@n1", "web", apart(api.Relation{Workload: "db"}), "n0 n1 n2 n3 n4 n5 n6 n7", ""},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := racks(8)
			delete(nodes[7].Labels, "rack")
			x, there := index(nodes...), crowd{}
			x.Count(there.census)
			for _, p := range strings.Fields(c.placed) {
				who, on, _ := strings.Cut(p, "@")
				a := member(strings.TrimPrefix(who, "other/"), api.Requirements{})
				if strings.HasPrefix(who, "other/") {
					a.Tenant = "other"
				}
				there.list = append(there.list, placedAsk{a, api.TaskRef{}, on})
				x.Hold(on, api.TaskRef{}, a, nil)
			}
			a := member(c.who, c.wants)
			if got := strings.Join(x.Takers(a), " "); got != c.may {
				t.Errorf("it may go to %s, want %s", got, c.may)
			}
			d := decide(x, a)
			if (d.Chosen == nil) != (c.why != "") || c.why != "" && d.Reasons[0].Reason != c.why {
				t.Errorf("decides %s, want %q", show(d), c.why)
			}
			if s := x.Suggest(a); c.why != "" && (len(s) != 1 || s[0].Change != "drop the requirement "+strings.TrimPrefix(c.why, "not ")) {
				t.Errorf("suggests %v", s)
			}
		})
	}
}

// TestWishes: what is soft makes nodes better and forbids none.
func TestWishes(t *testing.T) {
	for name, c := range map[string]struct {
		placed string
		wants  api.Requirements
		best   []string // that may be chosen
	}{
		"near":          {"db@n5", api.Requirements{Near: []api.Relation{{Workload: "db", Within: "rack", Soft: true}}}, []string{"n4", "n5"}},
		"near nobody":   {"", api.Requirements{Near: []api.Relation{{Workload: "db", Soft: true}}}, nil},
		"apart":         {"web@n0 web@n1 web@n2", api.Requirements{Apart: []api.Relation{{Soft: true, Within: "rack"}}}, []string{"n4", "n5", "n6", "n7"}},
		"spread":        {"web@n0 web@n4 web@n5", api.Requirements{Spread: []api.Spread{{Over: "site", Soft: true}}}, []string{"n0", "n1", "n2", "n3"}},
		"affinity":      {"", api.Requirements{Affinity: []api.Expression{{Key: "rack", Op: api.OpIn, Values: []string{"r1"}, Soft: true}}}, []string{"n2", "n3"}},
		"anti-affinity": {"", api.Requirements{AntiAffinity: []api.Expression{{Key: "rack", Op: api.OpIn, Values: []string{"r0", "r1", "r2"}, Soft: true}}}, []string{"n6", "n7"}},
	} {
		t.Run(name, func(t *testing.T) {
			x, there := index(racks(8)...), crowd{}
			x.Count(there.census)
			for _, p := range strings.Fields(c.placed) {
				who, on, _ := strings.Cut(p, "@")
				a := member(who, api.Requirements{})
				there.list = append(there.list, placedAsk{a, api.TaskRef{}, on})
				x.Hold(on, api.TaskRef{}, a, nil)
			}
			for i := range uint64(20) {
				d, _ := x.Decide(api.TaskRef{Workload: i}, member("web", c.wants), 0)
				if d.Chosen == nil || c.best != nil && !slices.Contains(c.best, d.Chosen.Node) {
					t.Fatalf("chooses %s, want one of %v", show(d), c.best)
				}
			}
		})
	}
}

// TestRelationsAreCounted lets random elements with relations come and go on random
// nodes, and compares every decision of an index that keeps counts and searches in
// order with one that counts anew and scores every node, and with the meaning of
// the relations, worked out by hand.
func TestRelationsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept, anew, there := sched.New(), sched.New(), crowd{}
		kept.Count(there.census)
		anew.Count(there.census)
		nodes := map[string]api.Node{}
		put := func(i int) {
			n := node(fmt.Sprintf("n%02d", i), func(n *api.Node) {
				n.Site = rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "site")
				n.Capacity.CPU = rapid.SampledFrom([]api.Milli{2, 6}).Draw(t, "cpu")
				if r := rapid.IntRange(0, 6).Draw(t, "rack"); r > 0 {
					n.Labels = map[string]string{"rack": fmt.Sprint(r)}
				}
			})
			nodes[n.Name] = n
			open := rapid.IntRange(0, 9).Draw(t, "closed") > 0
			for _, x := range []*sched.Index{kept, anew} {
				x.PutNode(n)
				x.SetOpen(n.Name, open, "draining")
			}
		}
		size := rapid.IntRange(1, 60).Draw(t, "nodes")
		for i := range size {
			put(i)
		}
		kept.Refresh()
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if n := len(there.list); n > 0 && rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
				k := rapid.IntRange(0, n-1).Draw(t, "which")
				p := there.list[k]
				there.list = slices.Delete(there.list, k, k+1)
				kept.Release(p.node, p.ref, p.ask, nil)
				anew.Release(p.node, p.ref, p.ask, nil)
			}
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				put(rapid.IntRange(0, size-1).Draw(t, "node"))
			}
			a := member(rapid.SampledFrom([]string{"web", "db", "dx"}).Draw(t, "who"), drawRelations(t))
			a.Strategy = rapid.SampledFrom([]string{"", "", "least-connections", "best-fit", "random-two-choices"}).Draw(t, "strategy")
			ref := api.TaskRef{Workload: uint64(i)}
			d, _ := kept.Decide(ref, a, 0)
			if e, _ := anew.Decide(ref, a, 0); !reflect.DeepEqual(d, e) {
				t.Fatalf("with counts that are kept\n%s\nwith counts made anew\n%s", show(d), show(e))
			}
			if d.Chosen == nil {
				continue
			}
			if why := broken(&there, nodes, a, d.Chosen.Node); why != "" {
				t.Fatalf("%s goes to %s: %s", a.Workload, d.Chosen.Node, why)
			}
			there.list = append(there.list, placedAsk{a, ref, d.Chosen.Node})
			kept.Hold(d.Chosen.Node, ref, a, nil)
			anew.Hold(d.Chosen.Node, ref, a, nil)
		}
	})
}

func drawRelations(t *rapid.T) (q api.Requirements) {
	who := func() (string, map[string]string) {
		switch rapid.IntRange(0, 3).Draw(t, "whom") {
		case 0:
			return "db", nil
		case 1:
			return "", map[string]string{"app": "d"}
		}
		return "", nil
	}
	within := func() string { return rapid.SampledFrom([]string{"", "node", "site", "rack"}).Draw(t, "within") }
	soft := func() bool { return rapid.IntRange(0, 2).Draw(t, "soft") == 0 }
	relation := func() api.Relation {
		w, l := who()
		return api.Relation{Workload: w, Labels: l, Within: within(), Soft: soft()}
	}
	for range rapid.IntRange(1, 2).Draw(t, "relations") {
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			q.Near = append(q.Near, relation())
		case 1:
			q.Apart = append(q.Apart, relation())
		default:
			r := relation()
			q.Spread = append(q.Spread, api.Spread{
				Over: r.Within, Workload: r.Workload, Labels: r.Labels, Soft: r.Soft, Skew: rapid.Int32Range(0, 2).Draw(t, "skew"),
			})
		}
	}
	return q
}

// broken says which hard relation does not hold for a task on a node, from what is
// there, without any index.
func broken(there *crowd, nodes map[string]api.Node, a *sched.Ask, on string) string {
	value := func(name, label string) (string, bool) {
		n := nodes[name]
		switch label {
		case "", "node":
			return name, true
		case "site":
			return n.Site, true
		}
		v, ok := n.Labels[label]
		return v, ok
	}
	count := func(workload string, labels map[string]string, label string) (here, all int) {
		if workload == "" && labels == nil {
			workload = a.Workload
		}
		at, ok := value(on, label)
		for p := range there.census(a.Tenant, workload, labels) {
			all++
			if v, known := value(p.Node, label); ok && known && v == at {
				here++
			}
		}
		return here, all
	}
	own := func(workload string, labels map[string]string) bool {
		return workload == a.Workload || workload == "" && carries(a.Labels, labels)
	}
	for _, r := range a.Task.Requires.Near {
		if here, all := count(r.Workload, r.Labels, r.Within); !r.Soft && here == 0 && (all > 0 || !own(r.Workload, r.Labels)) {
			return fmt.Sprintf("near %+v: there are %d of %d", r, here, all)
		}
	}
	for _, r := range a.Task.Requires.Apart {
		if here, _ := count(r.Workload, r.Labels, r.Within); !r.Soft && here > 0 {
			return fmt.Sprintf("apart %+v: there are %d", r, here)
		}
	}
	for _, r := range a.Task.Requires.Spread {
		here, all := count(r.Workload, r.Labels, r.Over)
		if _, ok := value(on, r.Over); !ok && !r.Soft {
			return "the node has no " + r.Over
		}
		if !r.Soft && here > all { // the least of all values is at least 0
			return fmt.Sprintf("spread %+v: %d of %d", r, here, all)
		}
	}
	return ""
}
