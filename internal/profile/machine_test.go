package profile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// ranOn returns a history of runs such as "t4:300 a100:100", in seconds.
func ranOn(runs string) *History {
	h := &History{}
	for _, text := range strings.Fields(runs) {
		machine, seconds, _ := strings.Cut(text, ":")
		var s float64
		if _, err := fmt.Sscan(seconds, &s); err != nil {
			panic(err)
		}
		h.ObserveOn(api.Duration(s*float64(api.Second)), machine)
	}
	return h
}

func speedsText(list []api.MachineSpeed) string {
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprintf("%s×%.2f/%d", v.Machine, float64(v.Factor)/1000, v.Runs))
	}
	return strings.Join(out, " ")
}

// TestSpeeds: each row is a history, and what is believed of the machines; the base
// comes first.
func TestSpeeds(t *testing.T) {
	many := func(n int, runs string) string { return strings.Repeat(runs+" ", n) }
	for _, c := range []struct{ name, runs, want string }{
		{"on machines without a name", ":100 :300", ""},
		{"on one kind only", many(9, "t4:300"), ""},
		{"one run each is half a proof, in octaves", "t4:400 a100:100", "t4×1.00/1 a100×1.59/1"},
		{"three runs each", many(3, "t4:300 a100:100"), "t4×1.00/3 a100×2.28/3"},
		{"fourteen runs each", many(14, "t4:300 a100:100"), "t4×1.00/14 a100×2.94/14"},
		{"the base is where most runs were", many(20, "a100:100") + many(14, "t4:300"), "a100×1.00/20 t4×0.34/14"},
		{"a run that hung moves no median", many(14, "t4:300 a100:100") + "a100:90000", "a100×1.00/15 t4×0.34/14"},
		{"noise as large as the difference proves less", "t4:100 a100:50 t4:400 a100:200 t4:200 a100:100", "t4×1.00/3 a100×1.39/3"},
		{"old machines count, too", many(9, "a100:100 :200"), "×1.00/9 a100×1.94/9"},
		{"a seventh kind counts among the others", "a:1 b:1 c:1 d:1 e:1 f:1 g:1", "×1.00/1 a×1.00/1 b×1.00/1 c×1.00/1 d×1.00/1 e×1.00/1 f×1.00/1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := speedsText(ranOn(c.runs).Speeds()); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A kind of which no run is remembered gives its place to a new one.
func TestMachinesAreForgotten(t *testing.T) {
	h := ranOn("a:1 b:1 c:1 d:1 e:1 f:1")
	for range Window {
		h.ObserveOn(2*api.Second, "f")
	}
	h.ObserveOn(api.Second, "g")
	if got := speedsText(h.Speeds()); got != "f×1.00/63 g×1.41/1" {
		t.Error(got)
	}
	if len(h.Machines.Names) != api.MaxMachines {
		t.Errorf("%d names are kept: %q", len(h.Machines.Names), h.Machines.Names)
	}
}

// TestIntervalByMachine: what machines explain does not widen the interval, which is
// the one of the base.
func TestIntervalByMachine(t *testing.T) {
	h := ranOn(strings.Repeat("t4:300 a100:100 t4:310 a100:103 t4:290 ", 12))
	low, mid, high := h.Interval()
	if mid.Std().Round(time.Second) != 300*time.Second || low < 270*api.Second || high > 330*api.Second {
		t.Errorf("predicts %v, %v to %v, on t4", mid, low, high)
	}
}

// Whatever is observed wherever, the ends are in order, factors are positive and in
// order, and their runs are all that are remembered.
func TestMachinesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &History{}
		for range rapid.IntRange(1, 200).Draw(t, "runs") {
			h.ObserveOn(api.Duration(rapid.Int64().Draw(t, "run")), rapid.SampledFrom(strings.Split(",a,b,c,d,e,f,g,h", ",")).Draw(t, "machine"))
			if low, mid, high := h.Interval(); low < 1 || low > mid || mid > high {
				t.Fatalf("interval %d, %d, %d is not in order", low, mid, high)
			}
			list, sum := h.Speeds(), int32(0)
			for i, v := range list {
				if sum += v.Runs; v.Factor < 1 || v.Runs > list[0].Runs || i > 1 && v.Factor > list[i-1].Factor {
					t.Fatalf("%+v", list)
				}
			}
			if list != nil && (int(sum) != h.Len() || list[0].Factor != 1000) {
				t.Fatalf("%+v of %d runs", list, h.Len())
			}
		}
	})
}

// TestSpeedsOfTheShape: what tasks of the same program met on other machines is
// believed of a task that has only run on one.
func TestSpeedsOfTheShape(t *testing.T) {
	w := &api.Workload{Kind: api.KindJob, Name: "w", Tasks: []api.Task{{Name: "main", Driver: "noop"}}}
	shape := ranOn(strings.Repeat("t4:300 a100:100 ", 14) + "a100:100")
	for name, c := range map[string]struct {
		past Past
		want string
		run  time.Duration
	}{
		"own runs on a machine that the shape knows": {Past{Same: ranOn("t4:60 t4:60 t4:60"), Shape: shape}, "t4×1.00/14 a100×2.95/15", time.Minute},
		"own runs on another one":                    {Past{Same: ranOn("l4:60 l4:60 l4:60"), Shape: shape}, "", time.Minute},
		"own runs on several":                        {Past{Same: ranOn("t4:60 t4:60 l4:60"), Shape: shape}, "t4×1.00/2 l4×1.00/1", time.Minute},
		"no own runs":                                {Past{Shape: shape}, "a100×1.00/15 t4×0.34/14", 100 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := Analyse(w, 0, c.past, Facts{})
			if got := speedsText(p.Speeds); got != c.want || p.Run.Std().Round(time.Second) != c.run {
				t.Errorf("got %q and %v, want %q and %v", got, p.Run, c.want, c.run)
			}
		})
	}
}
