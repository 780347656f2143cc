package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"drover.dev/internal/sched"
	"github.com/spf13/cobra"
)

// rehearsal are the flags that say what is rehearsed.
type rehearsal struct {
	from, fleet, format string
	skip                bool
	declare             []string
	horizon             time.Duration
	world               worldFlags
	c                   rehearse.Comparison
	past                *rehearse.Past // nil of a trace
}

func (o *rehearsal) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "journal", "journal (of --server, or of this machine's server, running or stopped), a server's data directory, or the file of a trace")
	f.StringVar(&o.fleet, "fleet", "", "file of the fleet, or N×cpu,memory (default with a journal: the cell's own nodes)")
	f.StringVar(&o.format, "format", "", "of the trace (default: found out from its first line)")
	f.StringSliceVar(&o.declare, "declare", nil, "file with documents of kind: strategy, which may be named like the built-in ones, or kind: tenant, whose budgets then hold; with a journal, so may those of its cell (may be given again)")
	f.BoolVar(&o.skip, "skip-bad", false, "pass over rows of the trace that cannot be read")
	f.IntVar(&o.c.Seeds, "seeds", 5, "runs of each strategy")
	f.Float64Var(&o.c.Jitter, "jitter", 0.1, "how much run times vary from seed to seed: standard deviation of their logarithm")
	f.BoolVar(&o.c.Exact, "exact", false, "tell the engine how long each job really runs (default: what the trace says of it)")
	f.DurationVar(&o.horizon, "horizon", 0, "replay only what came within so long of the first job (default: all)")
	o.world.flags(cmd, &o.c.Plan)
}

func newRehearseCmd(a *app) *cobra.Command {
	var o rehearsal
	page := ""
	cmd := &cobra.Command{
		Use:   "rehearse --strategy A,B,…",
		Short: "Replay the same demand under several strategies and compare",
		Long: `Replays the same demand under several strategies, in virtual time and with the
engine that decides in production, and puts them side by side. The demand is what
a cell really did, from its journal, or a trace.

Every strategy runs with the same seeds, which vary the run times and the failures
of nodes. What a cell heard of carbon and prices it hears again, at the same moments,
unless --carbon, --prices or --start say otherwise; of files it is told as a feed would
tell it, with forecasts of the past alone. A strategy is better or worse than the first
one where the 95 % interval of the difference, taken run by run, does not include zero.

With --shadow NAME that strategy decides beside the others, on the state in which each of
their placements is made, as it does in the shadow stage of drover strategies set: how
many it would have made elsewhere, how much sooner it expects their ends, and which terms
of its score made the difference.`,
		Example: "  drover rehearse --strategy greedy,best-fit,worst-fit\n  drover rehearse --from jobs.csv --fleet 10x4,16Gi --strategy fifo,shortest-first --seeds 10 --html compare.html",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer simulating()()
			r, err := a.compare(cmd.Context(), &o)
			if err != nil {
				return err
			}
			if page != "" {
				if err := a.comparePage(page, r, o.from); err != nil {
					return err
				}
			}
			return a.show(r, func() error { return a.compared(r, page) })
		},
	}
	o.flags(cmd)
	cmd.Flags().StringSliceVar(&o.c.Strategies, "strategy", nil, "names, joined by commas; the first is what the others are held against")
	cmd.Flags().StringVar(&o.c.Shadow, "shadow", "", "a strategy that decides beside each of the others, and nothing is done about it: how many placements would differ")
	cmd.Flags().StringVar(&page, "html", "", "write a page with charts to this file, too")
	return cmd
}

func newTwinRankCmd(a *app) *cobra.Command {
	var o rehearsal
	metric, share := "completionMean", 0.3
	cmd := &cobra.Command{
		Use:   "rank --trace FILE --fleet FLEET --strategies A,B,…",
		Short: "Ask how well a short rehearsal foretells which strategies do best",
		Long: `Rehearses strategies on the first part of a demand and on the rest of it, and says
how well the first order foretells the second: Kendall's tau, 1 when both are the
same and -1 when one is the other reversed.`,
		Example: "  drover twin rank --trace jobs.csv --fleet 10x4,16Gi --strategies fifo,shortest-first,best-fit -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer simulating()()
			if err := o.load(cmd.Context(), a); err != nil {
				return err
			}
			r, err := rehearse.RankStrategies(cmd.Context(), o.c, metric, share)
			if err != nil {
				return usageError{err, "see drover twin rank --help"}
			}
			return a.show(r, func() error { return a.ranked(r, o.c.Strategies) })
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.from, "trace", "", "file of the trace")
	_ = f.MarkHidden("from")
	f.StringSliceVar(&o.c.Strategies, "strategies", nil, "names, joined by commas")
	f.StringVar(&metric, "metric", metric, "by which strategies are ordered")
	f.Float64Var(&share, "share", share, "of the jobs that the short rehearsal sees")
	var names []string
	for _, m := range rehearse.Metrics() {
		names = append(names, m.Name)
	}
	completeFlag(cmd, "metric", names...)
	return cmd
}

// load reads demand and fleet.
func (o *rehearsal) load(ctx context.Context, a *app) error {
	if len(o.c.Strategies) == 0 {
		return usageError{errText("no strategy is named"), "for example --strategy greedy,best-fit; drover strategies lists them"}
	}
	for i, s := range o.c.Strategies {
		if s == "" || slices.Contains(o.c.Strategies[:i], s) {
			return usageError{errText("strategy %q is named twice, or is empty", s), "name each once"}
		}
	}
	if err := o.declared(a); err != nil {
		return err
	}
	if o.from == "journal" || isDir(o.from) && o.format == "" {
		if err := o.fromJournal(ctx, a); err != nil {
			return err
		}
	} else if err := o.fromTrace(a); err != nil {
		return err
	}
	if o.fleet != "" {
		fleet, err := rehearse.LoadFleet(o.fleet)
		if err != nil {
			return usageError{err, "docs/twin.md says how a fleet is described"}
		}
		o.c.Fleet = fleet
	}
	if len(o.c.Fleet.Nodes) == 0 {
		return usageError{errText("there are no nodes to rehearse on"), "describe a fleet with --fleet, for example 10x16,64Gi"}
	}
	if o.horizon > 0 {
		o.c.Work = o.c.Work.Until(api.Duration(o.horizon))
	}
	if len(o.c.Work) == 0 {
		return usageError{errText("there is no finished job to replay"), "name a trace with --from, or a journal in which jobs have ended"}
	}
	o.c.Workers = runtime.GOMAXPROCS(0)
	if err := o.world.plan(&o.c.Plan); err != nil {
		return err
	}
	if o.past != nil && len(o.past.News) > 0 && !o.world.dated() {
		o.past.Replay(&o.c.Plan)
	}
	return nil
}

// declared reads the strategies and tenants of --declare.
func (o *rehearsal) declared(a *app) error {
	if len(o.declare) == 0 {
		return nil
	}
	docs, err := a.documents(o.declare)
	if err != nil {
		return err
	}
	for i := range docs {
		d := &docs[i]
		if d.Tenant != nil {
			d.Tenant.Normalize()
			for _, f := range d.Tenant.Validate() {
				return usageError{errors.New(d.located(f)), "docs/energy.md shows what a tenant's budgets are"}
			}
			o.c.Tenants = append(o.c.Tenants, *d.Tenant)
			continue
		}
		if d.Strategy == nil {
			return usageError{errText("%s: the document is of no strategy and no tenant", d.place()), "write kind: strategy; docs/strategies.md shows how one is composed"}
		}
		d.Strategy.Normalize() // a term without a weight has one, as when it is applied
		for _, f := range sched.Faults(d.Strategy) {
			return usageError{errors.New(d.located(f)), "drover strategies terms lists what a strategy can be composed of"}
		}
		o.c.Declared = append(o.c.Declared, *d.Strategy)
	}
	return nil
}

// known refuses names of strategies that are neither built in nor declared.
func (o *rehearsal) known() error {
	names := o.c.Strategies
	if o.c.Shadow != "" {
		names = append(slices.Clone(names), o.c.Shadow)
	}
	for _, name := range names {
		if slices.ContainsFunc(o.c.Declared, func(s api.Strategy) bool { return s.Name == name }) {
			continue
		}
		if err := knownStrategy(name); err != nil {
			return err
		}
	}
	return nil
}

func (o *rehearsal) fromTrace(a *app) error {
	if o.from == "" {
		return usageError{errText("no trace is named"), "name its file with --trace"}
	}
	if err := o.known(); err != nil {
		return err
	}
	in, err := a.openTrace(o.from)
	if err != nil {
		return err
	}
	defer in.Close()
	work, t, err := rehearse.ReadWork(in, rehearse.Options{Format: o.format, Skip: o.skip})
	if err != nil {
		return traceFault(o.from, err)
	}
	if n, why := t.Skipped(); n > 0 {
		a.note("%d rows were skipped; the first: %v", n, why)
	}
	o.c.Work = work
	return nil
}

func (o *rehearsal) fromJournal(ctx context.Context, a *app) error {
	past, err := a.demandOf(ctx, o.from)
	if err != nil {
		return err
	}
	o.past, o.c.Work, o.c.Fleet = past, past.Work, past.Fleet
	for _, name := range slices.Sorted(maps.Keys(past.Strategies)) {
		if !slices.ContainsFunc(o.c.Declared, func(s api.Strategy) bool { return s.Name == name }) {
			o.c.Declared = append(o.c.Declared, past.Strategies[name])
		}
	}
	return o.known()
}

func (a *app) compare(ctx context.Context, o *rehearsal) (*rehearse.Compared, error) {
	if err := o.load(ctx, a); err != nil {
		return nil, err
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "runs", int64(o.c.Seeds*len(o.c.Strategies)), time.Now)
	o.c.Done = func(n int) { bar.Set(int64(n)) }
	r, err := rehearse.Compare(ctx, o.c)
	bar.Done("")
	return r, traceFault(o.from, err)
}

func (a *app) comparePage(name string, r *rehearse.Compared, from string) error {
	f, err := os.Create(name)
	if err != nil {
		return usageError{err, "choose another name for the page"}
	}
	return errors.Join(r.Page(f, "the demand of "+from+", replayed by drover "+buildVersion()), f.Close())
}

func (a *app) compared(r *rehearse.Compared, page string) error {
	a.say("%s jobs on %s nodes, %d runs of each strategy", report.Count(int64(r.Jobs)), report.Count(int64(r.Nodes)), r.Seeds)
	a.say("")
	if err := r.Table().Render(a.out, a.style()); err != nil {
		return err
	}
	if t := r.ShadowTable(); t != nil {
		a.say("")
		if err := t.Render(a.out, a.style()); err != nil {
			return err
		}
	}
	a.say("")
	for _, s := range r.Verdicts() {
		a.say("%s", s)
	}
	if page != "" {
		a.say("The page with charts is %s.", page)
	}
	return nil
}

func (a *app) ranked(r *rehearse.Rank, strategies []string) error {
	t := &report.Table{Columns: []report.Column{{Title: "STRATEGY"}, {Title: "PREDICTED", Right: true}, {Title: "ACTUAL", Right: true}}}
	order := slices.Clone(strategies)
	slices.SortStableFunc(order, func(x, y string) int {
		switch {
		case r.Predicted[x] < r.Predicted[y]:
			return -1
		case r.Predicted[x] > r.Predicted[y]:
			return 1
		}
		return 0
	})
	for _, s := range order {
		t.Add(s, report.Number(r.Predicted[s]), report.Number(r.Actual[s]))
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	a.say("%s, from %s jobs to the next %s: tau %.2f", r.Metric, report.Count(int64(r.Jobs[0])), report.Count(int64(r.Jobs[1])), r.Tau)
	return nil
}

// traceFault says what is wrong with a trace, or with the world for it, as the fault of whoever named it.
func traceFault(name string, err error) error {
	var wrong *rehearse.TraceError
	var impossible *rehearse.WorldError
	if errors.As(err, &impossible) {
		return usageError{impossible, "docs/twin.md says how fleets, links and cuts are described"}
	}
	if errors.As(err, &wrong) {
		return usageError{fmt.Errorf("%s: %w", name, wrong), "drover trace formats lists what can be read; --skip-bad passes over bad rows"}
	}
	return err
}
