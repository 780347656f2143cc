package signal

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"drover.dev/api"
)

// Point is a value from a moment on.
type Point struct {
	At    api.Time
	Value float64
}

// Points are values over time as a source gave them, in the order of their times.
// Values may be missing (NaN), steps may be uneven, and some may be skipped.
type Points []Point

// step is the distance that most points have to the next one; of several the least.
func (p Points) step() api.Duration {
	counts := map[api.Duration]int{}
	best := api.Hour
	for i := 1; i < len(p); i++ {
		d := p[i].At.Sub(p[i-1].At)
		counts[d]++
		if n := counts[d] - counts[best]; n > 0 || n == 0 && d < best {
			best = d
		}
	}
	return best
}

// holds is how long the value of each point lasts: to the next one, unless steps were
// skipped. A distance counts as skipped when it is longer than an hour and than one
// and a half of the one before; steps that become longer within an hour are steps.
func (p Points) holds(usual api.Duration) []api.Duration {
	out := make([]api.Duration, len(p))
	before := usual
	for i := range p {
		out[i] = before
		if i+1 < len(p) {
			if d := p[i+1].At.Sub(p[i].At); d <= max(api.Hour, before+before/2) {
				out[i], before = d, d
			}
		}
	}
	return out
}

// grids are the steps that signals are kept in.
var grids = [...]api.Duration{5 * api.Minute, 15 * api.Minute, 30 * api.Minute, api.Hour}

// gridFor is the finest grid that is not finer than the points, and on which the
// stretch is no more than most values.
func gridFor(usual, stretch api.Duration, most int) api.Duration {
	for _, g := range grids {
		if g >= min(usual, api.Hour) && stretch/g < api.Duration(most) {
			return g
		}
	}
	return api.Hour
}

// maxFill is how long a gap may be that is filled; a longer one cuts off what is
// before it.
const maxFill = 6 * api.Hour

// Gridded is points brought to a grid of equal steps.
type Gridded struct {
	Start  api.Time
	Step   api.Duration
	Values []float64
	Filled int // values that are made up where none came
}

// Grid brings the points from a moment on to a grid: a step's value is the mean of
// what held in it, by time. Gaps of up to six hours are filled by the line between
// their ends; of longer ones only what is behind the last is kept.
func (p Points) Grid(from api.Time) (*Gridded, error) {
	p = slices.DeleteFunc(slices.Clone(p), func(v Point) bool { return math.IsNaN(v.Value) })
	if first := slices.IndexFunc(p, func(v Point) bool { return v.At >= from }); first > 0 {
		p = p[first-1:]
	} else if first < 0 && len(p) > 0 {
		p = p[len(p)-1:]
	}
	if len(p) == 0 {
		return nil, errors.New("there is no value")
	}
	usual := p.step()
	step := gridFor(usual, p[len(p)-1].At.Sub(p[0].At), api.MaxSignalValues)
	g := &Gridded{Start: floor(p[0].At, step), Step: step}
	holds := p.holds(min(usual, api.Hour))
	last := p[len(p)-1].At.Add(holds[len(p)-1])
	n := int((last.Sub(g.Start) + step - 1) / step)
	if n > 3*api.MaxSignalValues {
		return nil, fmt.Errorf("values from %s to %s are too many for one signal", p[0].At, last)
	}
	g.Values = means(p, holds, g, n)
	g.fill()
	if most := api.MaxSignalValues; len(g.Values) > most {
		g.Start, g.Values = g.Start.Add(api.Duration(len(g.Values)-most)*step), g.Values[len(g.Values)-most:]
	}
	return g, nil
}

func floor(t api.Time, step api.Duration) api.Time {
	return t - t%api.Time(step)
}

// means are the values by step, NaN where nothing held.
func means(p Points, holds []api.Duration, g *Gridded, n int) []float64 {
	out, weight := make([]float64, n), make([]float64, n)
	for i := range p {
		for from, end := p[i].At, p[i].At.Add(holds[i]); from < end; {
			at := int(from.Sub(g.Start) / g.Step)
			to := min(end, g.Start.Add(api.Duration(at+1)*g.Step))
			w := to.Sub(from).Std().Seconds()
			out[at] += w * p[i].Value
			weight[at] += w
			from = to
		}
	}
	for i := range out {
		out[i] /= weight[i] // NaN without weight
	}
	return out
}

// fill makes up what is missing in short gaps and cuts at long ones.
func (g *Gridded) fill() {
	known, most := 0, int(maxFill/g.Step)
	for i := range g.Values {
		if math.IsNaN(g.Values[i]) {
			continue
		}
		gap := i - known - 1
		switch {
		case gap > most:
			g.Start, g.Values, g.Filled = g.Start.Add(api.Duration(i)*g.Step), g.Values[i:], 0
			g.fill()
			return
		case gap > 0:
			a, b := g.Values[known], g.Values[i]
			for k := 1; k <= gap; k++ {
				g.Values[known+k] = a + (b-a)*float64(k)/float64(gap+1)
			}
			g.Filled += gap
		}
		known = i
	}
}

// Integers are the values in the unit of a signal's integers.
func (g *Gridded) Integers(factor float64) []int64 {
	out := make([]int64, len(g.Values))
	for i, v := range g.Values {
		out[i] = int64(math.Round(v * factor))
	}
	return out
}
