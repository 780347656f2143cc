package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Plot is a series over time on a terminal: columns that rise from the bottom of the
// range, with the range at the left and the times below.
type Plot struct {
	Values   []float64 // what is not finite leaves a gap
	From, To string    // what stands below the first and the last column
	Rows     int       // of text; 0 is 8
	Expected int       // values from this one on are only expected, and drawn paler; 0: none are
	Format   func(float64) string
}

const (
	plotRows  = 8
	plotWidth = 72 // columns where the terminal does not say
)

// Render writes the plot, no wider than the terminal. The range begins at zero unless
// the values are far from it.
func (p *Plot) Render(w io.Writer, s Style) error {
	low, high := bounds(p.Values)
	if low > high {
		return nil // there is nothing to see
	}
	if low > 0 && low < 0.75*high {
		low = 0
	}
	rows := p.Rows
	if rows <= 0 {
		rows = plotRows
	}
	top, bottom := format(p.Format, high), format(p.Format, low)
	label := max(utf8.RuneCountInString(top), utf8.RuneCountInString(bottom))
	values := average(p.Values, max(s.widthOr(plotWidth)-label-3, 8))
	var b strings.Builder
	for row := rows - 1; row >= 0; row-- {
		text := ""
		switch row {
		case rows - 1:
			text = top
		case 0:
			text = bottom
		}
		fmt.Fprintf(&b, "%*s │", label, text)
		b.WriteString(p.columns(s, values, low, high, row, rows))
		b.WriteByte('\n')
	}
	gap := max(len(values)-utf8.RuneCountInString(p.From)-utf8.RuneCountInString(p.To), 1)
	if p.From+p.To != "" {
		fmt.Fprintf(&b, "%*s  %s%s%s\n", label, "", p.From, strings.Repeat(" ", gap), p.To)
	}
	text := b.String()
	if s.ASCII {
		text = strings.ReplaceAll(text, "│", "|")
	}
	_, err := io.WriteString(w, text)
	return err
}

// columns is a row of all of them.
func (p *Plot) columns(s Style, values []float64, low, high float64, row, rows int) string {
	var known, expected strings.Builder
	for i, v := range values {
		to := &known
		if p.Expected > 0 && i*len(p.Values) >= p.Expected*len(values) {
			to = &expected
		}
		to.WriteString(s.cell(v, low, high, row, rows))
	}
	if s.Colour || expected.Len() == 0 {
		return known.String() + s.paint(Dim, expected.String())
	}
	pale := "░"
	if s.ASCII {
		pale = ":"
	}
	return known.String() + strings.Map(func(r rune) rune {
		if r == ' ' {
			return r
		}
		return []rune(pale)[0]
	}, expected.String())
}

// cell is one character of a column: full, a part, or empty. The lowest row always
// shows that there is a value.
func (s Style) cell(v, low, high float64, row, rows int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return " "
	}
	height := float64(rows)
	if high > low {
		height *= (v/2 - low/2) / (high/2 - low/2)
	}
	n := int(math.Round((height - float64(row)) * 8))
	if row == 0 {
		n = max(n, 1)
	}
	switch {
	case n <= 0:
		return " "
	case s.ASCII:
		return "#"
	case n >= 8:
		return "█"
	}
	return string([]rune("▁▂▃▄▅▆▇")[n-1])
}
