package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// saidMost is how many lines of the server are passed on in a second. What a node
// or a child may not do is a line each time that it tries.
const saidMost = 20

// bridge passes the server's warnings and errors to slog and catches the fatal
// line by which it gives up starting.
type bridge struct {
	log   *slog.Logger
	fatal chan string

	mu   sync.Mutex
	from time.Time // of the second that is counted
	said int       // lines in it
}

func (b *bridge) say(level slog.Level, format string, v []any) {
	if b.log == nil {
		return
	}
	pass, kept := b.admit(time.Now())
	if kept > 0 {
		b.log.Warn("bus: more was said than is written here", "lines", kept)
	}
	if pass {
		b.log.Log(context.Background(), level, "bus: "+fmt.Sprintf(format, v...))
	}
}

// admit tells whether a line is passed on, and how many of the second before were
// kept back.
func (b *bridge) admit(now time.Time) (pass bool, kept int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.from) >= time.Second {
		kept = max(0, b.said-saidMost)
		b.from, b.said = now, 0
	}
	b.said++
	return b.said <= saidMost, kept
}

func (b *bridge) Noticef(string, ...any)         {}
func (b *bridge) Debugf(string, ...any)          {}
func (b *bridge) Tracef(string, ...any)          {}
func (b *bridge) Warnf(format string, v ...any)  { b.say(slog.LevelWarn, format, v) }
func (b *bridge) Errorf(format string, v ...any) { b.say(slog.LevelError, format, v) }

func (b *bridge) Fatalf(format string, v ...any) {
	b.say(slog.LevelError, format, v)
	select {
	case b.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
