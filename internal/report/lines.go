package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxSeries = 6    // colours that can be told apart
	maxPoints = 2000 // drawn of a series: more than two a pixel cannot be seen
)

// Series is one line of a LineChart: equally many X and Y, X rising. Low and
// High, when given, are an interval around Y. Points that are not finite break
// the line.
type Series struct {
	Name      string
	X, Y      []float64
	Low, High []float64
}

// LineChart draws up to six series over a common X.
type LineChart struct {
	Series   []Series
	XLabel   string
	YLabel   string
	FormatX  func(float64) string // default: the number
	FormatY  func(float64) string
	FromZero bool // Y begins at 0
}

// area maps data to the plot.
type area struct{ x0, x1, y0, y1 float64 }

const (
	plotLeft  = 70.0
	plotRight = svgWidth - margin
	plotTop   = 40.0
)

func (a area) x(v float64) float64 { return plotLeft + (v-a.x0)/(a.x1-a.x0)*(plotRight-plotLeft) }
func (a area) y(v float64) float64 { return plotTop + plotArea - (v-a.y0)/(a.y1-a.y0)*plotArea }

func lineSVG(c *LineChart) *drawing {
	d := &drawing{height: plotTop + plotArea + 2*lineRow}
	series := c.Series[:min(len(c.Series), maxSeries)]
	a, ok := c.area(series)
	if !ok {
		d.height = 4 * margin
		d.label(svgWidth/2, 2*margin+4, "middle", "faint", "no data")
		return d
	}
	c.axes(d, a)
	var colours, names []string
	for i := range series {
		colours = append(colours, "c"+strconv.Itoa(i))
		names = append(names, series[i].Name)
		series[i].draw(d, a, colours[i])
	}
	d.legend(plotLeft, 24, colours, names)
	return d
}

// area finds the ranges of the finite points.
func (c *LineChart) area(series []Series) (area, bool) {
	a := area{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, s := range series {
		low, high := bounds(s.X)
		a.x0, a.x1 = min(a.x0, low), max(a.x1, high)
		for _, values := range [...][]float64{s.Y, s.Low, s.High} {
			low, high = bounds(values)
			a.y0, a.y1 = min(a.y0, low), max(a.y1, high)
		}
	}
	if a.x1 < a.x0 || a.y1 < a.y0 {
		return a, false
	}
	if c.FromZero {
		a.y0, a.y1 = min(a.y0, 0), max(a.y1, 0)
	}
	a.x0, a.x1 = open(a.x0, a.x1)
	a.y0, a.y1 = open(a.y0, a.y1)
	return a, !math.IsInf(a.x1-a.x0, 0) && !math.IsInf(a.y1-a.y0, 0)
}

// open widens an empty range.
func open(low, high float64) (float64, float64) {
	if low < high {
		return low, high
	}
	by := max(math.Abs(low)/10, 1)
	return low - by, high + by
}

func (c *LineChart) axes(d *drawing, a area) {
	for _, v := range ticks(a.y0, a.y1, 5) {
		d.add(`<line x1="%s" x2="%s" y1="%[3]s" y2="%[3]s" class="grid"/>`, num(plotLeft), num(plotRight), num(a.y(v)))
		d.label(plotLeft-8, a.y(v)+4, "end", "faint", format(c.FormatY, v))
	}
	for _, v := range ticks(a.x0, a.x1, 8) {
		d.label(a.x(v), plotTop+plotArea+18, "middle", "faint", format(c.FormatX, v))
	}
	if c.XLabel != "" {
		d.label((plotLeft+plotRight)/2, plotTop+plotArea+40, "middle", "faint", c.XLabel)
	}
	if c.YLabel != "" {
		d.label(plotRight, 24, "end", "faint", c.YLabel)
	}
}

func format(f func(float64) string, v float64) string {
	if f != nil {
		return f(v)
	}
	if math.Abs(v) < 1e-12 {
		v = 0
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// draw adds the interval and the line of a series.
func (s *Series) draw(d *drawing, a area, colour string) {
	n := min(len(s.X), len(s.Y))
	step := max((n+maxPoints-1)/maxPoints, 1)
	if len(s.Low) >= n && len(s.High) >= n && n > 0 {
		d.add(`<path class="band" style="fill:var(--%s)" d="%s"/>`, colour, s.band(a, n, step))
	}
	var path strings.Builder
	move := true
	for _, i := range extremes(s.Y[:n], step) {
		x, y := a.x(s.X[i]), a.y(s.Y[i])
		if !plottable(x, y) {
			move = true
			continue
		}
		path.WriteString(command(move) + num(x) + " " + num(y))
		move = false
	}
	d.add(`<path class="line" style="stroke:var(--%s)" d="%s"><title>%s</title></path>`, colour, path.String(), text(s.Name))
}

// band is the outline of the interval: along its top and back along its bottom.
func (s *Series) band(a area, n, step int) string {
	var there, back []string
	for i := 0; i < n; i += step {
		x, low, high := a.x(s.X[i]), a.y(s.Low[i]), a.y(s.High[i])
		if plottable(x, low) && plottable(x, high) {
			there = append(there, num(x)+" "+num(high))
			back = append(back, num(x)+" "+num(low))
		}
	}
	if len(there) == 0 {
		return ""
	}
	for i, k := 0, len(back)-1; i < k; i, k = i+1, k-1 {
		back[i], back[k] = back[k], back[i]
	}
	return fmt.Sprintf("M%sL%sZ", strings.Join(there, "L"), strings.Join(back, "L"))
}

// extremes thins values out: of every group of size step it keeps the positions
// of the smallest and the largest, in order, so that no spike disappears.
func extremes(values []float64, step int) []int {
	var keep []int
	for from := 0; from < len(values); from += step {
		low, high := from, from
		for i := from; i < min(from+step, len(values)); i++ {
			if values[i] < values[low] {
				low = i
			}
			if values[i] > values[high] {
				high = i
			}
		}
		keep = append(keep, min(low, high))
		if low != high {
			keep = append(keep, max(low, high))
		}
	}
	return keep
}

func command(move bool) string {
	if move {
		return "M"
	}
	return "L"
}

func plottable(x, y float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0) && !math.IsNaN(y) && !math.IsInf(y, 0)
}
