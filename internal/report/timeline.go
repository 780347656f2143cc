package report

import (
	"io"
	"strings"

	"drover.dev/api"
)

// Phase is a part of a span. A phase without a name is a gap.
type Phase struct {
	Name   string
	Length api.Duration // negative counts as none
}

// The phases of a task, in their order. Timelines draw them alike everywhere;
// other names are drawn like Run.
const (
	Queued = "queued" // waiting for a place
	Fetch  = "fetch"  // getting artifacts and inputs
	Run    = "run"
	Return = "return" // sending outputs
)

// Span is one line of a Timeline.
type Span struct {
	Label  string
	Start  api.Time
	Phases []Phase
}

// end is when the last phase ends.
func (s *Span) end() api.Time {
	t := s.Start
	for _, p := range s.Phases {
		t = t.Add(max(p.Length, 0))
	}
	return t
}

// length is from the start to the end.
func (s *Span) length() api.Duration { return s.end().Sub(s.Start) }

// glyph is how a kind of phase is drawn.
type glyph struct {
	name         string
	block, ascii string
	tone         Tone
}

var glyphs = [...]glyph{
	{Queued, "░", ".", Dim},
	{Fetch, "▒", "~", Warn},
	{Run, "█", "#", Good},
	{Return, "▓", "=", Strong},
}

// kind is the position of a phase in glyphs.
func kind(name string) int {
	for i := range glyphs {
		if glyphs[i].name == name {
			return i
		}
	}
	return 2
}

// Timeline draws spans of time under each other on one scale, the way of a
// Gantt chart, with the length of each at its right and a legend below. A cell
// shows the phase that fills most of it; each span shows at least one cell.
func Timeline(w io.Writer, s Style, spans []Span) error {
	if len(spans) == 0 {
		return nil
	}
	cut := len(spans) - min(len(spans), maxRows)
	spans = spans[:len(spans)-cut]
	from, to := extent(spans)
	width := s.widthOr(chartWidth)
	label, text := 0, 0
	for i := range spans {
		label = max(label, Width(Clean(spans[i].Label)))
		text = max(text, Width(Duration(spans[i].length())))
	}
	label = min(label, width/labelShare)
	room := max(width-label-text-2*gap, 8)

	var b strings.Builder
	for i := range spans {
		b.WriteString(pad(Truncate(Clean(spans[i].Label), label), label, false) + "  ")
		b.WriteString(s.cells(&spans[i], from, to, room))
		b.WriteString("  " + pad(Duration(spans[i].length()), text, true) + "\n")
	}
	b.WriteString(more(cut))
	end := Duration(to.Sub(from))
	axis := "0" + strings.Repeat(" ", max(room-1-Width(end), 1)) + end
	b.WriteString(strings.Repeat(" ", label+gap) + s.paint(Dim, axis) + "\n")
	b.WriteString(strings.Repeat(" ", label+gap) + s.legend(spans) + "\n")
	return write(w, b.String())
}

// extent is from the first start to the last end, at least a nanosecond.
func extent(spans []Span) (from, to api.Time) {
	from, to = spans[0].Start, spans[0].end()
	for i := range spans {
		from, to = min(from, spans[i].Start), max(to, spans[i].end())
	}
	return from, max(to, from.Add(1))
}

// cells draws a span on room cells between two instants.
func (s Style) cells(span *Span, from, to api.Time, room int) string {
	scale := float64(room) / float64(to.Sub(from))
	share := make([][len(glyphs)]float64, room)
	at := float64(span.Start.Sub(from)) * scale
	first := min(int(at), room-1)
	for _, p := range span.Phases {
		next := at + float64(max(p.Length, 0))*scale
		for i := int(at); p.Name != "" && i < room && float64(i) < next; i++ {
			share[i][kind(p.Name)] += min(next, float64(i+1)) - max(at, float64(i))
		}
		at = next
	}
	var b strings.Builder
	for i := range share {
		best, most := -1, 0.25 // less of a cell than that is not drawn
		if i == first {
			best, most = 2, 0
		}
		for k, v := range share[i] {
			if v > most {
				best, most = k, v
			}
		}
		b.WriteString(s.glyph(best))
	}
	return b.String()
}

func (s Style) glyph(k int) string {
	switch {
	case k < 0:
		return " "
	case s.ASCII:
		return s.paint(glyphs[k].tone, glyphs[k].ascii)
	}
	return s.paint(glyphs[k].tone, glyphs[k].block)
}

// legend names the phases that occur.
func (s Style) legend(spans []Span) string {
	var parts []string
	used := phasesOf(spans)
	for k := range glyphs {
		if used[k] {
			parts = append(parts, s.glyph(k)+" "+glyphs[k].name)
		}
	}
	return strings.Join(parts, "   ")
}

// phasesOf says which kinds of phases occur.
func phasesOf(spans []Span) (used [len(glyphs)]bool) {
	for i := range spans {
		for _, p := range spans[i].Phases {
			if p.Name != "" && p.Length > 0 {
				used[kind(p.Name)] = true
			}
		}
	}
	return used
}
