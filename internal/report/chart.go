package report

import (
	"io"
	"math"
	"strings"
)

const (
	chartWidth = 80  // of charts when the width is unknown
	maxRows    = 500 // of a chart; the rest is counted, not drawn
	labelShare = 3   // labels take at most this part of the width
)

// Bar is one bar of a bar chart.
type Bar struct {
	Label string
	Value float64 // negative, NaN and infinite values draw nothing
	Text  string  // the value as shown, with its unit
	Tone  Tone
}

// Bars draws horizontal bars, the longest filling the width.
func Bars(w io.Writer, s Style, bars []Bar) error {
	cut := len(bars) - min(len(bars), maxRows)
	bars = bars[:len(bars)-cut]
	width := s.widthOr(chartWidth)
	label, text, top := 0, 0, 0.0
	for _, bar := range bars {
		label = max(label, Width(Clean(bar.Label)))
		text = max(text, Width(Clean(bar.Text)))
		top = max(top, finite(bar.Value))
	}
	label = min(label, width/labelShare)
	room := max(width-label-text-2*gap, 1)

	var b strings.Builder
	for _, bar := range bars {
		b.WriteString(pad(Truncate(Clean(bar.Label), label), label, false) + "  ")
		drawn := s.bar(finite(bar.Value), top, room)
		b.WriteString(s.paint(bar.Tone, drawn) + strings.Repeat(" ", room-Width(drawn)))
		b.WriteString("  " + pad(Clean(bar.Text), text, true) + "\n")
	}
	b.WriteString(more(cut))
	return write(w, b.String())
}

// finite is a value that can be drawn as a length.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0
	}
	return v
}

// eighths are blocks from one to eight eighths of a cell wide.
var eighths = [...]string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}

// bar draws value/top of room cells, to an eighth of a cell. What is not zero
// is seen.
func (s Style) bar(value, top float64, room int) string {
	if value <= 0 || top <= 0 {
		return ""
	}
	if s.ASCII {
		return strings.Repeat("#", max(1, int(math.Round(value/top*float64(room)))))
	}
	n := max(1, int(math.Round(value/top*float64(room)*8)))
	text := strings.Repeat("█", n/8)
	if n%8 > 0 {
		text += eighths[n%8-1]
	}
	return text
}

// Sparkline draws a series in one line of at most width characters; longer
// series are averaged in groups. Values that are not finite leave a gap.
func Sparkline(s Style, values []float64, width int) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	if s.ASCII {
		levels = []rune("_.-~=+*#")
	}
	values = average(values, width)
	low, high := bounds(values)
	var b strings.Builder
	for _, v := range values {
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			b.WriteByte(' ')
		case high <= low:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[int((v/2-low/2)/(high/2-low/2)*float64(len(levels)-1)+0.5)])
		}
	}
	return b.String()
}

// average reduces values to n groups of nearly equal size.
func average(values []float64, n int) []float64 {
	if n <= 0 || len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		part := values[i*len(values)/n : (i+1)*len(values)/n]
		for _, v := range part {
			out[i] += v / float64(len(part))
		}
	}
	return out
}

// bounds are the smallest and largest finite values.
func bounds(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// more says how many rows were left out.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return "… and " + Count(int64(n)) + " more\n"
}
