package profile

import (
	"bufio"
	"compress/gzip"
	"container/heap"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"drover.dev/api"
)

// job is one run of a trace; times in ns.
type job struct {
	arrival api.Time
	length  api.Duration
	key     string
}

// predictor is what a replay grades: ours and the baselines.
type predictor interface {
	Observe(run api.Duration)
	Interval() (low, mid, high api.Duration)
}

// grade is how well intervals did.
type grade struct {
	n, inside, below, above int
	width, octaves          float64 // sums of (high-low)/mid and log2(high/low)
	hits                    []bool  // in order of arrival
}

func (g *grade) add(low, mid, high, run api.Duration) {
	g.n++
	g.hits = append(g.hits, low <= run && run <= high)
	switch {
	case run < low:
		g.below++
	case run > high:
		g.above++
	default:
		g.inside++
	}
	g.width += float64(high-low) / float64(max(mid, 1))
	g.octaves += math.Log2(float64(max(high, 1)) / float64(max(low, 1)))
}

func (g *grade) coverage() float64 { return float64(g.inside) / float64(max(g.n, 1)) }

// stretches returns the lowest and highest coverage of any n predictions in a row.
func (g *grade) stretches(n int) (low, high float64) {
	low, high = 1, 0
	inside := 0
	for i, hit := range g.hits {
		if hit {
			inside++
		}
		if i >= n && g.hits[i-n] {
			inside--
		}
		if i >= n-1 {
			c := float64(inside) / float64(n)
			low, high = min(low, c), max(high, c)
		}
	}
	return low, high
}

func (g *grade) String() string {
	n := float64(max(g.n, 1))
	return fmt.Sprintf("n %6d  coverage %5.1f %%  below %4.1f %%  above %4.1f %%  mean width/median %6.2f  mean octaves %5.2f",
		g.n, 100*g.coverage(), 100*float64(g.below)/n, 100*float64(g.above)/n, g.width/n, g.octaves/n)
}

// running is a heap of jobs by their end.
type running []job

func (r running) end(i int) api.Time { return r[i].arrival + api.Time(r[i].length) }
func (r running) Len() int           { return len(r) }
func (r running) Less(i, j int) bool { return r.end(i) < r.end(j) }
func (r running) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *running) Push(x any)        { *r = append(*r, x.(job)) }
func (r *running) Pop() any          { n := len(*r) - 1; x := (*r)[n]; *r = (*r)[:n]; return x }

// replay predicts each job at its arrival from the jobs of its key that had
// ended by then, and grades the prediction. A key's first job has no history
// and is not graded.
func replay(jobs []job, fresh func() predictor) *grade {
	seen := map[string]predictor{}
	var open running
	g := &grade{}
	for _, j := range jobs {
		for len(open) > 0 && open.end(0) <= j.arrival {
			done := heap.Pop(&open).(job)
			seen[done.key].Observe(done.length)
		}
		p := seen[j.key]
		if p == nil {
			p = fresh()
			seen[j.key] = p
		}
		if low, mid, high := p.Interval(); mid > 0 {
			g.add(low, mid, high, j.length)
		}
		heap.Push(&open, j)
	}
	return g
}

// lastFive is the baseline that people use by eye: the range of the last runs.
type lastFive struct{ runs []api.Duration }

func (l *lastFive) Observe(run api.Duration) {
	l.runs = append(l.runs, run)
	if len(l.runs) > 5 {
		l.runs = l.runs[1:]
	}
}

func (l *lastFive) Interval() (low, mid, high api.Duration) { return quantiles(l.runs, 0, 0.5, 1) }

// empirical is the baseline of plain quantiles of the same window.
type empirical struct{ runs []api.Duration }

func (e *empirical) Observe(run api.Duration) {
	e.runs = append(e.runs, run)
	if len(e.runs) > Window {
		e.runs = e.runs[1:]
	}
}

func (e *empirical) Interval() (low, mid, high api.Duration) {
	return quantiles(e.runs, 0.1, 0.5, 0.9)
}

func ours() predictor     { return &History{} }
func rangeOf5() predictor { return &lastFive{} }
func plain() predictor    { return &empirical{} }

// quantiles are linear between order statistics (type 7 of Hyndman and Fan).
func quantiles(runs []api.Duration, a, b, c float64) (low, mid, high api.Duration) {
	if len(runs) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(runs))
	at := func(q float64) api.Duration {
		x := q * float64(len(sorted)-1)
		i := int(x)
		j := min(i+1, len(sorted)-1)
		return sorted[i] + api.Duration((x-float64(i))*float64(sorted[j]-sorted[i]))
	}
	return at(a), at(b), at(c)
}

// dataFile opens a file of the public data folder, or skips the test.
func dataFile(t *testing.T, name string) io.Reader {
	t.Helper()
	root := os.Getenv("DROVER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Skipf("SKIPPED, nothing was checked: %v (set DROVER_DATA to the folder of public data)", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// gaia reads a trace of arrival, length, cpus; unit is that of its times. The
// trace names no user and no program: what it has of "the same workload" is
// only the number of CPUs, so that is the key.
func gaia(t *testing.T, name string, unit api.Duration) []job {
	t.Helper()
	var jobs []job
	scan := bufio.NewScanner(dataFile(t, name))
	scan.Scan() // the header
	for scan.Scan() {
		f := strings.Split(strings.TrimSpace(scan.Text()), ",")
		if len(f) != 3 {
			t.Fatalf("%s: %q has not three columns", name, scan.Text())
		}
		arrival, err1 := strconv.ParseFloat(f[0], 64)
		length, err2 := strconv.ParseFloat(f[1], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %q: %v %v", name, scan.Text(), err1, err2)
		}
		jobs = append(jobs, job{api.Time(arrival * float64(unit)), api.Duration(length * float64(unit)), f[2]})
	}
	if scan.Err() != nil || len(jobs) == 0 {
		t.Fatalf("%s: %d jobs: %v", name, len(jobs), scan.Err())
	}
	return jobs
}

// compare replays a trace with ours and the baselines, prints all, returns ours.
func compare(t *testing.T, name string, jobs []job) *grade {
	t.Helper()
	g := replay(jobs, ours)
	t.Logf("%-28s ours              %s", name, g)
	t.Logf("%-28s range of last 5   %s", name, replay(jobs, rangeOf5))
	t.Logf("%-28s plain quantiles   %s", name, replay(jobs, plain))
	return g
}

func TestCoverageGAIA(t *testing.T) {
	for _, c := range []struct {
		name string
		unit api.Duration
	}{{"gaia/pai_1k.csv", api.Second}, {"gaia/pai-100k.csv.gz", api.Hour}} {
		t.Run(c.name, func(t *testing.T) {
			jobs := gaia(t, c.name, c.unit)
			g := compare(t, c.name, jobs)
			within(t, g, 0.75, 0.85)
			low, high := g.stretches(500)
			t.Logf("%-28s any 500 in a row: %.1f to %.1f %%", c.name, 100*low, 100*high)
			one := slices.Clone(jobs)
			for i := range one {
				one[i].key = ""
			}
			within(t, compare(t, "all jobs alike", one), 0.75, 0.85)
			for part := range 4 {
				var some []job
				rnd := rand.New(rand.NewPCG(uint64(part), 1))
				for _, j := range jobs {
					if rnd.IntN(2) == 0 {
						some = append(some, j)
					}
				}
				within(t, compare(t, fmt.Sprintf("half %d", part), some), 0.75, 0.85)
			}
		})
	}
}

// TestCoverageSynthetic replays distributions that the rules were not made for.
// A job arrives when the one before has ended, so that what is graded is the
// interval and not the lag.
func TestCoverageSynthetic(t *testing.T) {
	type source func(r *rand.Rand, i int) float64 // seconds
	for _, c := range []struct {
		name string
		draw source
		low  float64
		high float64
	}{
		{"uniform", func(r *rand.Rand, _ int) float64 { return 10 + r.Float64() }, 0.77, 0.83},
		{"exponential", func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() }, 0.77, 0.83},
		{"lognormal, sigma 2", func(r *rand.Rand, _ int) float64 { return math.Exp(2 * r.NormFloat64()) }, 0.77, 0.83},
		{"Pareto, alpha 0.8", func(r *rand.Rand, _ int) float64 { return math.Pow(1-r.Float64(), -1/0.8) }, 0.77, 0.83},
		{"two modes, 1 s and 1 h", func(r *rand.Rand, _ int) float64 {
			return []float64{1, 1, 3600}[r.IntN(3)] * math.Exp(0.1*r.NormFloat64())
		}, 0.77, 0.83},
		{"doubles every 500 runs", func(r *rand.Rand, i int) float64 {
			return math.Exp(0.2*r.NormFloat64()) * math.Pow(2, float64(i)/500)
		}, 0.77, 0.83},
		{"grows tenfold in 300 runs, again and again", func(r *rand.Rand, i int) float64 {
			return math.Exp(0.3*r.NormFloat64()) * math.Pow(10, float64(i%300)/300)
		}, 0.75, 0.85},
		{"steps by 8 each 400 runs", func(r *rand.Rand, i int) float64 {
			return math.Exp(0.5*r.NormFloat64()) * []float64{1, 8}[i/400%2]
		}, 0.75, 0.85},
		{"spread swells and shrinks", func(r *rand.Rand, i int) float64 {
			return math.Exp((1 + math.Sin(float64(i)/200)) * r.NormFloat64())
		}, 0.75, 0.85},
		{"correlated, AR(1) of 0.95 in logarithm", correlated(0.95), 0.75, 0.85},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(3) {
				r := rand.New(rand.NewPCG(seed, 7))
				jobs := make([]job, 4000)
				now := api.Time(0)
				for i := range jobs {
					jobs[i] = job{now, api.Duration(c.draw(r, i) * float64(api.Second)), ""}
					now = now.Add(jobs[i].length)
				}
				if seed == 0 {
					within(t, compare(t, c.name, jobs), c.low, c.high)
				} else {
					within(t, replay(jobs, ours), c.low, c.high)
				}
			}
		})
	}
}

// correlated draws run times whose logarithm is autoregressive of order one.
func correlated(phi float64) func(r *rand.Rand, i int) float64 {
	x := 0.0
	return func(r *rand.Rand, i int) float64 {
		if i == 0 {
			x = 0
		}
		x = phi*x + 0.3*r.NormFloat64()
		return math.Exp(x)
	}
}

func within(t *testing.T, g *grade, low, high float64) {
	t.Helper()
	if c := g.coverage(); c < low || c > high {
		t.Errorf("the 80 %% interval covers %.1f %% of the runs, want %.0f to %.0f %%", 100*c, 100*low, 100*high)
	}
}
