package main

import (
	"context"
	"fmt"
	"strings"

	"drover.dev/internal/energy/consolidate"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

type consolidateOptions struct {
	traces, policy, selection, strategy string
	seed                                uint64
}

func newTwinConsolidateCmd(a *app) *cobra.Command {
	o := consolidateOptions{selection: consolidate.MMT}
	cmd := &cobra.Command{
		Use:   "consolidate --traces FILE",
		Short: "Keep virtual machines together on few hosts: energy beside service",
		Long: `Simulates a day of virtual machines on 800 hosts, as Beloglazov and Buyya published
it in 2012 and as CloudSim 3.0.3 carries it out, under one of the published
policies (--policy, --select) or under Drover's strategy (--strategy
consolidation).

SLAV, PDM and SLATAH are fractions: of CPU that machines did not get while they
were moved (PDM), of their time in which hosts that were on gave less than was
asked for (SLATAH), and their product. docs/energy.md has the method.`,
		Example: "  drover twin consolidate --traces planetlab/20110303.tar.gz --policy lr-1.2 --select mmt\n" +
			"  drover twin consolidate --traces planetlab/20110303.tar.gz --strategy consolidation -o json",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.twinConsolidate(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), consolidatePairs(r)) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.traces, "traces", "", "archive of a day: a file a machine, its CPU use in percent every 5 minutes; - is standard input")
	f.StringVar(&o.policy, "policy", "", strings.Join(consolidate.Policies(), ", ")+"; other numbers can be given")
	f.StringVar(&o.selection, "select", o.selection, "which machine leaves an overloaded host: "+strings.Join(consolidate.Selections(), ", "))
	f.StringVar(&o.strategy, "strategy", "", consolidate.Own+": Drover's, instead of a policy")
	f.Uint64Var(&o.seed, "seed", 0, "of random choices and, above 0, of the order in which machines are taken")
	completeFlag(cmd, "policy", consolidate.Policies()...)
	completeFlag(cmd, "select", consolidate.Selections()...)
	completeFlag(cmd, "strategy", consolidate.Own)
	return cmd
}

func (o consolidateOptions) chosen() (consolidate.Policy, error) {
	help := "see drover twin consolidate --help"
	switch {
	case o.traces == "":
		return consolidate.Policy{}, usageError{errText("a day of machines is needed: --traces"), help}
	case (o.policy == "") == (o.strategy == ""):
		return consolidate.Policy{}, usageError{errText("name a --policy or a --strategy, one of the two"), help}
	case o.strategy != "" && o.strategy != consolidate.Own:
		return consolidate.Policy{}, usageError{errText("there is no strategy %.40q that consolidates, but %s", o.strategy, consolidate.Own), help}
	case o.strategy != "":
		return consolidate.Policy{Detect: o.strategy}, nil
	}
	p, err := consolidate.ParsePolicy(o.policy, o.selection)
	if err != nil {
		return p, usageError{err, help}
	}
	p.Seed = o.seed
	return p, nil
}

func (a *app) twinConsolidate(ctx context.Context, o consolidateOptions) (*rehearse.ConsolidateReport, error) {
	p, err := o.chosen()
	if err != nil {
		return nil, err
	}
	begin := a.now()
	in, err := a.openTrace(o.traces)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := rehearse.RunConsolidate(ctx, rehearse.ConsolidatePlan{Traces: in, Policy: p, Seed: o.seed})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, usageError{fmt.Errorf("%s: %w", o.traces, err), "docs/energy.md says what is read"}
	}
	r.Seconds = a.now().Sub(begin).Seconds()
	return r, nil
}

func consolidatePairs(r *rehearse.ConsolidateReport) []report.Pair {
	return []report.Pair{
		{Key: "machines", Value: fmt.Sprintf("%s on %s hosts", report.Count(int64(r.VMs)), report.Count(int64(r.Hosts)))},
		{Key: "energy", Value: fmt.Sprintf("%.2f kWh", r.EnergyKWh)},
		{Key: "migrations", Value: report.Count(int64(r.Migrations))},
		{Key: "SLAV", Value: fmt.Sprintf("%.5f %%", 100*r.SLAV)},
		{Key: "PDM", Value: fmt.Sprintf("%.3f %% of CPU lost to migrations", 100*r.PDM)},
		{Key: "SLATAH", Value: fmt.Sprintf("%.2f %% of their time hosts were short of CPU", 100*r.SLATAH)},
		{Key: "slowdown", Value: fmt.Sprintf("%.3f %% of the CPU that was asked for was not given", 100*r.Unserved)},
		{Key: "shutdowns", Value: report.Count(int64(r.Shutdowns))},
		{Key: "time", Value: fmt.Sprintf("%.3f s", r.Seconds)},
	}
}
