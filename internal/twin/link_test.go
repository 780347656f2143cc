package twin

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// TestSharing holds a link against the closed form of a processor-sharing queue with
// Poisson arrivals: the mean time in it is E[S]/(1−ρ) and does not depend on the
// distribution of the sizes (Sakata, Noguchi and Oizumi, 1971, "An Analysis of the
// M/G/1 Queue under Round-Robin Scheduling").
func TestSharing(t *testing.T) {
	n, demanded := 60_000, 0.15
	if v, err := strconv.Atoi(os.Getenv("DROVER_THEORY")); err == nil {
		n, demanded = v, 0.01
	}
	for _, c := range []struct {
		name string
		draw func(*rand.Rand) float64 // of mean 1
	}{
		{"exponential", func(r *rand.Rand) float64 { return r.ExpFloat64() }},
		{"all alike", func(*rand.Rand) float64 { return 1 }},
		{"few large ones", func(r *rand.Rand) float64 { // hyperexponential, squared variation 9
			if r.IntN(10) == 0 {
				return 5.5 * r.ExpFloat64()
			}
			return 0.5 * r.ExpFloat64()
		}},
	} {
		for _, rho := range []float64{0.5, 0.8} {
			t.Run(c.name+" at "+strconv.FormatFloat(rho, 'g', -1, 64), func(t *testing.T) {
				want := 1 / (1 - rho)
				times := sojourns(n, rho, c.draw)
				mean, half := batchMeans(len(times), inTurn(times))
				t.Logf("n %d: mean time %.4f s ± %.4f (99 %%), theory %.4f s", n, mean, half, want)
				if math.Abs(mean-want) > half || half > demanded*want {
					t.Errorf("mean time %.4f s ± %.4f, theory %.4f s", mean, half, want)
				}
			})
		}
	}
}

// sojourns lets n transfers, which alone would take a second on average, come to a
// link with a load of rho.
func sojourns(n int, rho float64, draw func(*rand.Rand) float64) []api.Duration {
	const rate = 8_000_000
	l, r := newLink("a", "b", 0, rate), rand.New(rand.NewPCG(11, 1))
	came := make(map[uint64]api.Time)
	out := make([]api.Duration, 0, n)
	at := api.Time(0)
	for i := uint64(0); len(out) < n; i++ {
		at += api.Time(r.ExpFloat64() / rho * float64(api.Second))
		for next, ok := l.next(); ok && next <= at; next, ok = l.next() {
			for done := l.ended(next); done != nil; done = l.ended(next) {
				out = append(out, next.Sub(came[done.n]))
				delete(came, done.n)
			}
		}
		came[i] = at
		l.join(at, nil, api.Bytes(draw(r)*rate/8), i)
	}
	return out[:n]
}

// TestSharingStepByStep compares a link with one on which every transfer is served
// by itself, step by step, under joins, departures and cuts.
func TestSharingStepByStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rate = 8_000 // a byte a millisecond
		l := newLink("a", "b", 0, rate)
		on, left := map[uint64]*transfer{}, map[uint64]float64{}
		now := api.Time(0)
		for i := range uint64(rapid.IntRange(1, 40).Draw(t, "operations")) {
			d := api.Duration(rapid.IntRange(0, 300).Draw(t, "milliseconds")) * api.Millisecond
			for passed := api.Duration(0); passed < d; {
				step := d - passed
				for _, bytes := range left {
					step = min(step, max(api.Duration(math.Ceil(bytes*float64(len(left))*float64(api.Millisecond))), 1))
				}
				passed, now = passed+step, now.Add(step)
				each := float64(step) / float64(api.Millisecond) / float64(max(len(left), 1))
				if l.cut > 0 {
					each = 0
				}
				for n := range left {
					left[n] -= each
				}
				for done := l.ended(now); done != nil; done = l.ended(now) {
					if math.Abs(left[done.n]) > 1e-3 {
						t.Fatalf("transfer %d ended with %g bytes to go", done.n, left[done.n])
					}
					delete(left, done.n)
					delete(on, done.n)
				}
				for n, bytes := range left {
					if bytes < -1e-3 {
						t.Fatalf("transfer %d should have ended: %g bytes", n, bytes)
					}
				}
				if l.cut > 0 {
					now = now.Add(d - passed)
					break
				}
			}
			l.advance(now)
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				l.cut = 1 - l.cut
			case 1:
				for n, v := range on {
					l.leave(now, v)
					delete(on, n)
					delete(left, n)
					break
				}
			default:
				size := rapid.IntRange(1, 500).Draw(t, "bytes")
				on[i] = l.join(now, nil, api.Bytes(size), i)
				left[i] = float64(size)
			}
		}
	})
}

// BenchmarkLink is one transfer that ends and the next that joins, among 1,000 on
// the link.
func BenchmarkLink(b *testing.B) {
	l, r := newLink("a", "b", 0, 1e9), rand.New(rand.NewPCG(1, 1))
	n := uint64(0)
	for ; n < 1000; n++ {
		l.join(0, nil, api.Bytes(1+r.IntN(1e6)), n)
	}
	b.ReportAllocs()
	for b.Loop() {
		now, _ := l.next()
		for l.ended(now) == nil {
			now, _ = l.next()
		}
		n++
		l.join(now, nil, api.Bytes(1+r.IntN(1e6)), n)
	}
}
