package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/twin"
)

// Metric is one figure of a run.
type Metric struct {
	Name   string
	Unit   string
	Higher bool // higher is better
	of     func(*Report) float64
}

// Metrics lists the figures that are compared, in the order in which they are
// shown.
func Metrics() []Metric {
	return []Metric{
		{"completionMean", "s", false, func(r *Report) float64 { return r.CompletionSeconds.Mean }},
		{"completionP50", "s", false, func(r *Report) float64 { return r.CompletionSeconds.P50 }},
		{"completionP99", "s", false, func(r *Report) float64 { return r.CompletionSeconds.P99 }},
		{"waitMean", "s", false, func(r *Report) float64 { return r.WaitSeconds.Mean }},
		{"waitP50", "s", false, func(r *Report) float64 { return r.WaitSeconds.P50 }},
		{"waitP99", "s", false, func(r *Report) float64 { return r.WaitSeconds.P99 }},
		{"stretchMean", "", false, func(r *Report) float64 { return r.Stretch.Mean }},
		{"stretchP99", "", false, func(r *Report) float64 { return r.Stretch.P99 }},
		{"makespan", "s", false, func(r *Report) float64 { return r.MakespanSeconds }},
		{"cpuTaken", "", true, func(r *Report) float64 { return r.Utilisation.CPU }},
		{"gpuTaken", "", true, func(r *Report) float64 { return r.Utilisation.GPU }},
		{"missed", "", false, func(r *Report) float64 { return float64(r.Missed) }},
		{"sleeps", "", false, func(r *Report) float64 { return float64(r.Sleeps) }},
		{"moves", "", false, func(r *Report) float64 { return float64(r.Moves) }},
		{"failed", "", false, func(r *Report) float64 { return float64(r.Failed) }},
		{"unfinished", "", false, func(r *Report) float64 { return float64(r.Unfinished + r.Refused) }},
		{"bytesOver", "GB", false, func(r *Report) float64 { return r.gigabytes("") }},
		{"cloudCloud", "GB", false, func(r *Report) float64 { return r.gigabytes("cloud-cloud") }},
		{"cloudEdge", "GB", false, func(r *Report) float64 { return r.gigabytes("cloud-edge") }},
		{"edgeEdge", "GB", false, func(r *Report) float64 { return r.gigabytes("edge-edge") }},
		{"deviceEdge", "GB", false, func(r *Report) float64 { return r.gigabytes("device-edge") }},
		{"cloudDevice", "GB", false, func(r *Report) float64 { return r.gigabytes("cloud-device") }},
		{"deviceDevice", "GB", false, func(r *Report) float64 { return r.gigabytes("device-device") }},
		{"energy", "kWh", false, func(r *Report) float64 { return r.EnergyKWh }},
		{"carbon", "kg", false, func(r *Report) float64 { return r.CarbonKg }},
		{"cost", "EUR", false, func(r *Report) float64 { return r.Cost }},
		{"ownEnergy", "kWh", true, func(r *Report) float64 { return r.OwnKWh }},
	}
}

// Comparison asks how strategies do on the same work.
type Comparison struct {
	Plan                // what all runs share; its Trace, Strategy and Seed are not used
	Work       Work     // the demand
	Strategies []string // the first is the one that others are held against
	Seeds      int      // runs of each strategy, with seeds 1 to Seeds
	Jitter     float64  // see Work
	// Opening, when it is not nil, is what makes a strategy the cell's. Jobs and
	// tenants keep those that they name; without it every job takes the strategy.
	Opening func(strategy string) []engine.Input
	Done    func(runs int)
	Workers int // runs at a time
}

// Interval is a mean over seeds with its 95 % confidence interval (Student's t).
// With one seed the interval is the value alone and says nothing.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Verdicts on a difference.
const (
	Better = "better"
	Worse  = "worse"
	Even   = "even" // the interval of the difference includes zero
)

// Difference is one metric of a strategy against the first one. Both met the same
// truths, so it is taken run by run.
type Difference struct {
	Metric  string   `json:"metric"`
	By      Interval `json:"by"`      // in the metric's unit
	Percent float64  `json:"percent"` // of the first strategy's mean; 0 where that is 0
	Verdict string   `json:"verdict"`
}

// Outcome is how one strategy did.
type Outcome struct {
	Strategy string              `json:"strategy"`
	Metrics  map[string]Interval `json:"metrics"`
	Against  []Difference        `json:"against,omitempty"` // none for the first
	Shadow   *Beside             `json:"shadow,omitempty"`  // of all runs; none for the one in the shadow
	Runs     []*Report           `json:"runs"`
}

// Compared is the answer to a Comparison.
type Compared struct {
	Jobs        int       `json:"jobs"`
	Nodes       int       `json:"nodes"`
	Seeds       int       `json:"seeds"`
	Jitter      float64   `json:"jitter"`
	Strategies  []Outcome `json:"strategies"`
	WallSeconds float64   `json:"wallSeconds"`
}

// Compare runs every strategy with every seed.
func Compare(ctx context.Context, c Comparison) (*Compared, error) {
	if len(c.Strategies) == 0 || len(c.Work) == 0 || c.Seeds < 1 || c.Seeds > 1000 || !(c.Jitter >= 0 && c.Jitter <= 3) {
		return nil, errors.New("compare: it takes a strategy, work, 1 to 1000 seeds and a jitter from 0 to 3")
	}
	began := time.Now()
	runs := make([]*Report, len(c.Strategies)*c.Seeds)
	if err := c.runAll(ctx, runs); err != nil {
		return nil, err
	}
	out := &Compared{Jobs: len(c.Work), Nodes: len(c.Fleet.Nodes), Seeds: c.Seeds, Jitter: c.Jitter}
	for i, name := range c.Strategies {
		o := Outcome{Strategy: name, Metrics: map[string]Interval{}, Runs: runs[i*c.Seeds : (i+1)*c.Seeds]}
		o.Shadow = besides(o.Runs)
		for _, m := range Metrics() {
			o.Metrics[m.Name] = interval(values(o.Runs, m))
			if i > 0 {
				o.Against = append(o.Against, difference(m, runs[:c.Seeds], o.Runs))
			}
		}
		out.Strategies = append(out.Strategies, o)
	}
	out.WallSeconds = time.Since(began).Seconds()
	return out, nil
}

func (c *Comparison) runAll(ctx context.Context, runs []*Report) error {
	return inParallel(ctx, len(runs), c.Workers, c.Done, func(ctx context.Context, i int) (err error) {
		runs[i], err = c.run(ctx, c.Strategies[i/c.Seeds], uint64(i%c.Seeds)+1)
		return err
	})
}

// inParallel does n things, so many at a time, until one fails. done, which may be nil, is told
// how many are.
func inParallel(ctx context.Context, n, workers int, done func(n int), do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for range max(workers, 1) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				if count++; done != nil {
					done(count)
				}
				mu.Unlock()
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (c *Comparison) run(ctx context.Context, strategy string, seed uint64) (*Report, error) {
	p := c.Plan
	p.Strategy, p.Seed = strategy, seed
	if p.Shadow == strategy {
		p.Shadow = ""
	}
	if c.Opening != nil {
		p.Opening, p.Strategy = c.Opening(strategy), ""
	}
	budgets := watchBudgets(p.Tenants)
	cfg := p.config()
	if len(budgets.of) > 0 {
		cfg.Watch = budgets.watch
	}
	w, err := twin.New(cfg)
	if err != nil {
		return nil, &WorldError{err}
	}
	budgets.world = w
	began := time.Now()
	got, err := w.Run(p.told(c.Work.demand(p.Start, p.Strategy, c.Jitter, seed)), func() bool { return ctx.Err() != nil })
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("rehearse %s with seed %d: %w", strategy, seed, err)
	}
	r := p.report(&got, time.Since(began))
	r.Shadow, r.Budgets = besideOf(p.Shadow, got.Shadow), budgets.out
	return r, nil
}

func values(runs []*Report, m Metric) []float64 {
	out := make([]float64, len(runs))
	for i, r := range runs {
		out[i] = m.of(r)
	}
	return out
}

// interval is the mean and its 95 % confidence interval.
func interval(v []float64) Interval {
	mean, sq := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sq += (x - mean) * (x - mean)
	}
	if len(v) < 2 {
		return Interval{mean, mean, mean}
	}
	n := float64(len(v))
	half := student(len(v)-1) * math.Sqrt(sq/(n-1)/n)
	return Interval{mean, mean - half, mean + half}
}

// student95 is the 97.5 % quantile of Student's t by degrees of freedom from 1.
var student95 = [...]float64{
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
	2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
}

// student is that quantile; beyond the table within 0.001.
func student(degrees int) float64 {
	if degrees <= len(student95) {
		return student95[degrees-1]
	}
	d := float64(degrees)
	return 1.959964 + 2.37/d + 2.8/(d*d)
}

func difference(m Metric, first, other []*Report) Difference {
	a, b := values(first, m), values(other, m)
	by := make([]float64, len(a))
	for i := range a {
		by[i] = b[i] - a[i]
	}
	d := Difference{Metric: m.Name, By: interval(by), Verdict: Even}
	if base := interval(a).Mean; base != 0 {
		d.Percent = 100 * d.By.Mean / base
	}
	switch {
	case d.By.Low > 0 && m.Higher, d.By.High < 0 && !m.Higher:
		d.Verdict = Better
	case d.By.Low > 0, d.By.High < 0:
		d.Verdict = Worse
	}
	return d
}

// Rank is how well a short rehearsal foretells the order of strategies on what
// comes after it.
type Rank struct {
	Tau       float64            `json:"tau"` // Kendall's tau-b, from -1 to 1
	Metric    string             `json:"metric"`
	Predicted map[string]float64 `json:"predicted"` // of the first part
	Actual    map[string]float64 `json:"actual"`    // of the rest
	Jobs      [2]int             `json:"jobs"`      // of the two parts
}

// RankStrategies rehearses the strategies on the first share of the work and on
// the rest.
func RankStrategies(ctx context.Context, c Comparison, metric string, share float64) (*Rank, error) {
	first, rest := c.Work.Cut(share)
	if len(first) == 0 || len(rest) == 0 || len(c.Strategies) < 2 {
		return nil, errors.New("rank: it takes two strategies and work on both sides of the cut")
	}
	out := &Rank{Metric: metric, Jobs: [2]int{len(first), len(rest)}}
	var series [2][]float64
	for i, work := range []Work{first, rest} {
		c.Work = work
		got, err := Compare(ctx, c)
		if err != nil {
			return nil, err
		}
		means := map[string]float64{}
		for _, o := range got.Strategies {
			v, ok := o.Metrics[metric]
			if !ok {
				return nil, fmt.Errorf("rank: there is no metric %q", metric)
			}
			means[o.Strategy] = v.Mean
			series[i] = append(series[i], v.Mean)
		}
		if i == 0 {
			out.Predicted = means
		} else {
			out.Actual = means
		}
	}
	out.Tau = kendall(series[0], series[1])
	return out, nil
}

// kendall is tau-b, which allows for ties (Kendall, 1945, "The Treatment of Ties
// in Ranking Problems"). Two series without any order agree: 1; one without
// against one with an order: 0.
func kendall(a, b []float64) float64 {
	agree, ordered, orderedB := 0.0, 0.0, 0.0
	for i := range a {
		for j := range i {
			x, y := sign(a[i]-a[j]), sign(b[i]-b[j])
			agree += x * y
			ordered += x * x
			orderedB += y * y
		}
	}
	switch {
	case ordered == 0 && orderedB == 0:
		return 1
	case ordered == 0 || orderedB == 0:
		return 0
	}
	return agree / math.Sqrt(ordered*orderedB)
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
