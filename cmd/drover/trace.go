package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"drover.dev/api"
	"drover.dev/internal/report"
	"drover.dev/internal/trace"
	"github.com/spf13/cobra"
)

// newTraceCmd is the parent of the commands about traces.
func newTraceCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Look at traces of demand, and convert them",
		Args:  args(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTraceDescribeCmd(a), newTraceConvertCmd(a), newTraceGenerateCmd(a), newTraceExportCmd(a), newTraceFormatsCmd(a))
	return cmd
}

// traceFlags are those of every command that reads a trace.
type traceFlags struct {
	format string
	skip   bool
}

func (t *traceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.format, "format", "", "of the trace (default: found out from its first line)")
	cmd.Flags().BoolVar(&t.skip, "skip-bad", false, "pass over rows that cannot be read, and count them")
	var names []string
	for _, f := range trace.Formats() {
		names = append(names, f.Name)
	}
	completeFlag(cmd, "format", names...)
}

// each calls f with every row and says how the trace is written.
func (t *traceFlags) each(ctx context.Context, a *app, name string, f func(trace.Row) error) (trace.Format, *trace.Skipping, error) {
	in, err := a.openTrace(name)
	if err != nil {
		return trace.Format{}, nil, err
	}
	defer in.Close()
	reader, format, err := trace.Open(in, t.format)
	if err != nil {
		return format, nil, usageError{fmt.Errorf("%s: %w", name, err), "drover trace formats lists what can be read"}
	}
	s := &trace.Skipping{Reader: reader}
	if t.skip {
		reader = s
	}
	for n := 0; ; n++ {
		row, err := reader.Next()
		var bad *trace.RowError
		switch {
		case errors.Is(err, io.EOF):
			return format, s, nil
		case errors.As(err, &bad):
			return format, s, usageError{fmt.Errorf("%s:%d: %s", name, bad.Line, bad.Reason), "--skip-bad passes over such rows"}
		case err != nil:
			return format, s, fmt.Errorf("%s: %w", name, err)
		case n%4096 == 0 && ctx.Err() != nil:
			return format, s, ctx.Err()
		}
		if err := f(row); err != nil {
			return format, s, err
		}
	}
}

// traceSummary is what trace describe shows.
type traceSummary struct {
	Format      string  `json:"format"`
	Jobs        int64   `json:"jobs"`
	Tasks       int64   `json:"tasks"` // elements of all jobs
	Users       int     `json:"users"`
	SpanSeconds float64 `json:"spanSeconds"` // from the first submission to the last
	CPUHours    float64 `json:"cpuHours"`    // asked for
	GPUHours    float64 `json:"gpuHours"`
	MeanRun     float64 `json:"meanRunSeconds"`
	LongestRun  float64 `json:"longestRunSeconds"`
	LargestCPU  string  `json:"largestCpu"` // of one element
	LargestMem  string  `json:"largestMemory"`
	Estimates   int64   `json:"jobsWithEstimate"`
	Use         int64   `json:"jobsWithUse"`
	Skipped     int     `json:"skippedRows"`
	SkippedWhy  string  `json:"skippedWhy,omitempty"`

	first, last api.Duration
	users       map[string]struct{}
	cpu         api.Milli
	memory      api.Bytes
}

// maxUsers bounds how many users are told apart.
const maxUsers = 1 << 20

func (s *traceSummary) add(r trace.Row) {
	if s.Jobs == 0 {
		s.first, s.last = r.Submit, r.Submit
	}
	s.first, s.last = min(s.first, r.Submit), max(s.last, r.Submit)
	run := r.Run.Std().Seconds()
	n := float64(r.Count)
	s.Jobs++
	s.Tasks += int64(r.Count)
	s.MeanRun += run
	s.LongestRun = max(s.LongestRun, run)
	s.CPUHours += n * run / 3600 * float64(r.Each.CPU) / 1000
	for _, a := range r.Each.Accelerators {
		s.GPUHours += n * run / 3600 * float64(a.Count) / 1000
	}
	s.cpu, s.memory = max(s.cpu, r.Each.CPU), max(s.memory, r.Each.Memory)
	if r.Estimate > 0 {
		s.Estimates++
	}
	if len(r.Use) > 0 {
		s.Use++
	}
	if r.User != "" && len(s.users) < maxUsers {
		s.users[r.User] = struct{}{}
	}
}

func newTraceDescribeCmd(a *app) *cobra.Command {
	var t traceFlags
	cmd := &cobra.Command{
		Use:   "describe FILE",
		Short: "Say what is in a trace",
		Long: `Says what is in a trace, or in a CSV of values over time such as carbon intensities
and prices. It is read as a stream: a file of any length takes little memory.`,
		Example: "  drover trace describe NASA-iPSC-1993-3.1-cln.swf.gz",
		Args:    args(1, 1, "a file, or - for standard input"),
		RunE: func(cmd *cobra.Command, names []string) error {
			if series := a.seriesIn(names[0]); series != nil && t.format == "" {
				return a.show(seriesOf(series), func() error { return a.seriesShown(series) })
			}
			s := &traceSummary{users: map[string]struct{}{}}
			format, skipped, err := t.each(cmd.Context(), a, names[0], func(r trace.Row) error { s.add(r); return nil })
			if err != nil {
				return err
			}
			s.finish(format, skipped)
			return a.show(s, func() error { return report.Pairs(a.out, a.style(), s.pairs()) })
		},
	}
	t.add(cmd)
	return cmd
}

func (s *traceSummary) finish(f trace.Format, skipped *trace.Skipping) {
	s.Format, s.Users, s.SpanSeconds = f.Name, len(s.users), (s.last - s.first).Std().Seconds()
	s.LargestCPU, s.LargestMem = report.CPU(s.cpu), report.Bytes(s.memory)
	if s.Jobs > 0 {
		s.MeanRun /= float64(s.Jobs)
	}
	if s.Skipped = skipped.Skipped; s.Skipped > 0 {
		s.SkippedWhy = skipped.First.Error()
	}
}

func (s *traceSummary) pairs() []report.Pair {
	times := func(v float64) string { return report.Duration(api.Duration(v * float64(api.Second))) }
	list := []report.Pair{
		{Key: "format", Value: s.Format},
		{Key: "jobs", Value: report.Count(s.Jobs) + " of " + report.Count(s.Tasks) + " tasks"},
		{Key: "users", Value: report.Count(int64(s.Users))},
		{Key: "from first to last", Value: times(s.SpanSeconds)},
		{Key: "run time", Value: "mean " + times(s.MeanRun) + ", at most " + times(s.LongestRun)},
		{Key: "asked for", Value: fmt.Sprintf("%.5g CPU hours, %.5g GPU hours", s.CPUHours, s.GPUHours)},
		{Key: "largest task", Value: s.LargestCPU + " cores, " + s.LargestMem},
		{Key: "known besides", Value: fmt.Sprintf("%s estimates, %s lists of use", report.Count(s.Estimates), report.Count(s.Use))},
	}
	if s.Skipped > 0 {
		list = append(list, report.Pair{Key: "skipped", Value: fmt.Sprintf("%d rows; the first: %s", s.Skipped, s.SkippedWhy)})
	}
	return list
}

func newTraceConvertCmd(a *app) *cobra.Command {
	var t traceFlags
	to := ""
	cmd := &cobra.Command{
		Use:     "convert FILE",
		Short:   "Write a trace in Drover's own format",
		Long:    "Writes a trace in Drover's own format: JSON lines, described in docs/twin.md. Rows keep their order.",
		Example: "  drover trace convert jobs.csv --to jobs.trace",
		Args:    args(1, 1, "a file, or - for standard input"),
		RunE: func(cmd *cobra.Command, names []string) error {
			out, closing, err := a.newFile(to)
			if err != nil {
				return err
			}
			w := trace.NewWriter(out)
			_, skipped, err := t.each(cmd.Context(), a, names[0], w.Write)
			if err = errors.Join(err, w.Close(), closing()); err != nil {
				return err
			}
			if skipped.Skipped > 0 {
				a.note("%d rows were skipped; the first: %s", skipped.Skipped, skipped.First)
			}
			return nil
		},
	}
	t.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "file to make (default: standard output)")
	return cmd
}

func newTraceFormatsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "formats",
		Short: "List the formats that can be read",
		Args:  args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			type row struct {
				Name string `json:"name"`
				Doc  string `json:"doc"`
			}
			var rows []row
			t := &report.Table{Columns: []report.Column{{Title: "FORMAT"}, {Title: "WHAT IT IS"}}}
			for _, f := range trace.Formats() {
				rows = append(rows, row{f.Name, f.Doc})
				t.Add(f.Name, f.Doc)
			}
			return a.show(rows, func() error { return t.Render(a.out, a.style()) })
		},
	}
}
