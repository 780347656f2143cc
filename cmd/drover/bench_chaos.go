package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover.dev/internal/bench"
	"drover.dev/internal/chaos"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchChaosCmd(a *app) *cobra.Command {
	o := bench.ChaosOptions{Storm: chaos.DefaultStorm(), Jobs: runtime.GOMAXPROCS(0)}
	mistake, tell := "", false
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Random faults in a simulated cell, and what they break",
		Long: `Runs the rules of servers, agents and the engine, which are those of production,
in a simulated cell in which messages are lost, late and repeated, servers and
agents crash, sleep and are cut off, clocks are set, disks are full or lie, and
machines lose power. After every step all promises of docs/protocol.md are checked;
when nothing fails any more, all work has to end.

A seed decides everything: the same seed, the same history. One that breaks a
promise is told by the command that is printed with it. --mistake makes one on
purpose, to see that it is found.`,
		Example: "  drover bench chaos --seeds 500\n  drover bench chaos --mistake no-grace --seeds 20",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Storm.Bug, err = chaos.BugOf(mistake); err != nil {
				return usageError{err, "the mistakes are " + strings.Join(chaos.Bugs(), ", ")}
			}
			if err := o.Storm.Validate(); err != nil {
				return usageError{err, "see drover bench chaos --help"}
			}
			if tell {
				return tellStorm(a, o)
			}
			bar := report.NewProgress(a.err, a.terminal, a.style(), "worlds", int64(o.Seeds), time.Now)
			o.Report = func(done int64) { bar.Set(done) }
			r, err := bench.Chaos(cmd.Context(), o)
			bar.Done("")
			if err != nil {
				return err
			}
			if err := a.show(r, func() error { return chaosTables(a, &r) }); err != nil {
				return err
			}
			return brokenPromises(o, mistake, &r)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Seeds, "seeds", "n", 100, "how many histories")
	f.Uint64Var(&o.From, "seed", 0, "the first seed; the others follow it")
	f.IntVar(&o.Storm.Servers, "servers", o.Storm.Servers, "servers of the cell")
	f.IntVar(&o.Storm.Agents, "nodes", o.Storm.Agents, "nodes, each with its agent")
	f.IntVar(&o.Storm.Tasks, "tasks", o.Storm.Tasks, "tasks, in workloads of five")
	f.IntVar(&o.Storm.Steps, "steps", o.Storm.Steps, "steps in which something may fail")
	f.IntVar(&o.Storm.Faults, "faults", o.Storm.Faults, "about how many faults a history has")
	f.StringSliceVar(&o.Storm.Only, "only", nil, "kinds of faults that may happen (default: half of them, by seed)")
	f.StringVar(&mistake, "mistake", "", "a mistake that is made on purpose")
	f.BoolVar(&tell, "tell", false, "tell the history of --seed in words, a line a step")
	completeFlag(cmd, "only", chaos.FaultKinds()...)
	completeFlag(cmd, "mistake", chaos.Bugs()...)
	return cmd
}

// tellStorm writes the history of one seed.
func tellStorm(a *app, o bench.ChaosOptions) error {
	h := o.Storm.Tell(o.From, func(line string) { fmt.Fprintln(a.out, line) })
	if h.Violation != "" {
		return errText("seed %d, step %d: %s", h.Seed, h.Steps, h.Violation)
	}
	return nil
}

// brokenPromises is the error of a run in which a promise was broken.
func brokenPromises(o bench.ChaosOptions, mistake string, r *bench.ChaosReport) error {
	if len(r.Violations) == 0 {
		return nil
	}
	first := r.Violations[0]
	return fmt.Errorf("%d of %d histories break a promise; seed %d, step %d: %s. See how: %s",
		len(r.Violations), r.Seeds, first.Seed, first.Step, first.Violation, replay(o, mistake, &first))
}

// replay is the command that tells a seed's history again.
func replay(o bench.ChaosOptions, mistake string, v *bench.ChaosViolation) string {
	out, usual := fmt.Sprintf("drover bench chaos --tell --seed %d", v.Seed), chaos.DefaultStorm()
	for _, f := range []struct {
		name     string
		set, std int
	}{
		{"servers", o.Storm.Servers, usual.Servers},
		{"nodes", o.Storm.Agents, usual.Agents},
		{"tasks", o.Storm.Tasks, usual.Tasks},
		{"steps", o.Storm.Steps, usual.Steps},
		{"faults", v.Replay.Faults, usual.Faults},
	} {
		if f.set != f.std {
			out += fmt.Sprintf(" --%s %d", f.name, f.set)
		}
	}
	if len(v.Replay.Only) > 0 {
		out += " --only " + strings.Join(v.Replay.Only, ",")
	}
	if mistake != "" {
		out += " --mistake " + mistake
	}
	return out
}

func chaosTables(a *app, r *bench.ChaosReport) error {
	err := report.Pairs(a.out, a.style(), []report.Pair{
		{Key: "worlds", Value: fmt.Sprintf("%s, %s", report.Count(int64(r.Seeds)), report.PerSecond(r.WorldsPerSecond))},
		{Key: "steps", Value: fmt.Sprintf("%s, of them %s without faults at the end", report.Count(r.Steps), report.Count(r.Calm))},
		{Key: "records", Value: report.Count(r.Records) + ", all audited"},
		{Key: "coverage", Value: coverageText(r)},
		{Key: "broken promises", Value: strconv.Itoa(len(r.Violations))},
	})
	if err != nil {
		return err
	}
	for _, t := range []*report.Table{countTable("FAULT", r.Faults), countTable("TASKS", r.Transitions), countTable("SERVERS AND NODES", r.Happened)} {
		fmt.Fprintln(a.out)
		if err := t.Render(a.out, a.style()); err != nil {
			return err
		}
	}
	if len(r.Violations) == 0 {
		return nil
	}
	t := &report.Table{Columns: []report.Column{{Title: "SEED", Right: true}, {Title: "STEP", Right: true}, {Title: "BROKEN PROMISE"}}}
	for _, v := range r.Violations[:min(len(r.Violations), 20)] {
		t.Add(strconv.FormatUint(v.Seed, 10), strconv.Itoa(v.Step), v.Violation)
	}
	fmt.Fprintln(a.out)
	return t.Render(a.out, a.style())
}

// coverageText says how many kinds of faults came up, and which did not.
func coverageText(r *bench.ChaosReport) string {
	var missing []string
	for _, kind := range chaos.FaultKinds() {
		if r.Faults[kind] == 0 {
			missing = append(missing, kind)
		}
	}
	all := len(chaos.FaultKinds())
	text := fmt.Sprintf("%d of %d kinds of faults, %d transitions of tasks", all-len(missing), all, len(r.Transitions))
	if len(missing) > 0 {
		text += "; not once: " + strings.Join(missing, ", ")
	}
	return text
}

func countTable(title string, m map[string]int) *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: title}, {Title: "TIMES", Right: true}}}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		t.Add(name, report.Count(int64(m[name])))
	}
	return t
}
