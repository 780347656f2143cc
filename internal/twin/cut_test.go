package twin

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"drover.dev/api"
)

const s = api.Time(api.Second)

func TestCuts(t *testing.T) {
	in := Truth{Run: 10 * api.Second, In: 2_000_000}
	for _, c := range []struct {
		name           string
		truth          Truth
		cut            Cut
		started, ended api.Time
	}{
		// 20 ms and two seconds of input, of which one is left when the link is cut.
		{"a transfer waits", in, Cut{From: 1020 * api.Millisecond, For: 3 * api.Second}, 5020 * ms, 15020 * ms},
		// What runs goes on; its end is heard of when the link is back.
		{"a task runs on", in, Cut{From: 5 * api.Second, For: 10 * api.Second}, 2020 * ms, 15 * s},
		{"nobody notices", in, Cut{From: 3 * api.Second, For: 4 * api.Second}, 2020 * ms, 12020 * ms},
		// The outputs wait on the node.
		{"outputs wait", Truth{Run: api.Second, Out: 1_000_000}, Cut{From: 1520 * api.Millisecond, For: 4 * api.Second}, 0, 6020 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := plant()
			c.cut.Sites = [2]string{"dc", "plant"}
			cfg.Cuts = []Cut{c.cut}
			got, r := played(t, cfg, single("a", c.truth))
			if e := got[0]; e.Started != c.started || e.At != c.ended || e.Status != api.TaskSucceeded {
				t.Errorf("started at %s and ended at %s (%s), want %s and %s", e.Started, e.At, e.Status, c.started, c.ended)
			}
			if r.Cuts != 1 {
				t.Errorf("%d cuts", r.Cuts)
			}
		})
	}
}

// Behind a long cut a task is given up and runs elsewhere, while its first attempt
// runs on; the job ends once.
func TestATaskBehindACut(t *testing.T) {
	cfg := plant()
	cfg.Nodes = append(cfg.Nodes, api.Node{
		Name: "server", Layer: api.LayerCloud, Site: "dc", Drivers: []string{api.DriverNoop}, Speed: 100,
		Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB},
	})
	cfg.Cuts = []Cut{{Sites: [2]string{"plant", "dc"}, From: 10 * api.Second, For: api.Hour}}
	got, r := played(t, cfg, single("a", Truth{Run: 5 * api.Minute}))
	if e := got[0]; e.Node != "server" || e.Status != api.TaskSucceeded || r.Workloads != 1 || r.Failed != 0 {
		t.Errorf("%+v, %+v", e, r)
	}
}

func TestWhatCannotBeCut(t *testing.T) {
	for want, c := range map[string]Cut{
		"no site":    {Sites: [2]string{"dc", "moon"}},
		"one site":   {Sites: [2]string{"dc", "dc"}},
		"no time":    {Sites: [2]string{"dc", "plant"}, For: -1},
		`no site ""`: {},
	} {
		cfg := plant()
		cfg.Cuts = []Cut{c}
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// Links are cut and nodes die at random: all work ends, nothing is left on a node or
// a link, the engine's invariants hold, and the same seed gives the same run.
func TestLinksAndNodesFail(t *testing.T) {
	play := func(seed uint64) string {
		cfg := failing(seed)
		cfg.Home, cfg.Sites = "dc", plant().Sites
		cfg.Failures.LinkBetween, cfg.Failures.LinkRepair = api.Minute, 20*api.Second
		for i := range 8 {
			n := plant().Nodes[0]
			n.Name += strconv.Itoa(i)
			if i%2 == 0 {
				n.Site, n.Layer = "dc", api.LayerCloud
			}
			cfg.Nodes = append(cfg.Nodes, n)
		}
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		demand := mixed(300, seed)
		got, err := w.Run(func() (Arrival, bool) {
			a, ok := demand()
			if ok {
				a.Truth[0].In, a.Truth[0].Out, a.Truth[0].Program = 200_000, 100_000, 50_000
			}
			return a, ok
		}, nil)
		if err != nil || got.Workloads != 300 || got.Failures == 0 || got.Cuts == 0 {
			t.Fatalf("seed %d: %+v, %v", seed, got, err)
		}
		for i, m := range w.nodes {
			if m.used != (use{}) && m.cut == 0 {
				t.Errorf("seed %d: node %d still holds %+v", seed, i, m.used)
			}
		}
		return fmt.Sprintf("%+v", got)
	}
	for seed := range uint64(6) {
		if a, b := play(seed), play(seed); a != b {
			t.Errorf("seed %d gave\n%s, then\n%s", seed, a, b)
		}
	}
}
