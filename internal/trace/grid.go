package trace

import (
	"fmt"

	"drover.dev/api"
)

// Grid is a signal at equal steps: value i holds from From + i·Step on.
type Grid struct {
	From   api.Time
	Step   api.Duration
	Values []float64
	Held   int // steps without a sample of their own, in which the one before goes on
}

const maxGrid = 5_000_000

// UsualStep is the distance that most samples have from the next.
func UsualStep(samples []Sample) api.Duration {
	count := map[api.Duration]int{}
	best := api.Duration(0)
	for i := 1; i < len(samples); i++ {
		step := api.Duration(samples[i].At - samples[i-1].At)
		count[step]++
		if count[step] > count[best] {
			best = step
		}
	}
	return best
}

// OnGrid brings samples to equal steps that begin with a multiple of step: the mean
// over each step, a sample holding until the next and the last one as long as usual.
func OnGrid(samples []Sample, step api.Duration) (Grid, error) {
	usual := UsualStep(samples)
	if len(samples) < 2 || step <= 0 {
		return Grid{}, fmt.Errorf("%d values do not say how often they come", len(samples))
	}
	g := Grid{From: samples[0].At - samples[0].At%api.Time(step), Step: step}
	end := samples[len(samples)-1].At + api.Time(usual)
	n := int64(end-g.From) / int64(step)
	if n < 1 || n > maxGrid {
		return Grid{}, fmt.Errorf("it has %d steps of %s: at least one and at most %d can be", n, step, maxGrid)
	}
	g.Values = make([]float64, n)
	own := make([]bool, n)
	for i, s := range samples {
		until := end
		if i+1 < len(samples) {
			until = samples[i+1].At
		}
		g.spread(s, until, own)
	}
	g.Values[0] *= float64(step) / float64(g.From+api.Time(step)-samples[0].At)
	for _, has := range own {
		if !has {
			g.Held++
		}
	}
	return g, nil
}

// spread adds a sample's share to the steps until another comes.
func (g *Grid) spread(s Sample, until api.Time, own []bool) {
	for at := s.At; at < until; {
		i := int64(at-g.From) / int64(g.Step)
		if i >= int64(len(g.Values)) {
			return
		}
		stop := min(until, g.From+api.Time(g.Step)*api.Time(i+1))
		g.Values[i] += s.Value * float64(stop-at) / float64(g.Step)
		own[i] = own[i] || at == s.At
		at = stop
	}
}

// Cut is the part of a grid between two times.
func (g Grid) Cut(from, to api.Time) Grid {
	first := max(int64(from-g.From)/int64(g.Step), 0)
	last := min(int64(to-g.From)/int64(g.Step), int64(len(g.Values)))
	if last <= first {
		return Grid{From: from, Step: g.Step}
	}
	return Grid{From: g.From + api.Time(first*int64(g.Step)), Step: g.Step, Values: g.Values[first:last]}
}

// End is when the last step ends.
func (g Grid) End() api.Time { return g.From + api.Time(int64(g.Step)*int64(len(g.Values))) }
