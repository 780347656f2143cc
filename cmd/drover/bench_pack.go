package main

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchPackCmd(a *app) *cobra.Command {
	o, seeds := bench.PackOptions{}, "42-51"
	cmd := &cobra.Command{
		Use:   "pack",
		Short: "How much of a cluster's GPUs a strategy leaves unused",
		Long: `Packs the tasks of a trace onto the nodes with GPUs of a cluster, in the format of
openb (Alibaba, cluster-trace-gpu-v2023), by the protocol of Weng et al., 2023:
pods arrive in random order, each is tried once and never leaves. Figures are
taken when the arrived request reaches all GPUs. What the typical pod asks for is
known from the trace; what comes next is not.`,
		Example: "  drover bench pack --nodes nodes.csv --pods pods.csv --strategy best-fit",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Nodes == "" || o.Pods == "" {
				return usageError{errText("the trace is missing"), "name its files with --nodes and --pods"}
			}
			if o.Seeds, err = seedRange(seeds); err != nil {
				return usageError{err, "write for example --seeds 42-51"}
			}
			r, err := bench.Pack(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("bench pack: %w", err)
			}
			return a.show(r, func() error { return packTable(&r).Render(a.out, a.style()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Nodes, "nodes", "", "file of nodes: sn,cpu_milli,memory_mib,gpu,model")
	f.StringVar(&o.Pods, "pods", "", "file of pods: cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec")
	f.StringVar(&o.Strategy, "strategy", bench.Recommended, "name of a built-in strategy")
	f.StringVar(&seeds, "seeds", seeds, "one run for each: numbers and ranges, separated by commas")
	f.Float64Var(&o.Load, "load", 1.3, "how many times the GPUs are asked for")
	return cmd
}

// seedRange reads numbers and ranges such as 1,42-51.
func seedRange(text string) (list []uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 32)
		b, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 32)
		if err1 != nil || err2 != nil || b < a || b-a >= 1000 {
			return nil, errText("--seeds %q: %q is not a number or a range of at most 1000", text, part)
		}
		for ; a <= b; a++ {
			list = append(list, a)
		}
	}
	return list, nil
}

func packTable(r *bench.PackReport) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "SEED"},
		{Title: "GPU LEFT", Right: true},
		{Title: "GPU USED", Right: true},
		{Title: "CPU USED", Right: true},
		{Title: "TIME", Right: true},
	}}
	add := func(name string, f bench.PackFigures) {
		t.Add(name, fmt.Sprintf("%.2f %%", f.GPUUnallocated), fmt.Sprintf("%.2f %%", f.GPUAllocated),
			fmt.Sprintf("%.2f %%", f.CPUAllocated), fmt.Sprintf("%.1f s", f.Seconds))
	}
	for _, s := range r.Seeds {
		add(strconv.FormatUint(s.Seed, 10), s.PackFigures)
	}
	add("mean", r.Mean)
	return t
}
