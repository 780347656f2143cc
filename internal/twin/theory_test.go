package twin

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"drover.dev/api"
)

// poisson is n one-core jobs that come at random, rate of them a second, each of
// a length that draw gives, in seconds.
func poisson(n int, rate float64, seed uint64, draw func(r *rand.Rand) float64) Demand {
	r := rand.New(rand.NewPCG(seed, 1))
	at, i := 0.0, 0
	return func() (Arrival, bool) {
		if i == n {
			return Arrival{}, false
		}
		i++
		at += r.ExpFloat64() / rate
		return Arrival{
			At: seconds(at), Workload: oneTask("j"+strconv.Itoa(i), 1000),
			Truth: []Truth{{Run: api.Duration(draw(r) * float64(api.Second))}},
		}, true
	}
}

func seconds(s float64) api.Time { return api.Time(math.Round(s * float64(api.Second))) }

func oneTask(name string, cpu api.Milli) *api.Workload {
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: cpu},
	}}}
	w.Normalize()
	return w
}

func cores(n int) []api.Node {
	return []api.Node{{
		Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: api.Milli(n) * 1000, Memory: 1024 * api.GiB},
	}}
}

// erlangC is the probability of having to wait with c servers under an offered
// load of a (Erlang, 1917).
func erlangC(c int, a float64) float64 {
	b := 1.0 // Erlang B, by its recursion
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	rho := a / float64(c)
	return b / (1 - rho*(1-b))
}

// TestTheory holds mean waits against queueing theory. Runs are split into
// batches for the interval; DROVER_THEORY sets how many tasks, and how close the
// interval must get.
func TestTheory(t *testing.T) {
	n, demanded := 30_000, 0.4
	if v, err := strconv.Atoi(os.Getenv("DROVER_THEORY")); err == nil {
		n, demanded = v, 0.01
	}
	exponential := func(r *rand.Rand) float64 { return r.ExpFloat64() }
	uniform := func(r *rand.Rand) float64 { return 2 * r.Float64() }
	for _, c := range []struct {
		name    string
		servers int
		rho     float64
		draw    func(*rand.Rand) float64
		second  float64 // second moment of the length, whose mean is 1
	}{
		{"M/M/1 at 0.5", 1, 0.5, exponential, 2},
		{"M/M/1 at 0.8", 1, 0.8, exponential, 2},
		{"M/M/8 at 0.5", 8, 0.5, exponential, 2},
		{"M/M/8 at 0.8", 8, 0.8, exponential, 2},
		{"M/G/1 at 0.5", 1, 0.5, uniform, 4. / 3},
		{"M/G/1 at 0.8", 1, 0.8, uniform, 4. / 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			lambda := c.rho * float64(c.servers)
			want := lambda * c.second / (2 * (1 - c.rho)) // Pollaczek–Khinchine
			if c.servers > 1 {
				want = erlangC(c.servers, lambda) / (float64(c.servers) - lambda)
			}
			w, err := New(Config{Nodes: cores(c.servers)})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.run(poisson(n, lambda, 7, c.draw), nil); err != nil {
				t.Fatal(err)
			}
			mean, half := batchMeans(w.meter.waits)
			t.Logf("n %d: mean wait %.4f s ± %.4f (99 %%), theory %.4f s", n, mean, half, want)
			if math.Abs(mean-want) > half || half > demanded*want {
				t.Errorf("mean wait %.4f s ± %.4f, theory %.4f s", mean, half, want)
			}
		})
	}
}

// batchMeans gives the mean and the half-width of its 99 % interval, from the
// means of 30 batches, which are nearly independent.
func batchMeans(waits []api.Duration) (mean, half float64) {
	const batches, student = 30, 2.756 // t of 29 degrees, 99.5 %
	waits = waits[len(waits)/50:]      // the queue begins empty
	size := len(waits) / batches
	var means [batches]float64
	for i := range means {
		for _, d := range waits[i*size : (i+1)*size] {
			means[i] += d.Std().Seconds() / float64(size)
		}
		mean += means[i] / batches
	}
	for _, m := range means {
		half += (m - mean) * (m - mean) / (batches - 1)
	}
	return mean, student * math.Sqrt(half/batches)
}
