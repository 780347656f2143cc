package strain

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

const begin = api.Time(1_700_000_000_000_000_000)

// fill is a measurement of 4 cores: so many per cent are used, of which tasks use so many
// of what they asked for.
func fill(used, own int64) Use { return Use{Used: used * 40, Of: 4000, Own: own * 40} }

// follow feeds a gauge with a measurement every ten seconds, and gives after how many it
// was strained, and not any more; −1 is never.
func follow(g *gauge, m marks, list ...Use) (over, again int) {
	over, again = -1, -1
	for i, u := range list {
		at := begin.Add(api.Duration(i) * period)
		was := g.over
		g.add(at, period, u, m)
		switch {
		case !was && g.over && over < 0:
			over = i
		case was && !g.over && again < 0:
			again = i
		}
	}
	return over, again
}

func times(n int, list ...Use) (out []Use) {
	for range n {
		out = append(out, list...)
	}
	return out
}

func TestGauge(t *testing.T) {
	calm, full, own := fill(50, 50), fill(99, 40), fill(99, 99)
	for _, c := range []struct {
		name        string
		uses        []Use
		over, again int
	}{
		{"half of it is used", times(200, calm), -1, -1},
		{"all of it for five minutes", times(200, full), 30, -1},
		{"all of it for four minutes and a half", append(times(27, full), times(100, calm)...), -1, -1},
		{"all of it, by tasks that asked for it", times(200, own), -1, -1},
		{"all of it, and then by those alone that asked for it", append(times(60, full), times(100, own)...), 30, 96},
		{"little after a while", append(times(60, full), times(100, calm)...), 30, 93}, // the variance has to fall, too
		{"between the marks after a while", append(times(60, full), times(300, fill(90, 40))...), 30, -1},
		{"half and all in turn", times(100, fill(60, 40), fill(100, 40)), 37, -1}, // 80 ± 20
		{"nothing is known of it", times(100, Use{}), -1, -1},
		{"nothing is known after a while", append(times(60, full), Use{}), 30, 60},
		{"more than there is", times(100, Use{Used: 1 << 62, Of: 4000}), 30, -1},
		{"more by tasks than is used", times(100, Use{Used: 4000, Of: 4000, Own: 1 << 62}), -1, -1},
		{"less than nothing", times(100, Use{Used: -1, Of: 4000}), -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if over, again := follow(&gauge{}, ofCPU, c.uses...); over != c.over || again != c.again {
				t.Errorf("strained at measurement %d and no more at %d; want %d and %d", over, again, c.over, c.again)
			}
		})
	}
}

// TestGaugeIsSteady: whatever is used, it changes its mind at most every five minutes; use
// that stays the same changes it at most once, and use between the marks never begins it.
func TestGaugeIsSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom([]marks{ofCPU, ofMemory}).Draw(t, "marks")
		g, last, changes := &gauge{}, begin.Add(-api.Hour), 0
		at := begin
		feed := func(u Use) {
			was, after := g.over, rapid.SampledFrom([]api.Duration{api.Second, period, period, 2 * period, api.Minute}).Draw(t, "after")
			at = at.Add(after)
			g.add(at, after, u, m)
			if g.over != was {
				if changes++; at.Sub(last) < patience {
					t.Fatalf("it changes at %s, and did at %s", at, last)
				}
				last = at
			}
			if up := g.upper(); !(up >= 0 && up <= 1) {
				t.Fatalf("at most %v of it are expected to be used", up)
			}
		}
		draw := func(low, high int64) Use {
			return Use{Used: rapid.Int64Range(low, high).Draw(t, "used"), Of: 4000, Own: rapid.Int64Range(0, 4000).Draw(t, "own")}
		}
		for range rapid.IntRange(0, 300).Draw(t, "wild") {
			feed(draw(0, 4000))
		}
		constant := draw(0, 4000)
		for range 60 { // until what was wild is forgotten
			feed(constant)
		}
		changes = 0
		for range rapid.IntRange(0, 200).Draw(t, "constant") {
			feed(constant)
		}
		if changes > 1 {
			t.Fatalf("use of %+v changes it %d times", constant, changes)
		}
		band := &gauge{}
		for i := range 300 {
			u := Use{Used: int64(4000*m.low) + int64(i%20), Of: 4000}
			band.add(begin.Add(api.Duration(i)*period), period, u, m)
		}
		if band.over {
			t.Fatal("use just above the low mark counts as too much")
		}
	})
}

// cell is one of three nodes where running work is moved, of which one holds two jobs.
func cell(t *testing.T, rest *api.Rest) (*engine.Engine, api.Time) {
	t.Helper()
	e := engine.New(state.New())
	in := []engine.Input{&engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{Name: "hall", Layer: api.LayerCloud, Rest: rest}}, &engine.PutSettings{Strategy: "best-fit"}}
	for _, name := range []string{"n1", "n2", "n3"} {
		in = append(in, &engine.Register{Node: api.Node{
			Name: name, Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000, Boot: "b",
			Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB},
		}})
	}
	for _, name := range []string{"meek", "greedy"} {
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000, Memory: api.GiB}}}}
		w.Normalize()
		in = append(in, &engine.Submit{Workload: w})
	}
	if _, err := e.Step(begin, in); err != nil {
		t.Fatal(err)
	}
	return e, begin
}

// TestSay: a node that is strained is said to be so, with its largest task first and with
// the nodes that have most to spare; it is said again after five minutes, and when it is
// over. Of a site where nothing is moved nothing is said.
func TestSay(t *testing.T) {
	for _, move := range []bool{true, false} {
		e, now := cell(t, &api.Rest{Move: move})
		busy := "n1"
		for name, n := range e.State().Nodes {
			if len(n.Held) > 0 {
				busy = name
			}
		}
		var w Watch
		var said []*engine.Strained
		uses := func(a api.Attempt) (api.TaskUse, bool) {
			return api.TaskUse{Attempt: a, CPU: api.Milli(a.Workload) * 1000}, true
		}
		step := func(used int64) {
			now = now.Add(period)
			for name := range e.State().Nodes {
				u := fill(10, 10)
				if name == busy {
					u = fill(used, 25)
				} else if name == "n3" {
					u = fill(40, 10)
				}
				w.Add(now, name, Measured{Boot: "b", CPU: u, Memory: Use{Used: 1 << 30, Of: 8 << 30, Own: 1 << 30}})
			}
			in := w.Say(e, uses, now)
			for _, one := range in {
				said = append(said, one.(*engine.Strained))
			}
			out, err := e.Step(now, in)
			if err != nil {
				t.Fatal(err)
			}
			for i := range out.Answers[:len(in)] {
				if out.Answers[i].Code != state.CodeOK {
					t.Fatalf("what is said is refused: %+v", out.Answers[i])
				}
			}
		}
		for range 70 { // 12 minutes
			step(99)
		}
		if !move {
			if len(said) > 0 {
				t.Errorf("where nothing is moved %+v is said", said[0])
			}
			continue
		}
		if len(said) != 2 || said[0].Eases() || said[1].At.Sub(said[0].At) < engine.StrainHolds/2 {
			t.Fatalf("%d times something is said", len(said))
		}
		one := said[0]
		if one.Said.Node != busy || one.Said.CPU != begin.Add(period) || one.Said.Memory != 0 || one.Said.Used.CPU < 3950 || one.Said.Of.CPU != 4000 {
			t.Errorf("said is %+v", one.Said)
		}
		if len(one.Tasks) != 2 || one.Tasks[0].CPU != 2000 {
			t.Errorf("its tasks use %+v", one.Tasks)
		}
		if len(one.Spare) != 2 || one.Spare[0].Room.CPU <= one.Spare[1].Room.CPU || one.Spare[1].Room.CPU < 1700 || one.Spare[1].Room.CPU > 1800 {
			t.Errorf("to spare have %+v", one.Spare)
		}
		for range 70 {
			step(30)
		}
		if last := said[len(said)-1]; !last.Eases() || len(e.State().Strains) != 0 {
			t.Errorf("when it is over, %+v is said, and %d nodes are strained", last.Said, len(e.State().Strains))
		}
		if len(w.nodes) != 3 {
			t.Errorf("%d nodes are followed", len(w.nodes))
		}
		if w.Say(e, uses, now.Add(api.Hour)); len(w.nodes) != 0 {
			t.Errorf("%d nodes are followed of which nothing is heard", len(w.nodes))
		}
	}
}

// TestBeginsAnew: a machine that was started anew, or not measured for long, is followed
// from there.
func TestBeginsAnew(t *testing.T) {
	for name, then := range map[string]struct {
		after api.Duration
		boot  string
		over  bool
	}{
		"as ever":       {period, "b", true},
		"started anew":  {period, "c", false},
		"after a pause": {3 * api.Minute, "b", false},
		"a clock back":  {-api.Minute, "b", false},
	} {
		t.Run(name, func(t *testing.T) {
			var w Watch
			at := begin
			for range 40 {
				at = at.Add(period)
				w.Add(at, "n1", Measured{Boot: "b", CPU: fill(100, 0)})
			}
			w.Add(at.Add(then.after), "n1", Measured{Boot: then.boot, CPU: fill(100, 0)})
			if w.nodes["n1"].cpu.over != then.over {
				t.Errorf("it is strained: %v", w.nodes["n1"].cpu.over)
			}
		})
	}
}

// BenchmarkWatch takes in 10,000 nodes, and looks what is news.
func BenchmarkWatch(b *testing.B) {
	e := engine.New(state.New())
	in := []engine.Input{&engine.Lead{Epoch: 1, Server: "a"}, &engine.PutSite{Site: api.Site{Name: "hall", Layer: api.LayerCloud, Rest: &api.Rest{Move: true}}}}
	names := make([]string, 10_000)
	for i := range names {
		names[i] = "n" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		in = append(in, &engine.Register{Node: api.Node{Name: names[i], Site: "hall", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB}}})
	}
	for more := true; more; in = nil {
		out, err := e.Step(begin, in)
		if err != nil {
			b.Fatal(err)
		}
		more = out.More
	}
	var w Watch
	now := begin
	for b.Loop() {
		now = now.Add(period)
		for _, name := range names {
			w.Add(now, name, Measured{CPU: fill(80, 40), Memory: fill(30, 30)})
		}
		if list := w.Say(e, nil, now); len(list) > 0 {
			b.Fatal("something is said")
		}
	}
}
