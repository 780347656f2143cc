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
// a grid in g CO2e/kWh, or the price of energy in a currency's units a kWh. After its
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

// until is the signal's integral from its first point to now, in value times seconds.
func (c *cursor) until(now api.Time) float64 {
	since := now.Sub(c.points[0].At)
	rounds := since / c.period
	if since < 0 {
		rounds = (since+1)/c.period - 1
	}
	within := since - rounds*c.period
	at := c.points[0].At.Add(within)
	if c.points[c.at].At > at {
		c.at = 0
	}
	for c.at+1 < len(c.points) && c.points[c.at+1].At <= at {
		c.at++
	}
	p := c.points[c.at]
	return float64(float64(rounds)*c.whole) + c.sums[c.at] + float64(p.Value*at.Sub(p.At).Std().Seconds())
}

// Signals are those of a site.
type Signals struct {
	Carbon *Signal // g CO2e/kWh
	Price  *Signal // of energy, in a currency's units a kWh
}

// feed is where a world stands in the signals of a site.
type feed struct{ carbon, price cursor }

// levels are the integrals of a site's signals up to some moment.
type levels struct{ carbon, price float64 }

func (f *feed) until(now api.Time) levels {
	return levels{f.carbon.until(now), f.price.until(now)}
}

// feeds opens the signals of every site of a world.
func feeds(cfg *Config) map[string]*feed {
	none := Constant(0, cfg.Start)
	out := map[string]*feed{}
	for i := range cfg.Nodes {
		site := cfg.Nodes[i].Site
		if out[site] != nil {
			continue
		}
		s, ok := cfg.Signals[site]
		if !ok {
			s = cfg.Signals[""]
		}
		f := &feed{cursor{Signal: s.Carbon}, cursor{Signal: s.Price}}
		if f.carbon.Signal == nil {
			f.carbon.Signal = none
		}
		if f.price.Signal == nil {
			f.price.Signal = none
		}
		out[site] = f
	}
	return out
}
