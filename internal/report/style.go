package report

// Style says what the place that is drawn on can show. The zero value is plain
// text of any width, as for a pipe.
type Style struct {
	Width  int  // columns of the terminal; 0 is no limit
	Wide   bool // show wide columns, too, and never cut
	Colour bool // the caller has honoured NO_COLOR and whether it is a terminal
	ASCII  bool // draw charts with ASCII characters only
}

// Tone is what a text means, from which follow its colours.
type Tone uint8

// The tones.
const (
	Plain Tone = iota
	Strong
	Dim
	Good
	Warn
	Bad
)

// Select Graphic Rendition codes (ECMA-48), by tone. The eight basic colours
// follow the theme of the terminal.
var codes = [...]string{Plain: "", Strong: "1", Dim: "2", Good: "32", Warn: "33", Bad: "31"}

// paint colours a text that was cleaned and padded.
func (s Style) paint(tone Tone, text string) string {
	if !s.Colour || tone == Plain || int(tone) >= len(codes) || text == "" {
		return text
	}
	return "\x1b[" + codes[tone] + "m" + text + "\x1b[0m"
}

// limit is the width to keep to, or 0.
func (s Style) limit() int {
	if s.Wide || s.Width <= 0 {
		return 0
	}
	return s.Width
}

// widthOr is the width of the terminal, or that of a chart without one.
func (s Style) widthOr(otherwise int) int {
	if s.Width > 0 {
		return s.Width
	}
	return otherwise
}

// StatusTone is the tone of the words that Drover uses for statuses; other words
// are Plain.
func StatusTone(status string) Tone {
	switch status {
	case "succeeded", "running", "ready", "healthy", "ok", "met":
		return Good
	case "pending", "waiting", "backoff", "placed", "updating", "draining", "emptying", "overloaded", "suspended", "degraded":
		return Warn
	case "failed", "lost", "silent", "rejected", "unhealthy", "missed":
		return Bad
	case "cancelled", "drained", "scheduled", "stopped":
		return Dim
	}
	return Plain
}
