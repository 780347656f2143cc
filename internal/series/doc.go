// Package series keeps numbers over time: use, waiting work, arrivals, run times
// and signals, at falling resolution and in bounded space. It is not the truth of
// anything: what decides stands in the journal, and a crash loses the last few
// seconds of a series.
//
// Values fall into buckets. A closed bucket of one tier is appended to the newest
// segment file of that tier and folded into the open bucket of the next coarser
// one. A segment names the series in it, so that the oldest ones can be removed
// without touching others; every frame in it has a checksum, and a torn end is cut.
package series

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
)

// Kind says what the values of a series are.
type Kind uint8

// The kinds.
const (
	Gauge Kind = iota // a level: a bucket stands for its mean
	Count             // events: a bucket stands for its sum, and an empty one for 0
)

func (k Kind) String() string {
	if k == Count {
		return "count"
	}
	return "gauge"
}

// Tier is one resolution: buckets of Step are kept for Keep.
type Tier struct{ Step, Keep time.Duration }

// Tiers are the resolutions of a store that is not told others: 10 s for 2 h, 1 min
// for 2 d, 15 min for 60 d, 1 h for 3 years.
func Tiers() []Tier {
	const day = 24 * time.Hour
	return []Tier{
		{10 * time.Second, 2 * time.Hour}, {time.Minute, 2 * day}, {15 * time.Minute, 60 * day}, {time.Hour, 3 * 365 * day},
	}
}

// Options bound a store. The zero value is the default.
type Options struct {
	Tiers    []Tier // the finest first; each step divides the next. Default: Tiers
	MaxNames int    // series known at once. Default 4096. A first part of names may have half of them, the first two parts together a sixteenth
	MaxBytes int64  // on disk, shared equally by the tiers. Default 256 MiB
}

// Bounds of names and answers.
const (
	maxName   = 200 // bytes
	maxParts  = 6
	MaxPoints = 100_000 // in one answer
	restAfter = time.Hour
)

// Errors that a caller may decide on.
var (
	ErrName    = errors.New("not the name of a series: 1 to 6 parts of letters, digits and . _ ~ : -, with / between them, 200 bytes at most")
	ErrFull    = errors.New("there are as many series as this part of the names may have, all of them in use")
	ErrUnknown = errors.New("there is no such series")
	ErrValue   = errors.New("a value must be a finite number")
	ErrRange   = errors.New("the range is empty, or holds more than 100,000 points: choose a larger step")
	ErrClosed  = errors.New("the store is closed")
)

func (o Options) withDefaults() (Options, error) {
	if len(o.Tiers) == 0 {
		o.Tiers = Tiers()
	}
	if o.MaxNames <= 0 {
		o.MaxNames = 4096
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	for i, t := range o.Tiers {
		if t.Step < time.Second || t.Keep < 2*t.Step || i > 0 && t.Step%o.Tiers[i-1].Step != 0 {
			return o, fmt.Errorf("series: tier %d keeps buckets of %v for %v: a step is a second or more, a multiple of the one before, and is kept at least twice", i, t.Step, t.Keep)
		}
	}
	return o, nil
}

// ValidName reports whether a name can be that of a series.
func ValidName(name string) bool {
	if len(name) > maxName || strings.Count(name, "/") >= maxParts {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.Trim(part, ".") == "" || strings.ContainsFunc(part, strange) {
			return false
		}
	}
	return true
}

func strange(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._~:-", r))
}

// Point is one bucket: what fell into it.
type Point struct {
	At       api.Time // its begin
	N        uint64   // values
	Sum      float64
	Min, Max float64
}

// Value is what the bucket stands for: its mean, or the sum of a count.
func (p Point) Value(k Kind) float64 {
	switch {
	case k == Count:
		return p.Sum
	case p.N == 0:
		return math.NaN()
	}
	return p.Sum / float64(p.N)
}

// with is the bucket after another one's values fell into it, too.
func (p Point) with(o Point) Point {
	switch {
	case o.N == 0:
		return p
	case p.N == 0:
		o.At = p.At
		return o
	}
	return Point{p.At, p.N + o.N, p.Sum + o.Sum, min(p.Min, o.Min), max(p.Max, o.Max)}
}

// Info is one series.
type Info struct {
	Name string
	Kind Kind
	Last api.Time // begin of the newest bucket
}

// Series is a part of one series: Points rise in time, Step apart or more.
type Series struct {
	Info
	Step   time.Duration
	Points []Point
	seen   []api.Time // begins of the buckets in which the store ran, rising
}

// Grid is the values from Begin to the last, Step apart. A gauge is NaN where it has
// none, a count where the store did not run.
func (s Series) Grid() []float64 {
	first, last, ok := s.span()
	if !ok {
		return nil
	}
	step := api.Time(s.Step)
	out := slices.Repeat([]float64{math.NaN()}, int((last-first)/step)+1)
	put := func(at api.Time, v float64) {
		if at >= first && at <= last {
			out[(at-first)/step] = v
		}
	}
	if s.Kind == Count {
		for _, at := range s.seen {
			put(at, 0)
		}
	}
	for _, p := range s.Points {
		put(p.At, p.Value(s.Kind))
	}
	return out
}

// Begin is the time of the first value of Grid; 0 when it has none.
func (s Series) Begin() api.Time {
	first, _, _ := s.span()
	return first
}

// span is the buckets that Grid covers, MaxPoints at most. What has not happened was
// counted, too: a count ends where the store does.
func (s Series) span() (first, last api.Time, ok bool) {
	if len(s.Points) == 0 || s.Step <= 0 {
		return 0, 0, false
	}
	first, last = s.Points[0].At, s.Points[len(s.Points)-1].At
	if s.Kind == Count && len(s.seen) > 0 {
		last = max(last, s.seen[len(s.seen)-1])
	}
	return max(first, last-api.Time(s.Step)*(MaxPoints-1)), last, true
}
