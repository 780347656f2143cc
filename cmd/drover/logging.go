package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"
)

// logging are the flags of programs that go on for long.
type logging struct {
	level  string
	format string
	ready  string
}

func (l *logging) flags(f *pflag.FlagSet, level string) {
	f.StringVar(&l.level, "log-level", level, "debug, info, warn or error")
	f.StringVar(&l.format, "log-format", "text", "text or json")
	f.StringVar(&l.ready, "ready-file", "", "file to write when ready: the URL of a server, the name of a node")
}

func (l *logging) logger(a *app) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: it is debug, info, warn or error", l.level), ""}
	}
	o := &slog.HandlerOptions{Level: level}
	switch l.format {
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(a.err, o)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: it is text or json", l.format), ""}
}

// tellReady writes the ready file, whole or not at all.
func (l *logging) tellReady(text string) error {
	if l.ready == "" {
		return nil
	}
	tmp := l.ready + ".tmp"
	if err := os.WriteFile(tmp, []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	if err := os.Rename(tmp, l.ready); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}
