package provision

import (
	"math"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

func TestAbove(t *testing.T) {
	normal := Interval{Mean: 10, Lo80: 10 - 2*z80, Hi80: 10 + 2*z80, Lo95: 10 - 2*z95, Hi95: 10 + 2*z95}
	for _, c := range []struct {
		name  string
		f     Interval
		limit float64
		want  float64
	}{
		{"at the mean", normal, 10, 0.5},
		{"one deviation above", normal, 12, 0.158655},
		{"three above, beyond the bounds", normal, 16, 0.001350},
		{"two below", normal, 6, 0.977250},
		{"certain, below it", Interval{5, 5, 5, 5, 5}, 4, 1},
		{"certain, at it", Interval{5, 5, 5, 5, 5}, 5, 0},
		{"skewed, at the upper bound of 80 %", Interval{10, 9, 30, 8, 90}, 30, 0.1},
		{"skewed, at the upper bound of 95 %", Interval{10, 9, 30, 8, 90}, 90, 0.025},
		{"bounds in disorder", Interval{10, 12, 9, 8, 11}, 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.f.Above(c.limit); math.Abs(got-c.want) > 1e-5 {
				t.Errorf("the chance is %v, want %v", got, c.want)
			}
		})
	}
	if got := (Interval{Mean: math.NaN()}).Above(1); !math.IsNaN(got) {
		t.Errorf("of nothing the chance is %v", got)
	}
}

// The quantile of a chance is exceeded with the rest of it, and chances fall.
func TestQuantilesAndChancesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.Float64Range(0.01, 100)
		f := Interval{Lo95: rapid.Float64Range(-100, 100).Draw(t, "lo95")}
		f.Lo80 = f.Lo95 + step.Draw(t, "a")
		f.Mean = f.Lo80 + step.Draw(t, "b")
		f.Hi80 = f.Mean + step.Draw(t, "c")
		f.Hi95 = f.Hi80 + step.Draw(t, "d")
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		if got := f.Above(f.Quantile(p)); math.Abs(got-(1-p)) > 1e-6 {
			t.Fatalf("the chance above the %v-quantile is %v", p, got)
		}
		x := rapid.Float64Range(-500, 500).Draw(t, "x")
		if f.Above(x) < f.Above(x+1)-1e-12 {
			t.Fatalf("the chance rises above %v", x)
		}
	})
}

func TestRequest(t *testing.T) {
	steady := func(n int, cpu, memory float64) (u Use) {
		for range n {
			u.CPU = append(u.CPU, Sample{1, cpu, cpu})
			u.Memory = append(u.Memory, Sample{1, memory, memory})
		}
		return u
	}
	const mib = float64(api.MiB)
	spiky := steady(99, 100, 100*mib)
	spiky.CPU = append(spiky.CPU, Sample{1, 4000, 4000})
	spiky.Memory = append(spiky.Memory, Sample{1, 300 * mib, 300 * mib})
	killed := steady(20, 100, 100*mib)
	killed.Killed = 1
	for _, c := range []struct {
		name   string
		use    Use
		cpu    api.Milli
		memory api.Bytes
		enough bool
	}{
		{"steady", steady(20, 200, 100*mib), 230, 115 * api.MiB, true},
		{"a rare spike of CPU is let pass, one of memory is not", spiky, 115, 345 * api.MiB, true},
		{"killed at what it asked for", killed, 115, 1536 * api.MiB, true},
		{"few", steady(3, 200, 100*mib), 230, 115 * api.MiB, false},
		{"nothing", Use{}, leastCPU, leastMemory, false},
		{"nonsense", steady(20, math.Inf(1), math.NaN()), 1150000000000, leastMemory, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request(c.use, api.Resources{Memory: api.GiB})
			if r.CPU != c.cpu || r.Memory != c.memory || r.Enough != c.enough {
				t.Errorf("recommended are %d and %d (enough: %v), want %d and %d", r.CPU, r.Memory, r.Enough, c.cpu, c.memory)
			}
		})
	}
}

// No run that was seen would have been killed at what is recommended.
func TestMemoryIsNeverBelowWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u Use
		for _, v := range rapid.SliceOf(rapid.Float64Range(0, 1e13)).Draw(t, "memory") {
			u.Memory = append(u.Memory, Sample{1, v / 2, v})
		}
		r := Request(u, api.Resources{})
		for _, s := range u.Memory {
			if float64(r.Memory) < s.Max {
				t.Fatalf("%v is recommended, %v was used", r.Memory, s.Max)
			}
		}
	})
}

func TestBrier(t *testing.T) {
	if got := Brier([]float64{1, 0, 0.5, 0.5}, []bool{true, false, true, false}); got != 0.125 {
		t.Errorf("the score is %v", got)
	}
}
