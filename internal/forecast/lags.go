package forecast

import "math"

// unit is a series made comparable: less its level, over its scale.
type unit struct {
	x       []float64
	level   float64
	scale   float64
	periods []int // those of which it holds two
}

func newUnit(x []float64, periods []int) unit {
	u := unit{level: median(x), scale: MASEScale(x, 1)}
	for _, m := range periods {
		if len(x) >= 2*m+2 {
			u.periods = append(u.periods, m)
		}
	}
	if len(u.periods) > 0 {
		u.scale = MASEScale(x, u.periods[len(u.periods)-1])
	}
	if !(u.scale > 1e-9*(math.Abs(u.level)+1e-300)) {
		u.scale = max(math.Sqrt(variance(x)), 1e-9*math.Abs(u.level), 1e-300)
	}
	u.x = make([]float64, len(x))
	for i, v := range x {
		u.x[i] = (v - u.level) / u.scale
	}
	return u
}

func (u *unit) walk(c *codec) {
	c.floats(&u.x)
	c.float(&u.level)
	c.float(&u.scale)
}

// layout is which features a direct forecast h steps ahead looks at.
type layout struct {
	periods []int
	horizon int
	reach   int // past values that are needed
}

// The numbers of seasons back that become features.
const (
	daysBack  = 7
	weeksBack = 3
)

func newLayout(periods []int, horizon, shortest int) layout {
	l := layout{horizon: horizon, reach: 12}
	for _, m := range periods {
		if 2*m+2*horizon <= shortest {
			l.periods = append(l.periods, m)
		}
	}
	if n := len(l.periods); n > 0 {
		l.reach = max(12, l.lag(n-1, horizon, 0)-horizon+l.periods[n-1]/2, 2*l.periods[0])
	}
	return l
}

// need is how many of the last values a row looks at, at most.
func (l layout) need() int {
	n := 14
	for i, m := range l.periods {
		n = max(n, max(l.back(i), 2)*m+2)
	}
	return n
}

func (l *layout) walk(c *codec) {
	c.steps(&l.periods, MaxPeriod)
	c.number(&l.horizon)
	c.number(&l.reach)
	c.require(len(l.periods) <= 10 && l.horizon >= 1 && l.horizon <= MaxHorizon)
}

// back is how many seasons of period i are looked at.
func (l layout) back(i int) int {
	if i == 0 && len(l.periods) > 1 {
		return min(daysBack, l.periods[1]/l.periods[0])
	}
	return weeksBack
}

// lag is the distance from the target, h steps ahead, to its k-th known
// counterpart in period i.
func (l layout) lag(i, h, k int) int {
	m := l.periods[i]
	return ((h+m-1)/m + k) * m
}

// row appends the features of the target h steps after x[at], relative to base,
// which it returns: the value of the longest season ago, or the last one.
func (l layout) row(x []float64, at, h int, out []float64) (row []float64, base float64) {
	t := at + h
	get := func(i int) float64 { return x[max(0, i)] }
	before := func(lag, m int) float64 { // further back than the series reaches: the nearest season
		for t-lag < 0 && lag > m {
			lag -= m
		}
		return get(t - lag)
	}
	base = x[at]
	if p := len(l.periods); p > 0 {
		base = get(t - l.lag(p-1, h, 0))
	}
	out = append(out, float64(h), base, get(at)-base, get(at-1)-base, get(at)-get(at-2))
	for i, m := range l.periods {
		sum := 0.0
		for k := range l.back(i) {
			lag := l.lag(i, h, k)
			v := before(lag, m)
			sum += v
			out = append(out, v-base)
			if k == 0 {
				out = append(out, get(t-lag-1)-v, get(t-lag+1*min(1, lag-h))-v)
			}
		}
		out = append(out, sum/float64(l.back(i))-base)
		out = append(out, get(at)-get(at-m), get(at-1)-get(at-1-m), segment(x, at, m)-segment(x, at-m, m), segment(x, at, m)-base)
		out = append(out, segment(x, at, m/4)-segment(x, at-m, m/4))
	}
	if len(l.periods) == 0 {
		for k := 2; k < 12; k++ {
			out = append(out, get(at-k)-base)
		}
	}
	return out, base
}

// segment is the mean of the w values up to x[at].
func segment(x []float64, at, w int) float64 {
	w = max(1, w)
	lo := max(0, at-w+1)
	if at < lo {
		return x[0]
	}
	return mean(x[lo : at+1])
}
