package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"drover.dev/internal/report"
	"drover.dev/internal/sched/assign"
	"github.com/spf13/cobra"
)

// newSolveCmd is the parent of the commands that run a solver on a file.
func newSolveCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "solve",
		Short: "Solve an assignment or sequencing problem from a file, with a proven bound",
		Args:  args(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSolveGapCmd(a), newSolveCompletionCmd(a))
	return cmd
}

// gapAnswer is what solve gap shows.
type gapAnswer struct {
	Cost       int64   `json:"cost"`
	LowerBound int64   `json:"lowerBound"`
	GapPercent float64 `json:"gapPercent"` // of the cost
	Optimal    bool    `json:"optimal"`
	Assignment []int   `json:"assignment"`
	Seconds    float64 `json:"seconds"`
}

func newSolveGapCmd(a *app) *cobra.Command {
	budget, seed := 10*time.Second, uint64(1)
	cmd := &cobra.Command{
		Use:   "gap FILE",
		Short: "Put each job on one agent within the capacities, at the least cost",
		Long: `Solves a generalised assignment problem in the format of the OR-Library: agents and
jobs, the costs agent by agent, the weights agent by agent, the capacities. It
ends when the best assignment is proven optimal or the time is up. Agents and
jobs count from 0.`,
		Example: "  drover solve gap e10400 --time 10s -o json",
		Args:    args(1, 1, "a file"),
		RunE: func(cmd *cobra.Command, names []string) error {
			r, err := solveGap(cmd.Context(), names[0], budget, seed)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), r.pairs()) })
		},
	}
	cmd.Flags().DurationVar(&budget, "time", budget, "the longest time to take")
	cmd.Flags().Uint64Var(&seed, "seed", seed, "of random choices")
	return cmd
}

func solveGap(ctx context.Context, name string, budget time.Duration, seed uint64) (*gapAnswer, error) {
	start := time.Now()
	p, err := readProblem(name, assign.ReadProblem)
	if err != nil {
		return nil, err
	}
	r, err := assign.Solve(p, solverOptions(ctx, start, budget, seed))
	switch {
	case err != nil:
		return nil, fmt.Errorf("solve %s: %w", name, err)
	case r.Assignment == nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case r.Assignment == nil:
		return nil, fmt.Errorf("solve %s: no assignment within the capacities was found in %s, nor proven absent; allow more --time", name, budget)
	}
	g := &gapAnswer{
		Cost: r.Cost, LowerBound: r.LowerBound, Optimal: r.Optimal, Assignment: r.Assignment, Seconds: time.Since(start).Seconds(),
	}
	if r.Cost != 0 {
		g.GapPercent = 100 * float64(r.Cost-r.LowerBound) / max(float64(r.Cost), -float64(r.Cost))
	}
	return g, nil
}

func (g *gapAnswer) pairs() []report.Pair {
	return []report.Pair{
		{Key: "cost", Value: report.Count(g.Cost)},
		{Key: "at least", Value: report.Count(g.LowerBound)},
		{Key: "gap", Value: fmt.Sprintf("%.3f %%", g.GapPercent)},
		{Key: "optimal", Value: proven(g.Optimal)},
		{Key: "time", Value: fmt.Sprintf("%.1f s", g.Seconds)},
		{Key: "agents", Value: fmt.Sprint(g.Assignment)},
	}
}

// completionAnswer is what solve completion shows.
type completionAnswer struct {
	Objective  int64   `json:"objective"`
	LowerBound int64   `json:"lowerBound"`
	Optimal    bool    `json:"optimal"`
	Schedule   [][]int `json:"schedule"` // jobs of each machine in order
	Seconds    float64 `json:"seconds"`
}

func newSolveCompletionCmd(a *app) *cobra.Command {
	budget, seed, weighted := 10*time.Second, uint64(1), false
	cmd := &cobra.Command{
		Use:   "completion FILE",
		Short: "Sequence jobs on unrelated machines for the least sum of completion times",
		Long: `Solves a file with a line m,n, the two numbers, a line w with the weight of each
job, and for each machine a line p with the time of each job. Without --weighted
the answer is exact and takes the time that it needs. Machines and jobs count
from 0.`,
		Example: "  drover solve completion jobs.csv -o json\n  drover solve completion jobs.csv --weighted --time 10s",
		Args:    args(1, 1, "a file"),
		RunE: func(cmd *cobra.Command, names []string) error {
			r, err := solveCompletion(cmd.Context(), names[0], weighted, budget, seed)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), r.pairs()) })
		},
	}
	cmd.Flags().BoolVar(&weighted, "weighted", false, "weigh the completion times")
	cmd.Flags().DurationVar(&budget, "time", budget, "the longest time to take, with --weighted")
	cmd.Flags().Uint64Var(&seed, "seed", seed, "of random choices")
	return cmd
}

func solveCompletion(ctx context.Context, name string, weighted bool, budget time.Duration, seed uint64) (*completionAnswer, error) {
	start := time.Now()
	p, err := readProblem(name, assign.ReadMachines)
	if err != nil {
		return nil, err
	}
	solve, opt := assign.Completion, assign.Options{Stop: func() bool { return ctx.Err() != nil }}
	if weighted {
		solve, opt = assign.WeightedCompletion, solverOptions(ctx, start, budget, seed)
	}
	s, err := solve(p, opt)
	switch {
	case err != nil:
		return nil, fmt.Errorf("solve %s: %w", name, err)
	case s.Order == nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case s.Order == nil:
		return nil, fmt.Errorf("solve %s: no schedule was found in %s; allow more --time", name, budget)
	}
	return &completionAnswer{
		Objective: s.Objective, LowerBound: s.LowerBound, Optimal: s.Optimal, Schedule: s.Order, Seconds: time.Since(start).Seconds(),
	}, nil
}

func (c *completionAnswer) pairs() []report.Pair {
	list := []report.Pair{
		{Key: "objective", Value: report.Count(c.Objective)},
		{Key: "at least", Value: report.Count(c.LowerBound)},
		{Key: "optimal", Value: proven(c.Optimal)},
		{Key: "time", Value: fmt.Sprintf("%.1f s", c.Seconds)},
	}
	for i, jobs := range c.Schedule {
		list = append(list, report.Pair{Key: fmt.Sprintf("machine %d", i), Value: fmt.Sprint(jobs)})
	}
	return list
}

func proven(optimal bool) string {
	if optimal {
		return "yes, proven"
	}
	return "not proven"
}

// solverOptions lends a solver the cores of this machine for the budget.
func solverOptions(ctx context.Context, start time.Time, budget time.Duration, seed uint64) assign.Options {
	return assign.Options{
		Par: everyCore, Seed: seed,
		Stop: func() bool { return ctx.Err() != nil || time.Since(start) >= budget },
	}
}

// readProblem reads a file and says which line of it is wrong.
func readProblem[P any](name string, read func(io.Reader) (*P, error)) (*P, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError{err, ""}
	}
	defer f.Close()
	p, err := read(f)
	var wrong *assign.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return nil, usageError{fmt.Errorf("%s:%d: %s", name, wrong.Line, wrong.Msg), "docs/solvers.md describes the format"}
	case err != nil:
		return nil, usageError{fmt.Errorf("%s: %w", name, err), "docs/solvers.md describes the format"}
	}
	return p, nil
}
