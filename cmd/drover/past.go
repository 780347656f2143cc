package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/history"
	"drover.dev/internal/live"
	"github.com/spf13/cobra"
)

// past are the flags by which a command reads what was, not what is.
type past struct {
	at, from string
	reader   *client.Client // that reads it
}

// readFlags adds the flags to a command that reads the state.
func (a *app) readFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.past.at, "at", "", "as it stood in the past: after the record with this number, or at a time: 2026-03-01T12:00:00Z, 15:04, -2h")
	cmd.Flags().StringVar(&a.past.from, "from", "", "read a bundle, or the data directory of a stopped server, in place of a server")
	return cmd
}

// time is when the record was decided that the last answer reflects; 0 is now.
func (p *past) time() api.Time {
	if p.reader == nil {
		return 0
	}
	_, t := p.reader.Stood()
	return t
}

// withReader is the body of a command that reads the state, of now or of the past.
func (a *app) withReader(f func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		at, err := parseMoment("--at", a.past.at, a.now())
		if err != nil {
			return err
		}
		if at == "" && a.past.from == "" {
			return a.withClient(f)(cmd, args)
		}
		c, end, err := a.reader(cmd.Context(), at)
		if err != nil {
			return err
		}
		defer end()
		a.past.reader = c
		if err := f(cmd, c, args); err != nil {
			return err
		}
		if n, t := c.Stood(); n > 0 && !a.machine() {
			a.note("as it stood after record %d, of %s", n, t)
		}
		return nil
	}
}

// reader makes a client for the past.
func (a *app) reader(ctx context.Context, at string) (c *client.Client, end func(), err error) {
	o := client.Config{Tenant: a.set.tenant, Timeout: a.set.timeout, FailFast: true, At: at}
	if a.past.from == "" {
		s, err := a.server()
		if err != nil {
			return nil, nil, err
		}
		o.Server, o.Token, o.CAFile = s.url, s.token, a.set.ca
		end = func() {}
	} else {
		f, err := live.OpenFrozen(ctx, a.past.from)
		if err != nil {
			return nil, nil, offlineError(err)
		}
		if at == "" {
			o.At = fmt.Sprint(f.Last().N)
		}
		o.Server, o.Transport = "http://frozen", f.Transport()
		end = func() { _ = f.Close() } // it is a copy
	}
	if c, err = client.New(o); err != nil {
		end()
		return nil, nil, usageError{err, ""}
	}
	release := end // the result end is assigned before it is called
	return c, func() { c.Close(); release() }, nil
}

// parseMoment gives a moment as the API writes it; "" stays "".
func parseMoment(flag, text string, now time.Time) (string, error) {
	bad := usageError{fmt.Errorf("%s %q is neither the number of a record nor a time", flag, text), "write a number, 2026-03-01T12:00:00Z, 15:04 (the last time it was that late) or -2h"}
	switch {
	case text == "" || text != "0" && strings.Trim(text, "0123456789") == "":
		return text, nil
	case strings.HasPrefix(text, "-"):
		d, err := api.ParseDuration(text[1:])
		if err != nil || d < 0 {
			return "", bad
		}
		return now.Add(-time.Duration(d)).UTC().Format(time.RFC3339Nano), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		day := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
		if day.After(now) {
			day = day.AddDate(0, 0, -1)
		}
		return day.UTC().Format(time.RFC3339Nano), nil
	}
	return "", bad
}

// offlineError says what to do about a directory or bundle that cannot be opened.
func offlineError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC): // while it was unpacked
		return err
	case errors.Is(err, history.ErrBrokenBundle):
		return usageError{err, "copy it again from where it was made, or make another one"}
	case errors.Is(err, history.ErrNoDir), errors.Is(err, os.ErrNotExist), errors.Is(err, history.ErrNoBundle):
		return usageError{err, "name the data directory of a stopped server, or a bundle of drover debug bundle"}
	case errors.Is(err, history.ErrNoJournal):
		return usageError{err, "if it is on an outside server, docs/operations.md (Several servers) says how to bring it here; else restore bus/ from a copy"}
	case errors.Is(err, history.ErrRunning):
		return codeError{exitConflict, err.Error()}
	case errors.Is(err, history.ErrBefore), errors.Is(err, history.ErrAhead):
		return codeError{exitNotFound, err.Error()}
	}
	return err
}
