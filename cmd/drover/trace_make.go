package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"github.com/spf13/cobra"
)

// newFile makes a file that must not exist yet; "" is standard output. What it
// returns to close does nothing then.
func (a *app) newFile(name string) (io.Writer, func() error, error) {
	if name == "" {
		return a.out, func() error { return nil }, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, usageError{err, "choose a name that is not taken"}
	}
	return f, f.Close, nil
}

// generateOptions are the flags of trace generate.
type generateOptions struct {
	like, to, cpu, memory string
	in, out               string
	jobs, count           int
	seed                  uint64
	rate                  float64
	run                   time.Duration
	flags                 traceFlags
}

func newTraceGenerateCmd(a *app) *cobra.Command {
	o := generateOptions{jobs: 10_000, seed: 1, rate: 3600, run: time.Minute, cpu: "1", memory: "1Gi", in: "0", out: "0", count: 1}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make up a demand like that of a trace",
		Long: `Makes up a demand, in Drover's own format. With --like it is fitted to a trace:
arrivals follow its rate by hour of the day and the burstiness of its gaps, and
jobs are drawn with all their properties from its own, run times from a density
that is fitted to theirs. Without, jobs of one kind come as a Poisson process and
their run times are exponential.

The same seed makes the same demand.`,
		Example: "  drover trace generate --like jobs.csv --jobs 1000000 --seed 7 --to more.trace\n" +
			"  drover trace generate --rate 120 --run 10m --cpu 2 --memory 4Gi --jobs 5000 --to even.trace",
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.model(cmd.Context(), &o)
			if err != nil {
				return err
			}
			if o.jobs < 1 {
				return usageError{errText("--jobs is %d", o.jobs), "make at least one job"}
			}
			rows, err := m.Generate(o.jobs, o.seed)
			if err != nil {
				return usageError{err, "see drover trace generate --help"}
			}
			return a.writeTrace(cmd.Context(), o.to, rows)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.like, "like", "", "file of the trace to fit")
	f.IntVar(&o.jobs, "jobs", o.jobs, "how many to make")
	f.Uint64Var(&o.seed, "seed", o.seed, "of the draws")
	f.StringVar(&o.to, "to", "", "file to make (default: standard output)")
	f.Float64Var(&o.rate, "rate", o.rate, "jobs an hour, without --like")
	f.DurationVar(&o.run, "run", o.run, "mean run time, without --like")
	f.StringVar(&o.cpu, "cpu", o.cpu, "of each element, without --like")
	f.StringVar(&o.memory, "memory", o.memory, "of each element, without --like")
	f.StringVar(&o.in, "in", o.in, "what each element takes in, without --like")
	f.StringVar(&o.out, "out", o.out, "what each element leaves behind, without --like")
	f.IntVar(&o.count, "count", o.count, "elements of a job, side by side, without --like")
	o.flags.add(cmd)
	return cmd
}

func (a *app) model(ctx context.Context, o *generateOptions) (*trace.Model, error) {
	if o.like == "" {
		return o.poisson()
	}
	in, err := a.openTrace(o.like)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := rehearse.ReadRows(in, rehearse.Options{Format: o.flags.format, Skip: o.flags.skip})
	if err != nil {
		return nil, traceFault(o.like, err)
	}
	m, err := trace.Fit(&trace.List{Rows: rows}, o.seed)
	if err != nil {
		return nil, usageError{errText("%s: %v", o.like, err), "fit another trace"}
	}
	return m, ctx.Err()
}

func (o *generateOptions) poisson() (*trace.Model, error) {
	job := trace.Row{Count: int32(min(max(o.count, 0), 1<<20)), Run: api.Duration(o.run)}
	cpu, err := api.ParseMilli(o.cpu)
	if err != nil {
		return nil, usageError{errText("--cpu: %v", err), "a number of cores, such as 0.5"}
	}
	memory, err := api.ParseBytes(o.memory)
	if err != nil {
		return nil, usageError{errText("--memory: %v", err), "a size, such as 512Mi"}
	}
	if o.rate <= 0 || o.run < 0 || job.Count < 1 || cpu <= 0 || memory < 0 {
		return nil, usageError{errText("--rate, --cpu and --count must be above zero, --run and --memory at least zero"), ""}
	}
	job.Each = api.Resources{CPU: cpu, Memory: memory}
	for _, v := range []struct {
		flag, text string
		to         *api.Bytes
	}{{"in", o.in, &job.In}, {"out", o.out, &job.Out}} {
		if *v.to, err = api.ParseBytes(v.text); err != nil || *v.to < 0 {
			return nil, usageError{errText("--%s: %.40q is no size", v.flag, v.text), "a size, such as 5Mi"}
		}
	}
	return trace.Poisson(o.rate/3600, job), nil
}

// writeTrace writes rows in Drover's own format.
func (a *app) writeTrace(ctx context.Context, to string, rows trace.Reader) error {
	out, closing, err := a.newFile(to)
	if err != nil {
		return err
	}
	w := trace.NewWriter(out)
	for n := 0; err == nil; n++ {
		var row trace.Row
		if row, err = rows.Next(); err == nil {
			err = w.Write(row)
		}
		if n%4096 == 0 && err == nil {
			err = ctx.Err()
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, w.Close(), closing())
}

func newTraceExportCmd(a *app) *cobra.Command {
	from, to := "journal", ""
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what a stopped server's jobs did as a trace without names",
		Long: `Writes the jobs in a stopped server's journal as a trace in Drover's own format: when
they came, what they asked for, how long they ran. Names are left out: jobs and
tenants become numbers. Each task of a job with several is a job of its own, since
a trace knows no dependencies; of an array, the mean run time counts. Services,
systems and jobs of which a task never ended are left out and counted.`,
		Example: "  drover trace export --to ours.trace\n  drover trace describe ours.trace",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			past, err := a.demandOf(cmd.Context(), from)
			if err != nil {
				return err
			}
			return a.writeTrace(cmd.Context(), to, &trace.List{Rows: past.Rows()})
		},
	}
	cmd.Flags().StringVar(&from, "from", from, "journal (of this machine's stopped server), or a server's data directory")
	cmd.Flags().StringVar(&to, "to", "", "file to make (default: standard output)")
	return cmd
}
