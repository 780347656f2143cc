package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"drover.dev/internal/forecast"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// gradeView is the grade of one model.
type gradeView struct {
	Model             string      `json:"model"`
	Origins           int         `json:"origins"`
	MAE               *float64    `json:"mae"`
	RMSE              *float64    `json:"rmse"`
	MASE              *float64    `json:"mase"`
	SMAPEPercent      *float64    `json:"smapePercent"`
	Pinball           *float64    `json:"pinball"`
	Coverage80Percent *float64    `json:"coverage80Percent"`
	Coverage95Percent *float64    `json:"coverage95Percent"`
	Seconds           float64     `json:"seconds"`
	Steps             []gradeStep `json:"steps"`
}

type gradeStep struct {
	H                 int      `json:"h"`
	MAE               *float64 `json:"mae"`
	Coverage95Percent *float64 `json:"coverage95Percent"`
}

func newForecastBacktestCmd(a *app) *cobra.Command {
	var o forecastFlags
	var rolling forecast.Rolling
	var names []string
	cmd := &cobra.Command{
		Use:   "backtest FILE.csv",
		Short: "Grade models on the past of a CSV column, from rolling origins",
		Long: `Fits each model at rolling origins to what was known then, and grades its
forecasts by what came: MAE, RMSE, MASE, sMAPE, the mean pinball loss of the
ends of the intervals, and how often the truth lay inside them.`,
		Example: "  drover forecast backtest carbon.csv --column 5 --season 24 --horizon 24 --models snaive,auto",
		Args:    args(1, 1, "a CSV file"),
		RunE: func(cmd *cobra.Command, files []string) error {
			rolling.Horizon = o.horizon
			grades, err := o.backtest(cmd.Context(), a, files[0], names, rolling)
			if err != nil {
				return err
			}
			return a.show(grades, func() error { return gradeTable(a, grades) })
		},
	}
	o.register(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&names, "models", []string{"snaive", "auto"}, "the models to compare: "+strings.Join(forecast.Names(), ", "))
	f.IntVar(&rolling.Origins, "origins", 10, "how many origins, the last ones of the series")
	f.IntVar(&rolling.Step, "step", 0, "steps between origins (default: the horizon)")
	_ = f.MarkHidden("model") // --models here
	return cmd
}

func (o *forecastFlags) backtest(ctx context.Context, a *app, path string, names []string, rolling forecast.Rolling) ([]gradeView, error) {
	run := lent(ctx)
	s, notes, err := o.read(path)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		a.note("note: %s", n)
	}
	if rolling.Origins < 1 || rolling.Origins > 10_000 || rolling.Step < 0 {
		return nil, usageError{fmt.Errorf("--origins %d, --step %d: 1 to 10000 origins, no negative step", rolling.Origins, rolling.Step), ""}
	}
	var models []forecast.Model
	for _, n := range names {
		one := *o
		one.model = n
		if n != "arima" {
			one.order, one.seasonal = nil, nil
		}
		m, err := one.build(run.Stop)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "fits", int64(len(models)*rolling.Origins), time.Now)
	counted := run
	counted.Par = func(n int, f func(int)) { run.Par(n, func(i int) { f(i); bar.Add(1) }) }
	defer bar.Done("")
	var out []gradeView
	for i, m := range models {
		begin := a.now()
		g, err := forecast.Backtest(m, s, rolling, counted)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		} else if err != nil {
			return nil, inputFault(path, fmt.Errorf("model %s: %w", names[i], err))
		}
		out = append(out, viewGrade(names[i], g, a.now().Sub(begin)))
	}
	return out, nil
}

func viewGrade(name string, g forecast.Graded, took time.Duration) gradeView {
	v := gradeView{
		Model: name, Origins: g.Origins, MAE: known(g.MAE), RMSE: known(g.RMSE), MASE: known(g.MASE), SMAPEPercent: known(g.SMAPE),
		Pinball: known(g.Pinball), Coverage80Percent: known(100 * g.Coverage80), Coverage95Percent: known(100 * g.Coverage95), Seconds: took.Seconds(),
	}
	for _, s := range g.ByStep {
		v.Steps = append(v.Steps, gradeStep{s.H, known(s.MAE), known(100 * s.Coverage95)})
	}
	return v
}

func gradeTable(a *app, grades []gradeView) error {
	t := report.Table{Columns: []report.Column{
		{Title: "model"},
		{Title: "MAE", Right: true},
		{Title: "RMSE", Right: true},
		{Title: "MASE", Right: true},
		{Title: "sMAPE %", Right: true},
		{Title: "pinball", Right: true},
		{Title: "in 80 %", Right: true},
		{Title: "in 95 %", Right: true},
		{Title: "seconds", Right: true},
	}}
	var bars []report.Bar
	for _, g := range grades {
		t.Add(g.Model, figure(g.MAE), figure(g.RMSE), figure(g.MASE), figure(g.SMAPEPercent), figure(g.Pinball),
			figure(g.Coverage80Percent), figure(g.Coverage95Percent), fmt.Sprintf("%.2f", g.Seconds))
		if g.MAE != nil {
			bars = append(bars, report.Bar{Label: g.Model, Value: *g.MAE, Text: "MAE " + figure(g.MAE)})
		}
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	return report.Bars(a.out, a.style(), bars)
}
