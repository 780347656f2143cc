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

// kiefer starts jobs first come, first served, as soon as one of some servers is free
// (Lindley, 1952, "The Theory of Queues with a Single Server"; Kiefer and Wolfowitz,
// 1955, "On the Theory of Queues with Many Servers"): what each waits follows from when
// they come and how long they run, and from nothing else.
type kiefer []api.Time // by server: when it is free

func (k kiefer) wait(at api.Time, run api.Duration) api.Duration {
	first := 0
	for i := range k {
		if k[i] < k[first] {
			first = i
		}
	}
	start := max(at, k[first])
	k[first] = start.Add(run)
	return start.Sub(at)
}

// TestTheory holds mean waits against queueing theory. A mean wait varies much from run
// to run, most of it because of what came, which the twin has no part in: with 20,000
// jobs at a load of 0.8 by more than a tenth. So what came is a control variate: the
// twin's waits are held against those that must follow from the same arrivals and
// lengths, and the mean of those is estimated apart, from so many jobs that its interval
// is small (Schmeiser, Taaffe and Wang, 2001, "Biased Control-Variate Estimation";
// Giles, 2008, "Multilevel Monte Carlo Path Simulation"). The estimate is the sum: the
// mean difference and that mean, its variance the sum of both variances. DROVER_THEORY
// sets how many jobs the twin runs, and has the interval be less than 1 % to either side.
func TestTheory(t *testing.T) {
	n, apart, demanded := 4_000, 1_000_000, 0.08
	if v, err := strconv.Atoi(os.Getenv("DROVER_THEORY")); err == nil {
		n, apart, demanded = v, 60_000_000, 0.01
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
			by, byHalf := difference(t, c.servers, n, lambda, c.draw)
			mean, half := mustWait(c.servers, apart, lambda, c.draw)
			mean, half = mean+by, math.Hypot(half, byHalf)
			t.Logf("%d jobs wait longer than they must by %.9f s; mean wait of %d others, with that, %.5f s ± %.5f (99 %%: %.2f %%), theory %.5f s", n, by, apart, mean, half, 100*half/want, want)
			if math.Abs(mean-want) > half || half > demanded*want {
				t.Errorf("mean wait %.4f s ± %.4f, theory %.4f s", mean, half, want)
			}
		})
	}
}

// difference is by how much longer jobs wait in the twin than they must, in the mean,
// with its 99 % interval.
func difference(t *testing.T, servers, n int, rate float64, draw func(*rand.Rand) float64) (by, half float64) {
	t.Helper()
	w, err := New(Config{Nodes: cores(servers)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(poisson(n, rate, 7, draw), nil); err != nil {
		t.Fatal(err)
	}
	k, again := make(kiefer, servers), poisson(n, rate, 7, draw)
	more := make([]api.Duration, len(w.meter.waits))
	for i, d := range w.meter.waits {
		a, _ := again()
		must := k.wait(a.At, a.Truth[0].Run)
		if more[i] = d - must; d < must {
			t.Fatalf("job %d waits %v, and cannot begin before %v", i, d, must)
		}
	}
	return batchMeans(len(more), inTurn(more))
}

// inTurn gives times one after the other, in seconds.
func inTurn(list []api.Duration) func() float64 {
	return func() float64 {
		d := list[0]
		list = list[1:]
		return d.Std().Seconds()
	}
}

// mustWait is how long jobs must wait, in the mean, with its 99 % interval.
func mustWait(servers, n int, rate float64, draw func(*rand.Rand) float64) (mean, half float64) {
	r, k, at := rand.New(rand.NewPCG(11, 1)), make(kiefer, servers), 0.0
	return batchMeans(n, func() float64 {
		at += r.ExpFloat64() / rate
		return k.wait(seconds(at), api.Duration(draw(r)*float64(api.Second))).Std().Seconds()
	})
}

// batchMeans gives the mean and the half-width of its 99 % interval, from the
// means of 30 batches, which are nearly independent.
func batchMeans(n int, next func() float64) (mean, half float64) {
	const batches, student = 30, 2.756 // t of 29 degrees, 99.5 %
	for range n / 50 {
		next() // the queue begins empty
	}
	size := (n - n/50) / batches
	var means [batches]float64
	for i := range means {
		for range size {
			means[i] += next() / float64(size)
		}
		mean += means[i] / batches
	}
	for _, m := range means {
		half += (m - mean) * (m - mean) / (batches - 1)
	}
	return mean, student * math.Sqrt(half/batches)
}
