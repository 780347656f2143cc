package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/forecast"
	"drover.dev/internal/provision"
)

// Rightsizing compares what was asked for, or where that is not known the largest use of
// the first third, with what is recommended anew each day from the fortnight before. Slack is the part of what
// is asked for that is not used, over all steps and series; the note tells how often use
// was above it. perDay is how many steps a day has.
func (g Gains) Rightsizing(data string, loads []Load, perDay int) Gain {
	var asked, recommended, used, above, aboveOnce, steps float64
	for _, l := range loads {
		begin := len(l.Values) / historyShare
		once := cmp.Or(l.Asked, slices.Max(l.Values[:max(begin, 1)]))
		if once <= 0 {
			continue
		}
		limit := 0.0
		for t := begin; t < len(l.Values); t++ {
			if (t-begin)%perDay == 0 {
				limit = requested(l.Values[max(0, t-14*perDay):t])
			}
			y := l.Values[t]
			asked, recommended, steps = asked+once, recommended+limit, steps+1
			used += min(y, once)
			if y > once {
				aboveOnce++
			}
			if y > limit {
				above++
			}
		}
	}
	return Gain{
		Decision: "right-sizing", Data: data, Series: len(loads), Steps: int(steps), Measure: "slack, %",
		Without: 100 * (1 - used/asked), With: 100 * (1 - used/recommended),
		Note: "use is above what is asked for in " + inPercent(above/steps) + " of the steps, without in " + inPercent(aboveOnce/steps),
	}
}

// requested is the CPU that is recommended for a history of use, of which the unit may be
// anything.
func requested(history []float64) float64 {
	scale := 1e6 / max(slices.Max(history), 1e-9)
	u := provision.Use{}
	for _, v := range history {
		u.CPU = append(u.CPU, provision.Sample{N: 1, Mean: v * scale, Max: v * scale})
	}
	return float64(provision.Request(u, api.Resources{}).CPU) / scale
}

// Capacity grades the chance that demand is above a capacity, day ahead: the capacity is
// the 90 % quantile of the first third, the chance comes from the forecast's intervals, and
// without forecasts it is the share of steps above so far. The measure is Brier's.
// A chance is believed as far as those told before it, of all loads, could be: [provision.Skill].
func (g Gains) Capacity(data string, loads []Load, perDay int) (Gain, error) {
	var with, told, without []float64
	var came []bool
	var skill provision.Skill
	begin := func(l Load) int { return len(l.Values) / historyShare }
	for day := 0; ; day++ {
		var graded []func()
		for _, l := range loads {
			t := begin(l) + day*perDay
			if t+perDay > len(l.Values) {
				continue
			}
			sorted := slices.Sorted(slices.Values(l.Values[:begin(l)]))
			capacity := sorted[int(0.9*float64(len(sorted)))]
			p, err := g.dayAhead(l, t, perDay)
			if err != nil {
				return Gain{}, err
			}
			base := 0.0
			for _, v := range l.Values[:t] {
				if v > capacity {
					base += 1 / float64(t)
				}
			}
			for h := range perDay {
				chance, is := interval(p, h).Above(capacity), l.Values[t+h] > capacity
				with, told, without, came = append(with, skill.Chance(chance, base)), append(told, chance), append(without, base), append(came, is)
				graded = append(graded, func() { skill.Grade(chance, base, is) })
			}
		}
		if len(graded) == 0 {
			break
		}
		for _, grade := range graded { // only when the day is over
			grade()
		}
	}
	return Gain{
		Decision: "capacity", Data: data, Series: len(loads), Steps: len(came), Measure: "Brier score",
		Without: provision.Brier(without, came), With: provision.Brier(with, came),
		Note: fmt.Sprintf("chance of a demand above the 90 %% quantile of the first third, %d steps ahead; without is the share so far; as told it is %.4f, in the end believed to %.0f %%",
			perDay, provision.Brier(told, came), 100*skill.Weight()),
	}, nil
}

func (g Gains) dayAhead(l Load, t, perDay int) (forecast.Forecast, error) {
	m, err := forecast.New(cmp.Or(g.Model, "auto"), forecast.Options{Horizon: perDay, Seed: 1, Stop: g.Run.Stop})
	if err != nil {
		return forecast.Forecast{}, err
	}
	s := forecast.Series{Values: l.Values[:t]}
	if 2*l.Period <= t && l.Period > 1 {
		s.Periods = []int{l.Period}
	}
	fits, err := forecast.FitEach(m, []forecast.Series{s}, g.Run)
	if err != nil {
		return forecast.Forecast{}, err
	}
	return fits[0].Predict(perDay)
}

// Coarser joins steps, n at a time, by their means; a part at the end is dropped.
func (l Load) Coarser(n int) Load {
	out := Load{Name: l.Name, Period: l.Period / n}
	for i := 0; i+n <= len(l.Values); i += n {
		out.Values = append(out.Values, mean(l.Values[i:i+n]))
	}
	return out
}

// Whole leaves out loads that are shorter than four fifths of the longest.
func Whole(loads []Load) (out []Load) {
	longest := 0
	for _, l := range loads {
		longest = max(longest, len(l.Values))
	}
	for _, l := range loads {
		if 5*len(l.Values) >= 4*longest {
			out = append(out, l)
		}
	}
	return out
}

// Sums adds loads up, so many at a time; the shortest of them says how long the sum is.
func Sums(loads []Load, n int) (out []Load) {
	for part := range slices.Chunk(loads, n) {
		length := math.MaxInt
		for _, l := range part {
			length = min(length, len(l.Values))
		}
		sum := Load{Name: part[0].Name, Period: part[0].Period, Values: make([]float64, length)}
		for _, l := range part {
			for i := range sum.Values {
				sum.Values[i] += l.Values[i]
			}
		}
		out = append(out, sum)
	}
	return out
}
