package live

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// recentLines is how many lines of the log are kept for bundles, and maxLine how
// long each may be.
const (
	recentLines = 2000
	maxLine     = 4 << 10
)

// recent keeps the last lines of the log beside writing them where they go.
type recent struct {
	next  slog.Handler
	text  slog.Handler
	lines *lines
}

// lines is a ring of lines.
type lines struct {
	mu   sync.Mutex
	list []string
	at   int
}

func newRecent(next slog.Handler) recent {
	l := new(lines)
	return recent{next: next, text: slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}), lines: l}
}

// Write takes one line.
func (l *lines) Write(b []byte) (int, error) {
	line := string(bytes.TrimRight(b[:min(len(b), maxLine)], "\n"))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < recentLines {
		l.list = append(l.list, line)
	} else {
		l.list[l.at] = line
		l.at = (l.at + 1) % recentLines
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(l.list[l.at:len(l.list):len(l.list)], l.list[:l.at]...), "\n") + "\n"
}

// Enabled implements slog.Handler.
func (r recent) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level) || r.text.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (r recent) Handle(ctx context.Context, rec slog.Record) error {
	if r.text.Enabled(ctx, rec.Level) {
		_ = r.text.Handle(ctx, rec) // into memory
	}
	if !r.next.Enabled(ctx, rec.Level) {
		return nil
	}
	return r.next.Handle(ctx, rec)
}

// WithAttrs implements slog.Handler.
func (r recent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return recent{r.next.WithAttrs(attrs), r.text.WithAttrs(attrs), r.lines}
}

// WithGroup implements slog.Handler.
func (r recent) WithGroup(name string) slog.Handler {
	return recent{r.next.WithGroup(name), r.text.WithGroup(name), r.lines}
}
