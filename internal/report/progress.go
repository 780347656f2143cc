package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// redraw is the least time between two drawings.
const redraw = 100 * time.Millisecond

// Progress shows how far long work has come, in one line of a terminal that
// keeps being redrawn: count, total, rate and estimated time to go. Where there
// is no terminal it draws nothing. It may be used by several goroutines; write
// errors are ignored, since progress is not a result.
type Progress struct {
	w        io.Writer
	style    Style
	terminal bool
	label    string
	total    int64
	now      func() time.Time

	mu    sync.Mutex
	n     int64
	start time.Time
	drawn time.Time
	shown bool
}

// NewProgress starts to show work of total steps; a total of 0 is unknown. now
// is the clock, for example time.Now.
func NewProgress(w io.Writer, terminal bool, s Style, label string, total int64, now func() time.Time) *Progress {
	return &Progress{w: w, style: s, terminal: terminal, label: Clean(label), total: max(total, 0), now: now, start: now()}
}

// Add counts n further steps.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += n
	p.draw()
}

// Set says that n steps are done.
func (p *Progress) Set(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n = n
	p.draw()
}

// Done removes the line and writes a last one in its place, also where there is
// no terminal. Without a text it leaves nothing.
func (p *Progress) Done(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	if text != "" {
		_, _ = io.WriteString(p.w, Clean(text)+"\n")
	}
	p.terminal = false // nothing may follow
}

func (p *Progress) draw() {
	now := p.now()
	if !p.terminal || p.shown && now.Sub(p.drawn) < redraw {
		return
	}
	p.shown, p.drawn = true, now
	_, _ = io.WriteString(p.w, "\r"+p.line(now.Sub(p.start))+"\x1b[K")
}

// erase empties the line, if there is one.
func (p *Progress) erase() {
	if p.shown && p.terminal {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
}

// line is what is drawn, one column short of the terminal, so that it never
// wraps.
func (p *Progress) line(elapsed time.Duration) string {
	width := p.style.widthOr(chartWidth) - 1
	rate := 0.0
	if elapsed > 0 {
		rate = float64(p.n) / elapsed.Seconds()
	}
	if p.total == 0 {
		return Truncate(fmt.Sprintf("%s  %s  %s", p.label, Count(p.n), PerSecond(rate)), width)
	}
	done := min(max(float64(p.n)/float64(p.total), 0), 1)
	total := Count(p.total)
	tail := fmt.Sprintf("%s/%s  %3.0f %%  %s", pad(Count(p.n), Width(total), true), total, 100*done, PerSecond(rate))
	if left := p.total - p.n; left > 0 && rate > 0 {
		tail += "  " + remaining(float64(left)/rate) + " left"
	}
	room := min(width-Width(p.label)-Width(tail)-2*gap, 30)
	if room < 5 {
		return Truncate(p.label+"  "+tail, width)
	}
	return p.label + "  " + p.style.gauge(done, room) + "  " + tail
}

// gauge draws a share of room cells.
func (s Style) gauge(done float64, room int) string {
	full, empty := "█", "░"
	if s.ASCII {
		full, empty = "#", "."
	}
	n := int(done * float64(room))
	return s.paint(Good, strings.Repeat(full, n)) + s.paint(Dim, strings.Repeat(empty, room-n))
}

// remaining formats seconds to go, whole ones: an estimate has no more digits.
func remaining(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return Duration(api.Duration(min(seconds, 1e9)) * api.Second)
}
