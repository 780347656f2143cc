package main

import (
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bench"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newBenchManufacturingCmd(a *app) *cobra.Command {
	o, seeds, length := bench.LineOptions{Worlds: 8, Judged: 80}, "1-3", 12*time.Minute
	warm, look, review := 12*time.Minute, 2*time.Minute, time.Minute
	cmd := &cobra.Command{
		Use:   "manufacturing",
		Short: "A production line's work, decided without and with a rehearsal",
		Long: `Lets the mixed work of a production line (examples/manufacturing) come in virtual
time: inspection on GPUs, set points with deadlines, training, reports. A decision
is to which layer a job is sent, and, where it asks for a GPU, whether it keeps out
of displacing others and being displaced. Without the rehearsal the cell's own
strategy decides; with it, each choice is first run on in the twin, from the cell as
it stands until what came has ended, with run times drawn from those that were seen
and arrivals as the line's plan has them. Worlds are spent on the choices that may
still be the best. Every minute it is rehearsed, too, where later jobs of each kind
are to be taken to go.

Loss is the completion time of all jobs, and 60 s for each that is late. A decision
is right when, with the true run times and the true arrivals, no other choice would
have lost half a second less. A placement failed when its job missed its deadline,
failed, or did not end. Gain is total completion time against round-robin; the limit
is each job with the whole line to itself, where it is quickest. A demand takes about
a minute of processor time.`,
		Example: "  drover bench manufacturing --seeds 1-10 -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Seeds, err = seedRange(seeds); err != nil {
				return usageError{err, "write for example --seeds 1-5"}
			}
			defer simulating()()
			o.Warm, o.For, o.Look, o.Review = api.Duration(warm), api.Duration(length), api.Duration(look), api.Duration(review)
			bar := report.NewProgress(a.err, a.terminal, a.style(), "decisions", 0, time.Now)
			o.Begun = func(total int) {
				bar = report.NewProgress(a.err, a.terminal, a.style(), "decisions", int64(total), time.Now)
			}
			o.Done = func(more int) { bar.Add(int64(more)) }
			r, err := bench.Line(cmd.Context(), o)
			bar.Done("")
			if err != nil {
				return fmt.Errorf("bench manufacturing: %w", err)
			}
			return a.show(r, func() error { return lineTable(&r).Render(a.out, a.style()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&seeds, "seeds", seeds, "one demand for each: numbers and ranges, separated by commas")
	f.DurationVar(&length, "for", length, "how long is graded")
	f.DurationVar(&warm, "warm", warm, "how long before that run times are learnt")
	f.DurationVar(&look, "look", look, "how far a rehearsal looks ahead")
	f.DurationVar(&review, "review", review, "how long it stands where later jobs are taken to go")
	f.IntVar(&o.Worlds, "worlds", o.Worlds, "worlds of each choice that is rehearsed, at most")
	f.IntVar(&o.Judged, "judged", o.Judged, "about how many decisions of each demand are judged in hindsight")
	return cmd
}

func lineTable(r *bench.LineReport) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "DECIDED"},
		{Title: "RIGHT", Right: true},
		{Title: "GAIN", Right: true},
		{Title: "FAILED", Right: true},
		{Title: "COMPLETION", Right: true},
		{Title: "ENERGY", Right: true},
	}}
	between := func(m bench.Mean, unit string) string {
		return fmt.Sprintf("%.2f %s (%.2f to %.2f)", m.Mean, unit, m.Low, m.High)
	}
	for _, row := range []struct {
		name string
		f    *bench.LineFigure
	}{{"round-robin", &r.Baseline}, {"without", &r.Without}, {"with the rehearsal", &r.With}, {"in hindsight", &r.Bound}} {
		right := ""
		if row.f.Judged > 0 {
			right = between(row.f.Right, "%")
		}
		t.Add(row.name, right, between(row.f.Gain, "%"), between(row.f.Failed, "%"), between(row.f.Completion, "s"), between(row.f.EnergyKWh, "kWh"))
	}
	t.Add("no plan can beat", "", between(r.Limit, "%"))
	return t
}
