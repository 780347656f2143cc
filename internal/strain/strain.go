// Package strain finds out by what is measured which nodes are used to near what they
// have, and makes of that the input by which a cell's engine relieves them. It is the same
// for a leader and for a twin.
package strain

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Measured is what was measured of a node.
type Measured struct {
	Boot        string // of its machine
	CPU, Memory Use
}

// Use is how much of something is used. Own is the part of it that tasks use of what they
// asked for: a node that gives its tasks what it has promised, and no more, is full and
// not strained. With Of 0 nothing is known.
type Use struct{ Used, Of, Own int64 }

const (
	// patience is for how long a node is strained before that is said, and for how long it is
	// no more before that is taken back.
	patience = 5 * api.Minute
	// forgets is after how long without a measurement all begins anew.
	forgets = 2 * api.Minute
	// memory is the weight of the latest of measurements that come every period; those of
	// other times have that of as many periods as have passed.
	memory, period = 0.3, 10 * api.Second
	// reserve is how many standard deviations above the mean use is expected at most.
	reserve = 1.0
	// beyondCPU and beyondMemory are the least that is used beyond what tasks use of what they
	// asked for, as parts of what there is. Below half of that a node is strained no more.
	beyondCPU, beyondMemory = 0.10, 0.05
)

// marks are those of cpu or memory, as parts of what there is.
type marks struct{ high, low, beyond float64 }

var (
	ofCPU    = marks{engine.StrainHighCPU / 1000., engine.StrainLow / 1000., beyondCPU}
	ofMemory = marks{engine.StrainHighMemory / 1000., engine.StrainLow / 1000., beyondMemory}
)

// gauge follows the use of one resource of one node.
type gauge struct {
	mean, variance, beyond float64 // exponentially weighted, as parts of what there is
	of                     int64   // what there was at last; 0: it was never known
	since                  api.Time
	above                  api.Time // since when it is too much; 0: it is not
	below                  api.Time // since when it is little again, while it is strained; 0: it is not
	over                   bool     // it is strained
}

// add takes a measurement in that comes so long after the one before.
func (g *gauge) add(at api.Time, after api.Duration, u Use, m marks) {
	if u.Of <= 0 || u.Used < 0 {
		*g = gauge{}
		return
	}
	share := min(float64(u.Used)/float64(u.Of), 1)
	own := min(max(float64(u.Own)/float64(u.Of), 0), share)
	if g.of == 0 {
		*g = gauge{mean: share, beyond: share - own, of: u.Of, since: at}
	} else {
		g.of = u.Of
		w := 1 - math.Pow(1-memory, float64(max(after, 0))/float64(period))
		off := share - g.mean
		g.mean += w * off
		g.variance = (1 - w) * (g.variance + w*off*off)
		g.beyond += w * (share - own - g.beyond)
	}
	g.judge(at, m)
}

// judge decides whether it is strained.
func (g *gauge) judge(at api.Time, m marks) {
	up, less := g.upper(), g.beyond
	if up >= m.high && less >= m.beyond {
		if g.above == 0 {
			g.above = at
		}
	} else if !g.over {
		g.above = 0
	}
	if !g.over {
		g.over = g.above != 0 && at.Sub(g.above) >= patience
		return
	}
	if up >= m.low && less >= m.beyond/2 {
		g.below = 0
		return
	}
	if g.below == 0 {
		g.below = at
	}
	if at.Sub(g.below) >= patience {
		g.over, g.above, g.below = false, 0, 0
	}
}

// upper is what is expected to be used at most, as a part of what there is.
func (g *gauge) upper() float64 { return min(g.mean+reserve*math.Sqrt(max(g.variance, 0)), 1) }

// used is upper in units.
func (g *gauge) used() int64 { return int64(math.Ceil(g.upper() * float64(g.of))) }

// calm reports whether it was followed for long enough to say that it is not strained.
func (g *gauge) calm(at api.Time) bool {
	return g.of == 0 || !g.over && g.above == 0 && at.Sub(g.since) >= patience
}

// spare is how much more may be used until the low mark.
func (g *gauge) spare() int64 {
	return max(int64(engine.StrainLow/1000.*float64(g.of))-g.used(), 0)
}

// at is since when it is strained; 0: it is not, or little is used just now.
func (g *gauge) at() api.Time {
	if !g.over || g.below != 0 {
		return 0
	}
	return g.above
}
