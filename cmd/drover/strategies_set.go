package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"drover.dev/internal/sched"
	"github.com/spf13/cobra"
)

// gate are the flags of a change that must first prove itself.
type gate struct {
	better, dry bool
	metric, by  string
	guards      []string
	horizon     time.Duration
	watch       time.Duration
	least       int32
	roll        rollFlags
	c           rehearse.Comparison
}

// changed is what drover strategies set tells programs.
type changed struct {
	Strategy string            `json:"strategy"`
	Applied  bool              `json:"applied"`
	Verdict  *rehearse.Verdict `json:"verdict,omitempty"`
	Watched  *api.Probation    `json:"probation,omitempty"`
	Stages   *api.Stages       `json:"stages,omitempty"`
}

func newStrategiesSetCmd(a *app) *cobra.Command {
	var o gate
	cmd := &cobra.Command{
		Use:     "set NAME",
		Aliases: []string{"use"},
		Short:   "Make a strategy that of the cell, if wanted only when it is better",
		Long: `Make a strategy that of the cell: it orders the queue, and places the tasks of
workloads and tenants that name none. What is placed stays where it is.

With --if-better it must prove itself first: the jobs of the recent journal are
replayed in virtual time under the present strategy and under this one, with the
same seeds. It is set only where the metric becomes better by as much as --by says
and no guard is broken, both with the whole 95 % interval over the seeds. Otherwise
nothing changes, the table says why, and the exit code is 1. Metrics are those of
drover rehearse -o json.

What was set is on probation for --watch: the cell itself measures the jobs that
come from then on, and takes the change back when a completion or waiting time is
surely longer than before, or than its guard allows. drover strategies probation
shows how it does.

--stages has it tried before: in the shadow it decides beside the present strategy
and nothing is done about it; as a canary it decides for a share of the jobs, which
are held against the others of the same time; all makes it the cell's, on probation.
With --sites the present strategy goes on choosing the site of every job, and at those
the other one chooses the node for half of the jobs. What is surely worse ends the change by itself. drover strategies rollout shows how
it does; to set a strategy ends it.`,
		Example: "  drover strategies set best-fit\n  drover strategies set backfill --if-better --metric completion.mean --by 2% --guard p99_wait:+5%\n  drover strategies set best-fit --if-better --stages shadow,canary,all --canary 2h --share 20%",
		Args:    args(1, 1, "the name of a strategy"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, names []string) error {
			if !o.better {
				return a.setStrategy(cmd, c, names[0])
			}
			if err := o.roll.unused(cmd.Flags()); err != nil {
				return err
			}
			return a.setIfBetter(cmd.Context(), c, names[0], &o)
		}),
	}
	o.flags(cmd)
	return cmd
}

// gated are the flags that only --if-better has a use for.
func gated() []string {
	return []string{"metric", "by", "guard", "horizon", "seeds", "jitter", "dry-run", "watch", "least", "stages", "shadow", "canary", "share", "tenants", "sites"}
}

func (o *gate) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.better, "if-better", false, "only if a rehearsal on the recent journal finds it better")
	f.StringVar(&o.metric, "metric", "completionMean", "what must become better")
	f.StringVar(&o.by, "by", "1%", "by how much at least")
	f.StringSliceVar(&o.guards, "guard", nil, "what may become worse by so much at most, METRIC:+N% (may be given again)")
	f.DurationVar(&o.horizon, "horizon", 24*time.Hour, "replay the jobs that came within so long before now")
	f.IntVar(&o.c.Seeds, "seeds", 10, "runs of each strategy, at least 2")
	f.Float64Var(&o.c.Jitter, "jitter", 0.1, "how much run times vary from seed to seed: standard deviation of their logarithm")
	f.DurationVar(&o.watch, "watch", time.Hour, "how long the change is on probation: 1s to 720h; 0 is not at all")
	f.Int32Var(&o.least, "least", 20, "how many jobs must have come to judge the change by, at least 5")
	o.roll.flags(f)
	f.BoolVar(&o.dry, "dry-run", false, "judge, and change nothing")
	var names []string
	for _, m := range rehearse.Metrics() {
		names = append(names, m.Name)
	}
	completeFlag(cmd, "metric", names...)
}

func (a *app) setStrategy(cmd *cobra.Command, c *client.Client, name string) error {
	for _, flag := range gated() {
		if cmd.Flags().Changed(flag) {
			return usageError{errText("--%s says how a rehearsal is judged, and none is asked for", flag), "add --if-better"}
		}
	}
	if err := c.PutSettings(cmd.Context(), api.SettingsRequest{Strategy: name}); err != nil {
		return err
	}
	return a.show(changed{Strategy: name, Applied: true}, func() error {
		a.note("The cell's strategy is %s.", name)
		return nil
	})
}

// setIfBetter rehearses, judges, and sets what passed.
func (a *app) setIfBetter(ctx context.Context, c *client.Client, name string, o *gate) error {
	rules, stages, err := o.read()
	if err != nil {
		return usageError{err, "see drover strategies set --help"}
	}
	past, err := a.demandOfServer(ctx)
	if err != nil {
		return err
	}
	present, err := o.against(past, name)
	if err != nil {
		return err
	}
	if name == present {
		return a.show(changed{Strategy: name}, func() error {
			a.note("The cell's strategy is %s already.", name)
			return nil
		})
	}
	if o.horizon > 0 {
		past.Since(api.Time(a.now().Add(-o.horizon).UnixNano()))
	}
	verdict, err := a.judge(ctx, past, o, rules)
	if err != nil {
		return err
	}
	out := changed{Strategy: name, Verdict: verdict}
	if o.watch > 0 {
		out.Watched = verdict.Probation(past.Took, api.Duration(o.watch), o.least)
	}
	if out.Stages = stages; stages != nil && out.Watched == nil {
		return usageError{errText("no metric of this gate is measured live, so that no stage can be judged by it"), "choose a completion or waiting time as the metric or a guard, or leave out --stages"}
	}
	if verdict.Passed && !o.dry {
		if err := c.PutSettings(ctx, api.SettingsRequest{Strategy: name, Probation: out.Watched, Stages: stages}); err != nil {
			return err
		}
		out.Applied = true
	}
	if err := a.show(out, func() error { return a.judged(&out, o.dry) }); err != nil || verdict.Passed {
		return err
	}
	return codeError{exitFailed, ""}
}

// read reads what is asked for: the gate, and the stages, nil when there are none.
func (o *gate) read() (g rehearse.Gate, s *api.Stages, err error) {
	if g, err = o.rules(); err == nil {
		s, err = o.roll.stages()
	}
	if err == nil && s != nil && o.watch == 0 {
		err = errText("--watch 0: the stages are judged by what a probation watches")
	}
	return g, s, err
}

// rules reads what the gate asks for.
func (o *gate) rules() (g rehearse.Gate, err error) {
	if o.c.Seeds < 2 {
		return g, errText("--seeds %d: chance cannot be told from a change with less than 2 runs", o.c.Seeds)
	}
	if o.horizon < 0 || o.watch < 0 {
		return g, errText("--horizon %s and --watch %s: a time is not less than nothing", o.horizon, o.watch)
	}
	m, err := rehearse.FindMetric(o.metric)
	if err != nil {
		return g, err
	}
	g.Metric = m.Name
	if g.By, err = rehearse.ParsePercent(o.by); err != nil {
		return g, fmt.Errorf("--by: %w", err)
	}
	for _, text := range o.guards {
		guard, err := rehearse.ParseGuard(text)
		if err != nil {
			return g, err
		}
		g.Guards = append(g.Guards, guard)
	}
	return g, nil
}

// against gives the present strategy; the candidate must be known to the cell.
func (o *gate) against(past *rehearse.Past, name string) (present string, err error) {
	present = past.Settings.Strategy
	if present == "" {
		present = sched.Default
	}
	o.c.Strategies = []string{present, name}
	if _, declared := past.Strategies[name]; declared {
		return present, nil
	}
	return present, knownStrategy(name)
}

func (a *app) judge(ctx context.Context, past *rehearse.Past, o *gate, rules rehearse.Gate) (*rehearse.Verdict, error) {
	if len(past.Work) == 0 || len(past.Fleet.Nodes) == 0 {
		return nil, codeError{exitConflict, "no job ended within the horizon, or there is no node: nothing can be rehearsed; take a longer --horizon"}
	}
	c := &o.c
	c.Work, c.Fleet, c.Startup, c.Opening, c.Workers = past.Work, past.Fleet, past.Startup(), past.Opening, runtime.GOMAXPROCS(0)
	c.Shadow = c.Strategies[1]
	c.Intensity, c.Price = rehearse.WorldIntensity, rehearse.AssumedPrice
	bar := report.NewProgress(a.err, a.terminal, a.style(), "runs", int64(c.Seeds*len(c.Strategies)), time.Now)
	c.Done = func(n int) { bar.Set(int64(n)) }
	got, err := rehearse.Compare(ctx, *c)
	bar.Done("")
	if err != nil {
		return nil, err
	}
	verdict, err := rehearse.Judge(got, rules)
	if err != nil {
		return nil, usageError{err, "see drover strategies set --help"}
	}
	return verdict, nil
}

func (a *app) judged(r *changed, dry bool) error {
	v := r.Verdict
	a.say("%s jobs of the recent journal, %d runs of each strategy", report.Count(int64(v.Jobs)), v.Seeds)
	a.say("")
	if err := v.Table().Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	if v.Shadow != nil {
		a.say("%s", v.Shadow.Text(v.Present))
	}
	switch {
	case r.Applied && r.Stages != nil:
		a.say("%s stays for now, and %s is tried %s: %s.", v.Present, v.Candidate, firstStage(r.Stages), v.Why)
		a.say("drover strategies rollout shows how it does.")
	case r.Applied:
		a.say("The cell's strategy is %s: %s.", v.Candidate, v.Why)
		a.sayWatched(r.Watched)
	case v.Passed && dry:
		a.say("%s would be set: %s.", v.Candidate, v.Why)
	default:
		a.say("%s is not set, %s stays: %s.", v.Candidate, v.Present, v.Why)
	}
	return nil
}

func (a *app) sayWatched(p *api.Probation) {
	if p == nil {
		a.say("It is not watched: no metric of this gate is measured live, or --watch is 0.")
		return
	}
	a.say("It is on probation for %s: drover strategies probation shows how it does.", report.Duration(p.Window))
}
