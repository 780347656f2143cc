package bus

import (
	"context"
	"fmt"
	"log/slog"
)

// bridge passes the server's warnings and errors to slog and catches the fatal
// line by which it gives up starting.
type bridge struct {
	log   *slog.Logger
	fatal chan string
}

func (b *bridge) say(level slog.Level, format string, v []any) {
	if b.log != nil {
		b.log.Log(context.Background(), level, "bus: "+fmt.Sprintf(format, v...))
	}
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
