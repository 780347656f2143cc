package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"drover.dev/internal/forecast"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// newForecastCmd is the parent of the forecasting commands.
func newForecastCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forecast",
		Short: "Predict time series, with intervals",
		Long: `Predict time series, with intervals. run and backtest work on files; show, models
and scores tell what a server expects of its own series, by which models, and how good
that was.
docs/forecasting.md describes the models.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newForecastRunCmd(a), newForecastBacktestCmd(a), newForecastShowCmd(a), newForecastModelsCmd(a), newForecastScoresCmd(a))
	return cmd
}

// forecastFlags are what the forecasting commands share.
type forecastFlags struct {
	column, model, method string
	season                []int
	order, seasonal       []int
	horizon               int
	seed                  uint64
}

func (o *forecastFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.column, "column", "1", "the column: its name in the first line, or its number from 1")
	f.StringVar(&o.model, "model", "auto", strings.Join(forecast.Names(), ", "))
	f.IntSliceVar(&o.season, "season", nil, "seasons in steps, for example 24,168 for hourly values")
	f.IntVar(&o.horizon, "horizon", 24, "how many steps ahead")
	f.IntSliceVar(&o.order, "order", nil, "p,d,q of arima; without it the order is chosen")
	f.IntSliceVar(&o.seasonal, "seasonal", nil, "P,D,Q of arima at the first season")
	f.StringVar(&o.method, "method", "", "of arima with an order: ml, css or css-ml (default css-ml)")
	f.Uint64Var(&o.seed, "seed", 1, "of random choices; the same seed gives the same forecast")
	completeFlag(cmd, "model", forecast.Names()...)
	completeFlag(cmd, "method", string(forecast.ML), string(forecast.CSS), string(forecast.CSSML))
}

// build makes the model that the flags describe.
func (o *forecastFlags) build(stop func() bool) (forecast.Model, error) {
	opt := forecast.Options{Method: forecast.Method(o.method), Horizon: o.horizon, Seed: o.seed, Stop: stop}
	if o.horizon < 1 || o.horizon > forecast.MaxHorizon {
		return nil, usageError{fmt.Errorf("--horizon %d: %w", o.horizon, forecast.ErrHorizon), "choose fewer steps"}
	}
	if o.order != nil || o.seasonal != nil {
		order, err := o.arimaOrder()
		if err != nil {
			return nil, err
		}
		opt.Order = &order
	}
	m, err := forecast.New(o.model, opt)
	if err != nil {
		return nil, usageError{err, "docs/forecasting.md describes the models"}
	}
	return m, nil
}

func (o *forecastFlags) arimaOrder() (forecast.Order, error) {
	if len(o.order) != 3 || o.seasonal != nil && len(o.seasonal) != 3 {
		return forecast.Order{}, usageError{errors.New("--order and --seasonal take three numbers"), "for example --order 0,1,1 --seasonal 0,1,1 --season 12"}
	}
	r := forecast.Order{P: o.order[0], D: o.order[1], Q: o.order[2]}
	if o.seasonal != nil {
		if len(o.season) == 0 {
			return r, usageError{errors.New("--seasonal needs --season"), "for example --season 12"}
		}
		r.SP, r.SD, r.SQ, r.Season = o.seasonal[0], o.seasonal[1], o.seasonal[2], o.season[0]
	}
	return r, nil
}

// read reads the series that the flags name.
func (o *forecastFlags) read(path string) (forecast.Series, []string, error) {
	var notes []string
	s := forecast.Series{Periods: o.season}
	in, err := openSeries(path)
	if err != nil {
		return s, nil, err
	}
	defer in.Close()
	values, skipped, err := forecast.ReadColumn(in, o.column)
	if err != nil {
		return s, nil, inputFault(path, err)
	}
	if skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d steps were not in the file: taken as missing", skipped))
	}
	s.Values = values
	if err := s.Check(); err != nil {
		return s, nil, inputFault(path, err)
	}
	return s, notes, nil
}

func inputFault(path string, err error) error {
	return usageError{fmt.Errorf("%s: %w", path, err), "docs/forecasting.md describes the input"}
}

// openSeries opens a file, unpacking it when it is gzipped.
func openSeries(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err, "name a CSV file"}
	}
	r := bufio.NewReader(f)
	if magic, _ := r.Peek(2); string(magic) != "\x1f\x8b" {
		return &fileReader{r, f}, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		f.Close()
		return nil, inputFault(path, err)
	}
	return &fileReader{z, f}, nil
}

type fileReader struct {
	io.Reader
	io.Closer
}

// lent is what a forecast may use: all processors, until the command is interrupted.
func lent(ctx context.Context) forecast.Run {
	return forecast.Run{Par: everyCore, Stop: func() bool { return ctx.Err() != nil }}
}

func everyCore(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// forecastView is what forecast run shows. A figure that the model does not have is
// null.
type forecastView struct {
	Model        string            `json:"model"`
	Form         string            `json:"form"`
	Coefficients []coefficientView `json:"coefficients"`
	LogLik       *float64          `json:"logLik"`
	Sigma2       *float64          `json:"sigma2"`
	AIC          *float64          `json:"aic"`
	AICc         *float64          `json:"aicc"`
	BIC          *float64          `json:"bic"`
	Forecast     []stepView        `json:"forecast"`
	Notes        []string          `json:"notes"`
	Seconds      float64           `json:"seconds"`
}

type coefficientView struct {
	Name          string   `json:"name"`
	Value         *float64 `json:"value"`
	StandardError *float64 `json:"standardError"`
}

type stepView struct {
	H    int      `json:"h"`
	Mean *float64 `json:"mean"`
	Lo80 *float64 `json:"lo80"`
	Hi80 *float64 `json:"hi80"`
	Lo95 *float64 `json:"lo95"`
	Hi95 *float64 `json:"hi95"`
}

// known is v, or nil where it is no number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func newForecastRunCmd(a *app) *cobra.Command {
	var o forecastFlags
	var k keptModel
	cmd := &cobra.Command{
		Use:   "run [FILE.csv]",
		Short: "Forecast a column of a CSV file",
		Long: `Forecasts one column of a CSV file (gzipped or not) with 80 % and 95 % intervals.

Empty cells, NA and NaN are missing values. When the first column holds times
they must rise; steps that are skipped count as missing. A series that is too
short for a model falls back to a simpler one, and the notes say so.

--save keeps the fitted model in a file. --load forecasts with such a model without a
fit: from where it ended, or, with a CSV file that begins with the values which it has
seen, from the end of that file.`,
		Example: `  drover forecast run prices.csv --column price --season 24,168 --horizon 48 --save prices.model
  drover forecast run prices.csv --column price --horizon 48 --load prices.model`,
		Args: args(0, 1, "a CSV file"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := k.check(cmd, files); err != nil {
				return err
			}
			v, err := o.forecast(cmd.Context(), a, files, k)
			if err != nil {
				return err
			}
			return a.show(v, func() error { return v.table(a) })
		},
	}
	o.register(cmd)
	k.register(cmd)
	return cmd
}

func (o *forecastFlags) forecast(ctx context.Context, a *app, files []string, kept keptModel) (*forecastView, error) {
	begin := a.now()
	k, notes, err := o.fitted(ctx, files, kept)
	if err != nil {
		return nil, err
	}
	p, err := k.Fitted.Predict(o.horizon)
	if err != nil {
		return nil, usageError{fmt.Errorf("--horizon %d: %w", o.horizon, err), "choose fewer steps"}
	}
	if err := kept.store(k); err != nil {
		return nil, err
	}
	v := viewForecast(k.Fitted.Summary(), p)
	v.Notes = append(list(notes), v.Notes...)
	v.Seconds = a.now().Sub(begin).Seconds()
	return v, nil
}

// fitted is a model that is fitted now, or was before.
func (o *forecastFlags) fitted(ctx context.Context, files []string, kept keptModel) (k forecast.Kept, notes []string, err error) {
	if kept.load != "" {
		if k, err = kept.read(); err != nil || len(files) == 0 {
			return k, nil, err
		}
	}
	s, notes, err := o.read(files[0])
	if err != nil {
		return k, nil, err
	}
	if kept.load != "" {
		return kept.follow(k, s.Values, files[0], notes)
	}
	run := lent(ctx)
	m, err := o.build(run.Stop)
	if err != nil {
		return k, nil, err
	}
	fits, err := forecast.FitEach(m, []forecast.Series{s}, run)
	if ctx.Err() != nil {
		return k, nil, ctx.Err()
	} else if err != nil {
		return k, nil, inputFault(files[0], err)
	}
	return forecast.Keep(fits[0], s.Values), notes, nil
}

func viewForecast(s forecast.Summary, p forecast.Forecast) *forecastView {
	v := &forecastView{
		Model: s.Model, Form: s.Form, Coefficients: []coefficientView{}, Notes: list(s.Notes),
		LogLik: known(s.LogLik), Sigma2: known(s.Sigma2), AIC: known(s.AIC), AICc: known(s.AICc), BIC: known(s.BIC),
	}
	for _, c := range s.Coefficients {
		v.Coefficients = append(v.Coefficients, coefficientView{c.Name, known(c.Value), known(c.StandardError)})
	}
	for i, m := range p.Mean {
		v.Forecast = append(v.Forecast, stepView{i + 1, known(m), known(p.Lo80[i]), known(p.Hi80[i]), known(p.Lo95[i]), known(p.Hi95[i])})
	}
	return v
}

// figure writes a number for people.
func figure(v *float64) string {
	if v == nil {
		return "–"
	}
	return strconv.FormatFloat(*v, 'g', 6, 64)
}

func (v *forecastView) table(a *app) error {
	a.say("%s: %s", v.Model, v.Form)
	for _, n := range v.Notes {
		a.say("note: %s", n)
	}
	if v.LogLik != nil {
		a.say("log-likelihood %s, σ² %s, AICc %s", figure(v.LogLik), figure(v.Sigma2), figure(v.AICc))
	}
	c := report.Table{Columns: []report.Column{{Title: "coefficient"}, {Title: "value", Right: true}, {Title: "standard error", Right: true}}}
	for _, k := range v.Coefficients {
		c.Add(k.Name, figure(k.Value), figure(k.StandardError))
	}
	if len(c.Rows) > 0 {
		if err := c.Render(a.out, a.style()); err != nil {
			return err
		}
		a.say("")
	}
	t := report.Table{Columns: []report.Column{
		{Title: "h", Right: true},
		{Title: "mean", Right: true},
		{Title: "80 % from", Right: true},
		{Title: "to", Right: true},
		{Title: "95 % from", Right: true},
		{Title: "to", Right: true},
	}}
	for _, s := range v.Forecast {
		t.Add(strconv.Itoa(s.H), figure(s.Mean), figure(s.Lo80), figure(s.Hi80), figure(s.Lo95), figure(s.Hi95))
	}
	return t.Render(a.out, a.style())
}
