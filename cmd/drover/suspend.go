package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
)

func newSuspendCmd(a *app) *cobra.Command {
	r := api.SuspendRequest{}
	lasts := api.DefaultSuspension.String()
	cmd := &cobra.Command{
		Use:   "suspend NAME[.TASK][[INDEX]]...",
		Short: "Have jobs, or tasks of them, stand still for a while",
		Long: `Has jobs, or tasks of them, stand still for a while. What runs is held still where it
is: it uses no CPU and keeps its memory and its place. What waits is not placed. When
the time is over all goes on where it stopped, also when nobody comes back to say so.

Tasks of drivers process and wasm can be held still, when they are no gang, have no
checks and may run twice. With a deadline they stand still only for as long as that is
safe. Time limits stand still, too, deadlines go on. What stands still at its owner's
wish goes on paying for its part of the node. --operator is for whoever runs the cell: it
counts beside the owner's wish, costs the owner nothing, and ends by drover resume --operator.`,
		Example: `  drover suspend train --for 2h
  drover suspend batch.main[7] sweep.fit --for 30m --reason "the grid is short"`,
		Args: args(1, -1, "the name of a job or of a task"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var err error
			if r.For, err = api.ParseDuration(lasts); err != nil {
				return usageError{fmt.Errorf("--for: %w", err), "drover suspend --help has an example"}
			}
			if faults := r.Validate(); len(faults) > 0 {
				return usageError{errText("--%s: %s", faults[0].Path, faults[0].Message), "drover suspend --help has an example"}
			}
			return a.each(cmd.Context(), c, args, func(ctx context.Context, name string, list []api.Elements) (api.Applied, error) {
				one := r
				one.Elements = list
				return c.Suspend(ctx, name, one)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&lasts, "for", lasts, "for how long, 1s to 7d")
	f.StringVar(&r.Reason, "reason", "", "why, for people")
	f.BoolVar(&r.Operator, "operator", false, "as whoever runs the cell, not as the owner")
	return cmd
}

func newResumeCmd(a *app) *cobra.Command {
	var operator bool
	cmd := &cobra.Command{
		Use:     "resume NAME[.TASK][[INDEX]]...",
		Short:   "Let suspended jobs or tasks go on before their time",
		Example: "  drover resume train batch.main[7]",
		Args:    args(1, -1, "the name of a job or of a task"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.each(cmd.Context(), c, args, func(ctx context.Context, name string, list []api.Elements) (api.Applied, error) {
				return c.Resume(ctx, name, api.ResumeRequest{Elements: list, Operator: operator})
			})
		}),
	}
	cmd.Flags().BoolVar(&operator, "operator", false, "what was suspended with --operator")
	return cmd
}

// each does something with each job, or part of one, that arguments name, and says what
// became of them.
func (a *app) each(ctx context.Context, c *client.Client, args []string, do func(context.Context, string, []api.Elements) (api.Applied, error)) error {
	var done []api.Applied
	var errs []error
	for _, arg := range args {
		name, list, err := elementsArg(ctx, c, arg)
		var applied api.Applied
		if err == nil {
			applied, err = do(ctx, name, list)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, applied)
	}
	err := a.show(list(done), func() error {
		for _, d := range done {
			a.say("%s %s", d.Name, d.Action)
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// elementsArg is a job, and which elements of it an argument names: none are all.
func elementsArg(ctx context.Context, c *client.Client, arg string) (name string, list []api.Elements, err error) {
	e, err := parseElement(arg)
	if err != nil || e.task == "" && !e.indexed {
		return e.workload, nil, err
	}
	if err := e.oneTask(ctx, c); err != nil {
		return "", nil, err
	}
	one := api.Elements{Task: e.task}
	if e.indexed {
		one.From, one.Count = e.index, 1
	}
	return e.workload, []api.Elements{one}, nil
}
