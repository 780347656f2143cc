package trace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"drover.dev/api"
)

// Model is a demand from which new ones are drawn: jobs arrive by a renewal process
// whose rate follows the hour of the day, and are drawn with all their properties
// from those that were seen, their run times varied.
type Model struct {
	// Rate of arrivals in jobs a second, for each hour of the day.
	Rate [24]float64
	// Burstiness is the coefficient of variation of the gaps between arrivals, once
	// the hour's rate is taken out: 1 for a Poisson process.
	Burstiness float64
	// Jobs is a sample of jobs, in no order. Submit does not matter.
	Jobs []Row
	// Spread is the standard deviation by which the logarithm of a run time is
	// varied: the width of the kernel of the density that is fitted to them.
	Spread float64
}

// Bounds of what a fit keeps.
const (
	maxSample = 20_000
	maxFitted = 10_000_000
)

// Bounds of the coefficient of variation of gaps.
const (
	leastBurstiness = 0.05
	mostBurstiness  = 20
)

// Fit learns a model from a trace whose rows come in order. Run times are fitted
// by a kernel density over their logarithms (Silverman, 1986, the rule of thumb
// 0.9·min(σ, IQR/1.34)·n^(−1/5)), the hour's rates by counting, with one rate for
// all hours when the trace is shorter than two days.
func Fit(r Reader, seed uint64) (*Model, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &Model{}
	var at []api.Duration
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(at) == maxFitted {
			return nil, fmt.Errorf("the trace has more than %d jobs: fit a part of it", maxFitted)
		}
		at = append(at, row.Submit)
		// Every row has the same chance to stay in the sample (Vitter's algorithm R).
		if len(m.Jobs) < maxSample {
			m.Jobs = append(m.Jobs, row)
		} else if i := rng.IntN(len(at)); i < maxSample {
			m.Jobs[i] = row
		}
	}
	if len(at) < 2 {
		return nil, errors.New("the trace has fewer than two jobs: nothing can be learned from it")
	}
	slices.Sort(at) // traces of one clock may be a little out of order
	m.fitRate(at)
	m.fitBurstiness(at)
	m.Spread = bandwidth(m.Jobs)
	return m, nil
}

func (m *Model) fitRate(at []api.Duration) {
	first := at[0]
	span := max(at[len(at)-1]-first, api.Millisecond)
	if span < 2*api.Day {
		for h := range m.Rate {
			m.Rate[h] = float64(len(at)-1) / span.Std().Seconds()
		}
		return
	}
	for _, t := range at {
		m.Rate[hourOf(t-first)]++
	}
	for h := range m.Rate { // by how often that hour was seen
		days, part := span/api.Day, span%api.Day
		seen := days*api.Hour + min(max(part-api.Duration(h)*api.Hour, 0), api.Hour)
		m.Rate[h] /= seen.Std().Seconds()
	}
}

func hourOf(t api.Duration) int { return int(t / api.Hour % 24) }

// fitBurstiness takes the gaps in operational time, in which the rate is 1.
func (m *Model) fitBurstiness(at []api.Duration) {
	n, sum, squares := 0.0, 0.0, 0.0
	for i := 1; i < len(at); i++ {
		g := m.expected(at[i-1]-at[0], at[i]-at[0])
		n, sum, squares = n+1, sum+g, squares+g*g
	}
	mean := sum / n
	m.Burstiness = 1
	if v := squares/n - mean*mean; mean > 0 && v > 0 {
		m.Burstiness = min(max(math.Sqrt(v)/mean, leastBurstiness), mostBurstiness)
	}
}

// expected is how many arrivals the rates expect between two moments.
func (m *Model) expected(from, to api.Duration) (n float64) {
	if whole := (to - from) / api.Day; whole > 0 {
		day := 0.0
		for _, r := range m.Rate {
			day += r * 3600
		}
		n += float64(whole) * day
		from += whole * api.Day
	}
	for from < to {
		end := min((from/api.Hour+1)*api.Hour, to)
		n += m.Rate[hourOf(from)] * (end - from).Std().Seconds()
		from = end
	}
	return n
}

func bandwidth(jobs []Row) float64 {
	var logs []float64
	for i := range jobs {
		if jobs[i].Run > 0 {
			logs = append(logs, math.Log(jobs[i].Run.Std().Seconds()))
		}
	}
	if len(logs) < 2 {
		return 0
	}
	slices.Sort(logs)
	mean, variance := 0.0, 0.0
	for _, v := range logs {
		mean += v / float64(len(logs))
	}
	for _, v := range logs {
		variance += (v - mean) * (v - mean) / float64(len(logs)-1)
	}
	width := math.Sqrt(variance)
	if iqr := logs[len(logs)*3/4] - logs[len(logs)/4]; iqr > 0 {
		width = min(width, iqr/1.34)
	}
	return 0.9 * width * math.Pow(float64(len(logs)), -0.2)
}

// Generate gives n jobs, always the same for a seed. The model must have jobs and
// a rate.
func (m *Model) Generate(n int, seed uint64) (Reader, error) {
	total := 0.0
	for _, r := range m.Rate {
		if r < 0 || math.IsNaN(r) || math.IsInf(r, 0) {
			return nil, fmt.Errorf("a rate of %g jobs a second is impossible", r)
		}
		total += r
	}
	if total == 0 || len(m.Jobs) == 0 || m.Burstiness <= 0 || m.Spread < 0 {
		return nil, errors.New("a demand is made from a rate, a burstiness and at least one kind of job")
	}
	return &generator{m: m, left: n, rng: rand.New(rand.NewPCG(seed, 2))}, nil
}

type generator struct {
	m    *Model
	left int
	n    int
	at   api.Duration
	rng  *rand.Rand
}

func (g *generator) Next() (Row, error) {
	if g.left == 0 {
		return Row{}, io.EOF
	}
	g.left--
	if g.n > 0 {
		g.at = g.m.after(g.at, g.gap())
	}
	if g.at > maxTime {
		return Row{}, fmt.Errorf("after %d jobs the trace is longer than 100 years: raise the rate", g.n)
	}
	g.n++
	r := g.m.Jobs[g.rng.IntN(len(g.m.Jobs))]
	r.ID, r.Submit = strconv.Itoa(g.n), g.at
	r.Use = slices.Clone(r.Use)
	// A factor of mean 1: the run times' mean stays.
	s := g.m.Spread
	f := math.Exp(s*g.rng.NormFloat64() - s*s/2)
	r.Run = min(api.Duration(float64(r.Run)*f), maxTime)
	return r, nil
}

// gap is a gap in operational time: of mean 1, gamma-distributed with the
// burstiness as its coefficient of variation.
func (g *generator) gap() float64 {
	shape := 1 / (g.m.Burstiness * g.m.Burstiness)
	return g.gamma(shape) / shape
}

// gamma draws from the gamma distribution of scale 1 (Marsaglia and Tsang, 2000,
// "A Simple Method for Generating Gamma Variables").
func (g *generator) gamma(shape float64) float64 {
	if shape < 1 {
		return g.gamma(shape+1) * math.Pow(g.rng.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := g.rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-g.rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// after is the moment at which so many arrivals were expected since from.
func (m *Model) after(from api.Duration, expected float64) api.Duration {
	day := m.expected(0, api.Day)
	if whole := math.Floor(expected / day); whole > 0 {
		if whole > float64(maxTime/api.Day) {
			return maxTime + 1
		}
		from += api.Duration(whole) * api.Day
		expected -= whole * day
	}
	for {
		rate, end := m.Rate[hourOf(from)], (from/api.Hour+1)*api.Hour
		within := rate * (end - from).Std().Seconds()
		if expected <= within && rate > 0 {
			return from + api.Duration(expected/rate*float64(api.Second))
		}
		expected -= within
		from = end
	}
}

// Poisson is a model without a trace: jobs of one kind at a constant rate, whose
// run times have an exponential distribution.
func Poisson(rate float64, job Row) *Model {
	m := &Model{Burstiness: 1}
	for h := range m.Rate {
		m.Rate[h] = rate
	}
	const quantiles = 10_000
	sum := 0.0
	for i := range quantiles {
		q := -math.Log(1 - (float64(i)+0.5)/quantiles)
		sum += q
		row := job
		row.Run = api.Duration(float64(job.Run) * q)
		m.Jobs = append(m.Jobs, row)
	}
	slices.SortFunc(m.Jobs, func(a, b Row) int { return cmp.Compare(a.Run, b.Run) })
	for i := range m.Jobs { // the quantiles' mean is a little less than 1
		m.Jobs[i].Run = api.Duration(float64(m.Jobs[i].Run) * quantiles / sum)
	}
	return m
}
