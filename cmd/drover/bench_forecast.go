package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"drover.dev/internal/forecast"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// forecastScores is what bench forecast shows.
type forecastScores struct {
	Model             string   `json:"model"`
	Series            int      `json:"series"`
	SMAPEPercent      float64  `json:"smapePercent"`
	MASE              *float64 `json:"mase"` // null where every series repeats its season exactly
	OWA               *float64 `json:"owa"`
	Coverage80Percent float64  `json:"coverage80Percent"`
	Coverage95Percent float64  `json:"coverage95Percent"`
	Seconds           float64  `json:"seconds"`
	PeakBytes         uint64   `json:"peakBytes"`
}

// benchForecastFlags are the flags of bench forecast.
type benchForecastFlags struct {
	train, test, model string
	season             []int
	seed               uint64
}

// newBenchForecastCmd scores a model on files in the layout of the M4 competition.
func newBenchForecastCmd(a *app) *cobra.Command {
	var o benchForecastFlags
	cmd := &cobra.Command{
		Use:   "forecast",
		Short: "Score a forecasting model on files in the layout of the M4 competition",
		Long: `Fits a model to every training series and scores it on what followed: sMAPE, MASE
and OWA against Naive2 as the competition defines them, the coverage of the
intervals, time and memory. A line of a file is an id and the values of one
series; gzipped files are unpacked.`,
		Example: "  drover bench forecast --train Hourly-train.csv --test Hourly-test.csv --season 24 --model auto",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := o.run(cmd.Context(), a)
			if err != nil {
				return err
			}
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), r.pairs()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.train, "train", "", "the training series")
	f.StringVar(&o.test, "test", "", "the values that followed them")
	f.StringVar(&o.model, "model", "auto", strings.Join(forecast.Names(), ", "))
	f.IntSliceVar(&o.season, "season", nil, "the season in steps: 24 for hourly values; 1 or none: no season")
	f.Uint64Var(&o.seed, "seed", 1, "of random choices")
	_ = cmd.MarkFlagRequired("train") // they fail only for flags that do not exist
	_ = cmd.MarkFlagRequired("test")
	completeFlag(cmd, "model", forecast.Names()...)
	return cmd
}

func (o *benchForecastFlags) run(ctx context.Context, a *app) (*forecastScores, error) {
	series, actual, err := o.read()
	if err != nil {
		return nil, err
	}
	run := lent(ctx)
	opt := forecast.Options{Seed: o.seed, Stop: run.Stop}
	for _, x := range actual {
		opt.Horizon = max(opt.Horizon, len(x))
	}
	name := o.model
	if name == "theta" { // the competition's own combination of the two lines
		name = "theta-classic"
	}
	m, err := forecast.New(name, opt)
	if err != nil {
		return nil, usageError{err, "docs/forecasting.md describes the models"}
	}
	begin := a.now()
	s, err := forecast.Competition(m, series, actual, run)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, inputFault(o.train, err)
	}
	return &forecastScores{
		Model: o.model, Series: s.Series, SMAPEPercent: s.SMAPE, MASE: known(s.MASE), OWA: known(s.OWA),
		Coverage80Percent: 100 * s.Coverage80, Coverage95Percent: 100 * s.Coverage95,
		Seconds: a.now().Sub(begin).Seconds(), PeakBytes: peakBytes(),
	}, nil
}

func (o *benchForecastFlags) read() ([]forecast.Series, [][]float64, error) {
	train, err := readRows(o.train)
	if err != nil {
		return nil, nil, err
	}
	test, err := readRows(o.test)
	if err != nil {
		return nil, nil, err
	}
	periods := o.season
	if len(periods) > 0 && periods[0] == 1 {
		periods = periods[1:]
	}
	series, actual, err := forecast.Pair(train, test, periods)
	if err != nil {
		return nil, nil, inputFault(o.test, err)
	}
	return series, actual, nil
}

func readRows(path string) ([]forecast.Row, error) {
	in, err := openSeries(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := forecast.ReadRows(in)
	if err != nil {
		return nil, inputFault(path, err)
	}
	return rows, nil
}

// peakBytes is the most memory that this process has held: what the kernel counted,
// or what Go took from it where the kernel does not say.
func peakBytes() uint64 {
	status, _ := os.ReadFile("/proc/self/status") // absent: the other figure
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			if kb, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

func (r *forecastScores) pairs() []report.Pair {
	return []report.Pair{
		{Key: "model", Value: r.Model},
		{Key: "series", Value: report.Count(int64(r.Series))},
		{Key: "sMAPE", Value: fmt.Sprintf("%.3f %%", r.SMAPEPercent)},
		{Key: "MASE", Value: figure(r.MASE)},
		{Key: "OWA", Value: figure(r.OWA)},
		{Key: "coverage", Value: fmt.Sprintf("%.1f %% at 80 %%, %.1f %% at 95 %%", r.Coverage80Percent, r.Coverage95Percent)},
		{Key: "time", Value: fmt.Sprintf("%.1f s", r.Seconds)},
		{Key: "memory", Value: fmt.Sprintf("%.0f MB", float64(r.PeakBytes)/1e6)},
	}
}
