package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"drover.dev/api/client"
	"github.com/spf13/cobra"
)

func newLogsCmd(a *app) *cobra.Command {
	var o client.LogOptions
	var tail int64
	cmd := &cobra.Command{
		Use:   "logs NAME[.TASK[INDEX]]",
		Short: "Print what a task wrote",
		Long: `Print what the last attempt of a task wrote: its standard output to standard
output, its standard error to standard error. Logs stay on the node.`,
		Example: "  drover logs -f render.tiles[3]",
		Args:    args(1, 1, "the name of a workload"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			e, err := parseElement(args[0])
			if err != nil {
				return err
			}
			o.Task, o.Index, o.Offset = e.task, e.index, -tail
			streams := []string{"stdout", "stderr"}
			if o.Stream != "" {
				streams = []string{o.Stream}
			}
			if o.Follow {
				defer a.hintWhenUnplaced(cmd.Context(), c, e)()
			}
			return a.copyLogs(cmd.Context(), c, e.workload, o, streams)
		}),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.Follow, "follow", "f", false, "go on until the task ends, with its next attempts, too")
	f.StringVar(&o.Stream, "stream", "", "stdout or stderr; default both")
	f.Int64Var(&tail, "tail", 0, "only the last so many bytes of each")
	completeFlag(cmd, "stream", "stdout", "stderr")
	return cmd
}

// copyLogs prints streams at the same time, each to its own counterpart.
func (a *app) copyLogs(ctx context.Context, c *client.Client, workload string, o client.LogOptions, streams []string) error {
	errs := make([]error, len(streams))
	var wg sync.WaitGroup
	var mu sync.Mutex // both may be one terminal
	for i, name := range streams {
		o, to := o, a.out
		if o.Stream = name; name == "stderr" {
			to = a.err
		}
		wg.Go(func() { errs[i] = copyLog(ctx, c, workload, o, &locked{w: to, mu: &mu}) })
	}
	wg.Wait()
	return firstOf(errs)
}

// firstOf is the first error; the same one for both streams is told once.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func copyLog(ctx context.Context, c *client.Client, workload string, o client.LogOptions, w io.Writer) error {
	for part, err := range c.Logs(ctx, workload, o) {
		if err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("print the log: %w", err)
		}
	}
	return nil
}

// locked lets one writer at a time through.
type locked struct {
	w  io.Writer
	mu *sync.Mutex
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// interrupted reports whether an error comes from Ctrl-C.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
