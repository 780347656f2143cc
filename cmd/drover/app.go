package main

import (
	"context"
	"io"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what the commands share: streams, clock, environment and the settings
// that every command takes.
type app struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
	getenv   func(string) string
	terminal bool // err is one: progress and colours make sense
	width    int  // of out when it is a terminal, else 0
	set      settings
	home     string // directory of the user; "" is none

	hintAfter time.Duration // how long work may be without a node before it is said
	past      past
}

func newApp() *app {
	home, _ := os.UserHomeDir() // without one there are no default files
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now, getenv: os.Getenv, home: home, hintAfter: 2 * time.Second}
	a.terminal = term.IsTerminal(int(os.Stderr.Fd()))
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		if a.width, _, _ = term.GetSize(fd); a.width <= 0 {
			a.width = 80
		}
	}
	return a
}

// run runs one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCmd(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return a.exit(ctx, root.ExecuteContext(ctx))
}

// style is how tables are drawn.
func (a *app) style() report.Style {
	return report.Style{
		Width: a.width, Wide: a.set.output == "wide",
		Colour: a.width > 0 && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb",
	}
}

// time is now in the form of the API; of the past, it is the time that is told of.
func (a *app) time() api.Time {
	if t := a.past.time(); t != 0 {
		return t
	}
	return api.Time(a.now().UnixNano())
}

// client makes a client for the server that the settings name.
func (a *app) client() (*client.Client, error) {
	s, err := a.server()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{
		Server: s.url, Token: s.token, Tenant: a.set.tenant, CAFile: a.set.ca, Timeout: a.set.timeout, FailFast: true,
	})
	if err != nil { // it has not connected yet: only what it was given can be wrong
		return nil, usageError{err, ""}
	}
	return c, nil
}

// withClient is the body of a command that talks to the server.
func (a *app) withClient(f func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		err = f(cmd, c, args)
		_ = c.Settle(cmd.Context()) // the command typed next finds what this one changed
		return err
	}
}
