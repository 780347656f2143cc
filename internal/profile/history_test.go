package profile

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

func TestCodesAreExactToATenthOfAPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := api.Duration(rapid.Int64Range(10_000, math.MaxInt64).Draw(t, "duration"))
		got := decode(int(encode(d)))
		if diff := math.Abs(float64(got)-float64(d)) / float64(d); diff > 0.0007 {
			t.Fatalf("%d became %d, off by %.4f %%", d, got, 100*diff)
		}
	})
}

func TestCodesAreMonotoneAndStable(t *testing.T) {
	last := api.Duration(-1)
	for code := range maxCode + 1 {
		d := decode(code)
		if d < last {
			t.Fatalf("code %d decodes to %d, below its predecessor's %d", code, d, last)
		}
		if last = d; d > 10_000 && d < forever && int(encode(d)) != code {
			t.Fatalf("code %d decodes to %d, which encodes to %d", code, d, encode(d))
		}
	}
	for _, d := range []api.Duration{math.MinInt64, -1, 0, 1} {
		if got := decode(int(encode(d))); got != 1 {
			t.Errorf("%d became %d, want 1 ns", d, got)
		}
	}
	for exponent := range 62 {
		if d := api.Duration(1) << exponent; decode(int(encode(d))) != d {
			t.Errorf("2^%d became %d", exponent, decode(int(encode(d))))
		}
	}
}

// observed returns a history of these runs in seconds.
func observed(seconds ...float64) *History {
	h := &History{}
	for _, s := range seconds {
		h.Observe(api.Duration(s * float64(api.Second)))
	}
	return h
}

func TestIntervalOfFewRuns(t *testing.T) {
	for _, c := range []struct {
		name           string
		runs           []float64
		low, mid, high float64 // seconds
	}{
		{"one run: a factor of four either way", []float64{8}, 2, 8, 32},
		{"two runs", []float64{8, 8}, 2.38, 8, 26.9},
		{"eight runs: a little more than their range", []float64{1, 2, 3, 4, 5, 6, 7, 8}, 0.841, 4.47, 9.51},
		{"nine runs: their range", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 5, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			low, mid, high := observed(c.runs...).Interval()
			for _, v := range []struct {
				name string
				got  api.Duration
				want float64
			}{{"low", low, c.low}, {"median", mid, c.mid}, {"high", high, c.high}} {
				if got := float64(v.got) / 1e9; math.Abs(got-v.want) > 0.005*v.want {
					t.Errorf("%s is %.3f s, want %.3f s", v.name, got, v.want)
				}
			}
		})
	}
	if low, mid, high := (&History{}).Interval(); low != 0 || mid != 0 || high != 0 {
		t.Errorf("an empty history predicts %d %d %d, want nothing", low, mid, high)
	}
	if (*History)(nil).Len() != 0 {
		t.Error("no history has a length")
	}
}

// Whatever is observed, the ends are in order, nothing overflows, and the same
// runs give the same bits.
func TestHistoryAlwaysInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := rapid.SliceOfN(rapid.Int64(), 1, 300).Draw(t, "runs")
		var a, b History
		for _, r := range runs {
			a.Observe(api.Duration(r))
			b.Observe(api.Duration(r))
			low, mid, high := a.Interval()
			if low < 1 || low > mid || mid > high {
				t.Fatalf("interval %d, %d, %d is not in order", low, mid, high)
			}
		}
		if a != b {
			t.Fatal("the same runs gave different histories")
		}
		if want := min(len(runs), Window); a.Len() != want {
			t.Fatalf("remembers %d runs, want %d", a.Len(), want)
		}
	})
}

// The miss that Observe learns from is the miss of the interval that Interval
// would have given.
func TestMissesAgreeWithInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &History{}
		for _, r := range rapid.SliceOfN(rapid.Int64Range(1e6, 1e13), enough, 200).Draw(t, "runs") {
			h.Observe(api.Duration(r))
		}
		run := api.Duration(rapid.Int64Range(1e5, 1e14).Draw(t, "run"))
		low, mid, high := h.Interval()
		below, above := h.misses(int(encode(run)), "")
		got := decode(int(encode(run)))
		if low < mid && below != (got < low) {
			t.Fatalf("run %d, low %d: below is %v", got, low, below)
		}
		if high > mid && above != (got > high) {
			t.Fatalf("run %d, high %d: above is %v", got, high, above)
		}
	})
}

// A task that always takes equally long must not forget how to be surprised.
func TestConstantRunsThenNoise(t *testing.T) {
	h := &History{}
	for range 10_000 {
		h.Observe(api.Second)
	}
	low, mid, high := h.Interval()
	if low != mid || mid != high {
		t.Errorf("constant runs give %d, %d, %d, want a point", low, mid, high)
	}
	for i := range 2 * Window {
		h.Observe(api.Second << (i % 4))
	}
	if low, _, high = h.Interval(); low > 1001*api.Millisecond || high < 7990*api.Millisecond {
		t.Errorf("after runs of 1, 2, 4 and 8 s the interval is %d to %d", low, high)
	}
}

func TestDamagedHistoryDoesNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := History{
			Runs:   rapid.Uint32().Draw(t, "runs"),
			Next:   rapid.Uint8().Draw(t, "next"),
			Low:    rapid.Int16().Draw(t, "low"),
			High:   rapid.Int16().Draw(t, "high"),
			Output: api.Bytes(rapid.Int64().Draw(t, "output")),
		}
		copy(h.Codes[:], rapid.SliceOfN(rapid.Uint16(), Window, Window).Draw(t, "codes"))
		h.Observe(api.Duration(rapid.Int64().Draw(t, "run")))
		if low, mid, high := h.Interval(); low > mid || mid > high {
			t.Fatalf("interval %d, %d, %d is not in order", low, mid, high)
		}
	})
}

func TestOutputAverage(t *testing.T) {
	h := &History{}
	h.ObserveOutput(800)
	if h.Output != 800 {
		t.Errorf("after one run the average is %d, want 800", h.Output)
	}
	h.ObserveOutput(1600)
	if h.Output != 900 {
		t.Errorf("the latest weighs 1/8: the average is %d, want 900", h.Output)
	}
	if h.ObserveOutput(-5); h.Output < 0 {
		t.Errorf("a negative size made the average %d", h.Output)
	}
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		run, want api.Duration
		speed     api.Milli
	}{
		{10 * api.Second, 20 * api.Second, 2000},
		{10 * api.Second, 5 * api.Second, 500},
		{10 * api.Second, 10 * api.Second, 0},
		{10 * api.Second, 10 * api.Second, -7},
		{-1, -1, 2000},
		{math.MaxInt64, math.MaxInt64, 3000},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64},
	} {
		if got := Normalise(c.run, c.speed); got != c.want {
			t.Errorf("Normalise(%d, %d) = %d, want %d", c.run, c.speed, got, c.want)
		}
	}
	if got := On(Normalise(7*api.Second, 1400), 1400); got != 7*api.Second {
		t.Errorf("there and back again: %d, want 7 s", got)
	}
}

// The order of ring entries must not matter to what is predicted.
func TestIntervalIgnoresRotation(t *testing.T) {
	h := observed(5, 3, 9, 1, 7, 2, 8, 4, 6, 10)
	r := *h
	slices.Reverse(r.Codes[:10])
	a, b, c := h.Interval()
	if x, y, z := r.Interval(); a != x || b != y || c != z {
		t.Error("the interval depends on the order of the runs")
	}
}

func BenchmarkObserve(b *testing.B) {
	h := &History{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Observe(api.Duration(i%1000+1) * api.Millisecond)
	}
}

func BenchmarkInterval(b *testing.B) {
	h := noisy()
	b.ReportAllocs()
	for b.Loop() {
		h.Interval()
	}
}

// noisy is a full history in no order.
func noisy() *History {
	h := &History{}
	for i := range 5 * Window {
		h.Observe(api.Duration(i*7919%1000+1) * api.Millisecond)
	}
	return h
}
