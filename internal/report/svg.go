package report

import (
	"fmt"
	"math"
	"strings"

	"drover.dev/api"
)

// Sizes of drawings in SVG user units, which are pixels at full page width.
const (
	svgWidth  = 960
	margin    = 16
	lineRow   = 26  // height of a row of a bar chart or timeline
	plotArea  = 260 // height of a line chart's plot
	labelArea = 220 // of bars and timelines, at the left
	valueArea = 110 // of bars and timelines, at the right
)

// drawing is the inside of an SVG picture and its height.
type drawing struct {
	strings.Builder
	height int
}

// svg is the whole picture; its title is read by screen readers.
func (d *drawing) svg(title string) string {
	return fmt.Sprintf("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n%s</svg>\n", svgWidth, d.height, text(title), d.String())
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// num is a coordinate with one decimal.
func num(v float64) string { return fmt.Sprintf("%.1f", v) }

// label writes a text; anchor is start, middle or end.
func (d *drawing) label(x, y float64, anchor, class, s string) {
	d.add(`<text x="%s" y="%s" text-anchor="%s" class="%s">%s</text>`, num(x), num(y), anchor, class, text(s))
}

// shorten cuts a label to a width in pixels; 7.2 px hold a column of 12 px text
// in common fonts.
func shorten(s string, width float64) string { return Truncate(Clean(s), int(width/7.2)) }

// rect draws a box with a tooltip.
func (d *drawing) rect(x, y, w, h float64, colour, tip string) {
	d.add(`<rect x="%s" y="%s" width="%s" height="%s" rx="2" style="fill:var(--%s)"><title>%s</title></rect>`,
		num(x), num(y), num(w), num(h), colour, text(tip))
}

// legend draws colours with names from the left.
func (d *drawing) legend(x, y float64, colours, names []string) {
	for i, name := range names {
		name = shorten(name, 200)
		d.add(`<rect x="%s" y="%s" width="12" height="12" rx="2" style="fill:var(--%s)"/>`, num(x), num(y-10), colours[i])
		d.label(x+18, y, "start", "", name)
		x += 40 + 7*float64(Width(name))
	}
}

var barColours = [...]string{Plain: "c0", Strong: "c0", Dim: "queued", Good: "good", Warn: "warn", Bad: "bad"}

func barSVG(bars []Bar) *drawing {
	d := &drawing{}
	rows := bars[:min(len(bars), maxRows)]
	top := 0.0
	for _, bar := range rows {
		top = max(top, finite(bar.Value))
	}
	room := float64(svgWidth - labelArea - valueArea - margin)
	for i, bar := range rows {
		y := float64(margin + i*lineRow)
		tip := bar.Label + ": " + bar.Text
		d.label(labelArea-8, y+16, "end", "", shorten(bar.Label, labelArea-margin))
		length := 0.0
		if v := finite(bar.Value); v > 0 {
			length = max(v/top*room, 1)
			d.rect(labelArea, y+3, length, lineRow-8, barColours[min(int(bar.Tone), len(barColours)-1)], tip)
		}
		d.label(labelArea+length+8, y+16, "start", "faint", shorten(bar.Text, valueArea))
	}
	d.finish(len(rows), len(bars))
	return d
}

// finish sets the height after rows and says how many were left out.
func (d *drawing) finish(rows, of int) {
	d.height = 2*margin + rows*lineRow
	if of > rows {
		d.label(labelArea, float64(d.height), "start", "faint", strings.TrimSpace(more(of-rows)))
		d.height += lineRow
	}
}

func timelineSVG(spans []Span) *drawing {
	d := &drawing{}
	rows := spans[:min(len(spans), maxRows)]
	if len(rows) == 0 {
		d.finish(0, 0)
		return d
	}
	from, to := extent(rows)
	room := float64(svgWidth - labelArea - valueArea - margin)
	scale := room / float64(to.Sub(from))
	bottom := float64(margin + len(rows)*lineRow)
	for _, t := range durationTicks(to.Sub(from), 6) {
		x := labelArea + float64(t)*scale
		d.add(`<line x1="%[1]s" x2="%[1]s" y1="%d" y2="%s" class="grid"/>`, num(x), margin, num(bottom))
		d.label(x, bottom+16, "middle", "faint", tickText(t))
	}
	for i := range rows {
		d.span(&rows[i], float64(margin+i*lineRow), from, scale)
	}
	d.finish(len(rows), len(spans))
	d.height += lineRow
	used := phasesOf(rows)
	var names []string
	for k := range glyphs {
		if used[k] {
			names = append(names, glyphs[k].name)
		}
	}
	d.legend(labelArea, float64(d.height), names, names)
	d.height += margin
	return d
}

// span draws one line of a timeline.
func (d *drawing) span(s *Span, y float64, from api.Time, scale float64) {
	d.label(labelArea-8, y+16, "end", "", shorten(s.Label, labelArea-margin))
	x := labelArea + float64(s.Start.Sub(from))*scale
	for _, p := range s.Phases {
		length := float64(max(p.Length, 0)) * scale
		if p.Name != "" && p.Length > 0 {
			d.rect(x, y+3, max(length, 1), lineRow-8, glyphs[kind(p.Name)].name, s.Label+", "+p.Name+": "+Duration(p.Length))
		}
		x += length
	}
	d.label(x+8, y+16, "start", "faint", Duration(s.length()))
}

// ladders are the round steps of time, by unit.
var ladders = [...]struct {
	unit  api.Duration
	steps []api.Duration
}{
	{1, decimal},
	{api.Microsecond, decimal},
	{api.Millisecond, decimal},
	{api.Second, sixties},
	{api.Minute, sixties},
	{api.Hour, []api.Duration{1, 2, 3, 6, 12}},
	{api.Day, decimal},
}

var (
	decimal = []api.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500}
	sixties = []api.Duration{1, 2, 5, 10, 15, 20, 30}
)

// durationTicks are round times from 0 to at most end, at most n of them.
func durationTicks(end api.Duration, n int) []api.Duration {
	for _, ladder := range ladders {
		for _, k := range ladder.steps {
			if step := ladder.unit * k; end/step < api.Duration(n) {
				return ticksBy(step, end)
			}
		}
	}
	return ticksBy(max(end/api.Duration(n-1), 1), end)
}

// tickText formats a round time: "2 s", not "2.00 s".
func tickText(t api.Duration) string {
	s := strings.Replace(Duration(t), ".00 ", " ", 1)
	return strings.Replace(s, ".0 ", " ", 1)
}

func ticksBy(step, end api.Duration) []api.Duration {
	var ticks []api.Duration
	for t := api.Duration(0); t <= end && t >= 0; t += step {
		ticks = append(ticks, t)
	}
	return ticks
}

// ticks are round numbers that span low to high in about n steps of 1, 2 or 5
// times a power of ten (Heckbert, 1990, "Nice Numbers for Graph Labels").
func ticks(low, high float64, n int) []float64 {
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) {
		return []float64{low}
	}
	power := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	step := 10 * power
	for _, k := range [...]float64{1, 2, 5} {
		if span/(k*power) <= float64(n) {
			step = k * power
			break
		}
	}
	var out []float64
	first := math.Ceil(low/step - 1e-9)
	for i := 0.0; i <= float64(2*n); i++ {
		v := (first + i) * step
		if v > high+step*1e-9 {
			break
		}
		out = append(out, v)
	}
	return out
}
