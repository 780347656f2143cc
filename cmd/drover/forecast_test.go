package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// runForecast runs one forecasting command and returns what it wrote.
func runForecast(t *testing.T, make func(*app) *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, now: time.Now, getenv: func(string) string { return "" }}
	a.set.output = "json"
	cmd := make(a)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func seriesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "series.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wave is a CSV file of one column with a season of 12.
func wave(n int) string {
	var b strings.Builder
	b.WriteString("y\n")
	for i := range n {
		fmt.Fprintf(&b, "%g\n", 10+3*math.Sin(2*math.Pi*float64(i)/12)+float64(i*7919%13)/13)
	}
	return b.String()
}

func TestForecastRun(t *testing.T) {
	path := seriesFile(t, wave(120))
	text, err := runForecast(t, newForecastCmd, "run", path, "--column", "y", "--season", "12", "--horizon", "5",
		"--model", "arima", "--order", "1,0,0", "--seasonal", "0,1,1", "--method", "ml")
	if err != nil {
		t.Fatal(err)
	}
	var v forecastView
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v.Form != "ARIMA(1,0,0)(0,1,1)[12]" || len(v.Forecast) != 5 || v.LogLik == nil || len(v.Coefficients) != 2 || v.Coefficients[0].StandardError == nil {
		t.Errorf("got %s", text)
	}
}

// TestForecastRunKeepsModels fits once, then forecasts without the file, and from the end
// of one that has grown.
func TestForecastRunKeepsModels(t *testing.T) {
	run := func(args ...string) (v forecastView) {
		t.Helper()
		text, err := runForecast(t, newForecastCmd, append([]string{"run", "--horizon", "4"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	model := filepath.Join(t.TempDir(), "kept.model")
	fit := run(seriesFile(t, wave(60)), "--season", "12", "--model", "ets", "--save", model)
	back := run("--load", model)
	grown := run(seriesFile(t, wave(64)), "--load", model)
	for i := range 4 {
		if *fit.Forecast[i].Mean != *back.Forecast[i].Mean || *fit.Forecast[i].Hi95 != *back.Forecast[i].Hi95 {
			t.Errorf("%d ahead: %g became %g", i+1, *fit.Forecast[i].Mean, *back.Forecast[i].Mean)
		}
	}
	if want := "fitted before, to 60 values; 4 more were taken in without a fit"; !slices.Contains(grown.Notes, want) {
		t.Errorf("notes %q, want %q", grown.Notes, want)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"another series": {[]string{seriesFile(t, "y\n1\n2\n"), "--load", model}, "does not continue"},
		"no model":       {[]string{"--load", seriesFile(t, "y\n1\n")}, "damaged"},
		"two models":     {[]string{"--load", model, "--model", "ets"}, "fitted already"},
		"no series":      {nil, "nothing to forecast"},
	} {
		_, err := runForecast(t, newForecastCmd, append([]string{"run"}, c.args...)...)
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want a usage error that says %q", name, err, c.want)
		}
	}
}

func TestForecastRefusesBadInput(t *testing.T) {
	good := seriesFile(t, wave(60))
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no steps", []string{good, "--horizon", "0"}, "horizon"},
		{"a million steps", []string{good, "--horizon", "1000000"}, "horizon"},
		{"no such model", []string{good, "--model", "oracle"}, `no model "oracle"`},
		{"half an order", []string{good, "--model", "arima", "--order", "1,1"}, "three numbers"},
		{"season without steps", []string{good, "--model", "arima", "--order", "1,1,1", "--seasonal", "0,1,1"}, "needs --season"},
		{"no such file", []string{good + "x"}, "no such file"},
		{"text", []string{seriesFile(t, "y\n1\nx\n")}, "line 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := runForecast(t, newForecastCmd, append([]string{"run"}, c.args...)...)
			var usage usageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a usage error that says %q", err, c.want)
			}
		})
	}
}

func TestBacktestComparesModels(t *testing.T) {
	text, err := runForecast(t, newForecastCmd, "backtest", seriesFile(t, wave(120)), "--season", "12", "--horizon", "6", "--origins", "3", "--models", "naive,snaive")
	if err != nil {
		t.Fatal(err)
	}
	var v []gradeView
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if len(v) != 2 || v[0].Origins != 3 || *v[1].MAE >= *v[0].MAE {
		t.Errorf("got %s", text)
	}
}

func TestBenchForecast(t *testing.T) {
	train, test := seriesFile(t, "id,1,2,3,4,5,6\nA,1,2,1,2,1,2\nB,5,6,5,6,5,NA\n"), seriesFile(t, "id,1,2\nB,6,5\nA,1,2\n")
	text, err := runForecast(t, newBenchForecastCmd, "--train", train, "--test", test, "--season", "2", "--model", "snaive")
	if err != nil {
		t.Fatal(err)
	}
	var v forecastScores
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v.Series != 2 || v.SMAPEPercent != 0 || v.PeakBytes == 0 {
		t.Errorf("got %s", text)
	}
}
