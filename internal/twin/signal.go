package twin

import (
	"errors"
	"fmt"
	"math"

	"drover.dev/api"
)

// Point is the value of a signal from a moment on.
type Point struct {
	At    api.Time
	Value float64
}

// Signal is a value over time that steps from point to point: the carbon intensity of
// a grid in g CO2e/kWh, for instance, or the price of energy. After its
// last point, which lasts as long as the one before, and before its first it repeats.
type Signal struct {
	points []Point
	sums   []float64 // integral from the first point to each, in value times seconds
	period api.Duration
	whole  float64 // integral over the period
}

// Constant is a signal that never changes. Its integral counts from start.
func Constant(value float64, start api.Time) *Signal {
	return &Signal{points: []Point{{start, value}}, sums: []float64{0}, period: math.MaxInt64}
}

// NewSignal makes a signal of points in the order of their times, at least two.
func NewSignal(points []Point) (*Signal, error) {
	if len(points) < 2 {
		return nil, errors.New("a signal has at least two points")
	}
	s := &Signal{points: points, sums: make([]float64, len(points))}
	for i := range points {
		if v := points[i].Value; math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the signal is %g at %s", v, points[i].At)
		}
		if i == 0 {
			continue
		}
		d := points[i].At.Sub(points[i-1].At)
		if d <= 0 {
			return nil, fmt.Errorf("the signal's point at %s does not come after the one before", points[i].At)
		}
		s.sums[i] = s.sums[i-1] + float64(points[i-1].Value*d.Std().Seconds())
	}
	last := len(points) - 1
	tail := points[last].At.Sub(points[last-1].At)
	s.period = points[last].At.Sub(points[0].At) + tail
	s.whole = s.sums[last] + float64(points[last].Value*tail.Std().Seconds())
	return s, nil
}

// Times is the signal with every value so many times as large.
func (s *Signal) Times(by float64) *Signal {
	out := &Signal{points: make([]Point, len(s.points)), sums: make([]float64, len(s.sums)), period: s.period, whole: s.whole * by}
	for i := range s.points {
		out.points[i], out.sums[i] = Point{s.points[i].At, s.points[i].Value * by}, s.sums[i]*by
	}
	return out
}

// First is the moment of its first point.
func (s *Signal) First() api.Time { return s.points[0].At }

// Mean is the mean value from one moment to a later one.
func (s *Signal) Mean(from, to api.Time) float64 {
	c := cursor{Signal: s}
	return (c.until(to) - c.until(from)) / to.Sub(from).Std().Seconds()
}

// cursor walks along a signal. Moments that come in order cost O(1) each.
type cursor struct {
	*Signal
	at int
}

// seek finds the point that holds at a moment: how often the signal was repeated until
// then, and where the moment lies among its points.
func (c *cursor) seek(now api.Time) (rounds api.Duration, at api.Time) {
	since := now.Sub(c.points[0].At)
	rounds = since / c.period
	if since < 0 {
		rounds = (since+1)/c.period - 1
	}
	at = c.points[0].At.Add(since - rounds*c.period)
	if c.points[c.at].At > at {
		c.at = 0
	}
	for c.at+1 < len(c.points) && c.points[c.at+1].At <= at {
		c.at++
	}
	return rounds, at
}

// until is the signal's integral from its first point to now, in value times seconds.
func (c *cursor) until(now api.Time) float64 {
	rounds, at := c.seek(now)
	p := c.points[c.at]
	return float64(float64(rounds)*c.whole) + c.sums[c.at] + float64(p.Value*at.Sub(p.At).Std().Seconds())
}

// holds is the signal's value at a moment, and until when it is that.
func (c *cursor) holds(now api.Time) (v float64, until api.Time) {
	_, at := c.seek(now)
	v = c.points[c.at].Value
	switch {
	case len(c.points) == 1:
		return v, math.MaxInt64
	case c.at+1 < len(c.points):
		return v, now.Add(c.points[c.at+1].At.Sub(at))
	}
	return v, now.Add(c.period - at.Sub(c.points[0].At))
}

// Signals are those of a site. What is nil is not known: 0, and of the temperature that
// the site's PUE holds.
type Signals struct {
	Carbon      *Signal // g CO2e/kWh
	Price       *Signal // of energy, in a currency's units a kWh
	Temperature *Signal // outside, in °C
	Generation  *Signal // on site, in W
}
