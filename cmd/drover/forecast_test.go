package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
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
