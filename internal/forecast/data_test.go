package forecast

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// dataFile opens a public data file; the test is skipped when it is not there.
func dataFile(t testing.TB, name ...string) io.Reader {
	t.Helper()
	root := os.Getenv("DROVER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, name...)...)
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no public data (set DROVER_DATA): %v", err)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(path, ".gz") {
		return bufio.NewReader(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func records(t testing.TB, name ...string) [][]string {
	t.Helper()
	r := csv.NewReader(dataFile(t, name...))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[1:]
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// oracleSeries are the classic series, by name.
func oracleSeries(t testing.TB) map[string]Series {
	t.Helper()
	out := map[string]Series{}
	for _, r := range records(t, "forecast-oracle", "series.csv") {
		s := out[r[0]]
		s.Values = append(s.Values, number(r[4]))
		if m, _ := strconv.Atoi(r[1]); m > 1 {
			s.Periods = []int{m}
		}
		out[r[0]] = s
	}
	logs := Series{Periods: []int{12}}
	for _, v := range out["AirPassengers"].Values {
		logs.Values = append(logs.Values, math.Log(v))
	}
	out["AirPassengers.log"] = logs
	return out
}

// oracleForecast is one forecast of R: columns mean, lo80, hi80, lo95, hi95.
func oracleForecasts(t testing.TB) map[[2]string][][]float64 {
	t.Helper()
	out := map[[2]string][][]float64{}
	for _, r := range records(t, "forecast-oracle", "forecasts.csv") {
		k := [2]string{r[0], r[1]}
		var row []float64
		for _, v := range r[3:] {
			row = append(row, number(v))
		}
		out[k] = append(out[k], row)
	}
	return out
}

// m4Hourly are the training and test values of the M4 competition's hourly series.
func m4Hourly(t testing.TB) (train []Series, test [][]float64) {
	t.Helper()
	row := func(r []string) (x []float64) {
		for _, v := range r[1:] {
			if v != "" && v != "NA" {
				x = append(x, number(v))
			}
		}
		return x
	}
	for _, r := range records(t, "m4", "Hourly-train.csv.gz") {
		train = append(train, Series{Values: row(r), Periods: []int{24}})
	}
	for _, r := range records(t, "m4", "Hourly-test.csv.gz") {
		test = append(test, row(r))
	}
	return train, test
}
