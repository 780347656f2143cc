package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	gap      = 2  // spaces between columns
	narrow   = 10 // a text column is not cut below it while others can be left out
	maxLines = 100_000
)

// Column describes a column of a Table.
type Column struct {
	Title string
	Right bool              // numbers: aligned right and never cut
	Wide  bool              // shown in wide style and in HTML only
	Both  bool              // names: both ends are kept when it is cut, since either tells them apart
	Tone  func(string) Tone // of a cell's text; nil is Plain
}

// Table is rows under titles. Missing cells are empty, surplus ones ignored.
type Table struct {
	Columns []Column
	Rows    [][]string
	Empty   string // said instead of a table without rows
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Render draws the table with spaces only. On a terminal that is too narrow it
// cuts the widest text columns; when that is not enough it leaves out columns
// from the right and says so.
func (t *Table) Render(w io.Writer, s Style) error {
	if len(t.Rows) == 0 && t.Empty != "" {
		return write(w, Clean(t.Empty)+"\n")
	}
	columns := t.visible(s)
	cells, widths := t.measure(columns)
	left := fitColumns(columns, widths, s.limit())

	var b strings.Builder
	for i := range cells {
		b.WriteString(t.line(s, columns[:left], widths, cells[i], i == 0))
	}
	if cut := len(t.Rows) - (len(cells) - 1); cut > 0 {
		fmt.Fprintf(&b, "… and %s more\n", Count(int64(cut)))
	}
	if hidden := len(columns) - left; hidden > 0 {
		b.WriteString(s.paint(Dim, Truncate(fmt.Sprintf("(%d hidden: widen the terminal, or -o wide)", hidden), s.Width)) + "\n")
	}
	return write(w, b.String())
}

func (t *Table) visible(s Style) []int {
	var columns []int
	for i := range t.Columns {
		if s.Wide || !t.Columns[i].Wide {
			columns = append(columns, i)
		}
	}
	return columns
}

// measure cleans the title line and all cells and finds the natural widths of
// columns.
func (t *Table) measure(columns []int) (cells [][]string, widths []layout) {
	widths = make([]layout, len(columns))
	for i, c := range columns {
		widths[i].fixed = t.Columns[c].Right
	}
	rows := t.Rows[:min(len(t.Rows), maxLines)]
	cells = make([][]string, 0, len(rows)+1)
	for i := range len(rows) + 1 {
		line := make([]string, len(columns))
		for k, c := range columns {
			switch {
			case i == 0:
				line[k] = Clean(t.Columns[c].Title)
			case c < len(rows[i-1]):
				line[k] = Clean(rows[i-1][c])
			}
			widths[k].width = max(widths[k].width, Width(line[k]))
		}
		cells = append(cells, line)
	}
	return cells, widths
}

// layout is the width of a column.
type layout struct {
	width int
	fixed bool
}

// fitColumns narrows the widest text columns until the line fits into limit,
// and returns how many columns from the left can stay.
func fitColumns(columns []int, widths []layout, limit int) int {
	left := len(columns)
	for limit > 0 && left > 1 && least(widths[:left]) > limit {
		left--
	}
	for limit > 0 {
		over := total(widths[:left]) - limit
		widest := 0
		for i := range widths[:left] {
			if !widths[i].fixed && (widths[widest].fixed || widths[i].width > widths[widest].width) {
				widest = i
			}
		}
		if over <= 0 || left == 0 || widths[widest].width <= 1 {
			break
		}
		widths[widest].width -= max(1, min(over, widths[widest].width-second(widths[:left], widest)))
	}
	return left
}

// second is the width of the widest flexible column but one.
func second(widths []layout, widest int) int {
	w := narrow
	for i := range widths {
		if i != widest && !widths[i].fixed {
			w = max(w, widths[i].width)
		}
	}
	return min(w, widths[widest].width-1)
}

func total(widths []layout) int {
	n := gap * (len(widths) - 1)
	for i := range widths {
		n += widths[i].width
	}
	return n
}

// least is how narrow the columns can become.
func least(widths []layout) int {
	narrowed := slices.Clone(widths)
	for i := range narrowed {
		if !narrowed[i].fixed {
			narrowed[i].width = min(narrowed[i].width, narrow)
		}
	}
	return total(narrowed)
}

func (t *Table) line(s Style, columns []int, widths []layout, cells []string, title bool) string {
	var b strings.Builder
	for k, c := range columns {
		column := &t.Columns[c]
		text := Truncate(cells[k], widths[k].width)
		if column.Both {
			text = TruncateMiddle(cells[k], widths[k].width)
		}
		last := k == len(columns)-1
		padded := text
		if !last || column.Right {
			padded = pad(text, widths[k].width, column.Right)
		}
		switch {
		case title:
			padded = s.paint(Dim, padded)
		case column.Tone != nil:
			padded = strings.Replace(padded, text, s.paint(column.Tone(cells[k]), text), 1)
		}
		b.WriteString(padded)
		if !last {
			b.WriteString(strings.Repeat(" ", gap))
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// Pair is a line of a key-value block.
type Pair struct {
	Key   string
	Value string
	Tone  Tone
}

// Pairs draws a key-value block; long values wrap under themselves. Pairs
// without a value are left out.
func Pairs(w io.Writer, s Style, pairs []Pair) error {
	column := 0
	for _, p := range pairs {
		if p.Value != "" {
			column = max(column, Width(Clean(p.Key)))
		}
	}
	var b strings.Builder
	for _, p := range pairs {
		if p.Value == "" {
			continue
		}
		room := 0
		if limit := s.limit(); limit > 0 {
			room = max(limit-column-gap, narrow)
		}
		key := s.paint(Dim, pad(Clean(p.Key), column, false))
		for i, line := range wrap(Clean(p.Value), room) {
			if i > 0 {
				key = strings.Repeat(" ", column)
			}
			b.WriteString(key + strings.Repeat(" ", gap) + s.paint(p.Tone, line) + "\n")
		}
	}
	return write(w, b.String())
}

func write(w io.Writer, s string) error {
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
