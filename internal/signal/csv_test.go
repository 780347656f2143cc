package signal_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/signal"
)

func TestReadCSV(t *testing.T) {
	const hours = "Datetime (UTC),Zone,Carbon Intensity gCO₂eq/kWh (direct),Carbon Intensity gCO₂eq/kWh (LCA)\n"
	for _, tc := range []struct {
		name, text string
		columns    signal.Columns
		want       string // the values, or a part of the error
	}{
		{"the first numbers", hours + "2023-01-01 00:00:00,DE,140.5,185\n2023-01-01 01:00:00,DE,,\n2023-01-01 02:00:00,DE,NA,186\n", signal.Columns{}, "[140.5 NaN NaN]"},
		{"by title", hours + "2023-01-01 00:00:00,DE,140.5,185\n", signal.Columns{Value: "Carbon Intensity gCO₂eq/kWh (LCA)"}, "[185]"},
		{"decimal comma", "time,EUR/MWh\n2023-01-01T00:00Z,\"-1,5\"\n", signal.Columns{Value: "EUR/MWh", Number: "comma"}, "[-1.5]"},
		{"no unit", "time,x\n2023-01-01,1\n", signal.Columns{}, "unit"},
		{"no such column", hours + "2023-01-01 00:00:00,DE,1,2\n", signal.Columns{Value: "price"}, "no column \"price\""},
		{"no time", "time,g/kWh\nyesterday,1\n", signal.Columns{}, "line 2: \"yesterday\""},
		{"backwards", "time,g/kWh\n2023-01-02,1\n2023-01-01,1\n", signal.Columns{}, "line 3"},
		{"no number", "time,g/kWh\n2023-01-02,1\n2023-01-03,many\n", signal.Columns{}, "line 3: \"many\""},
		{"skipped hour", "time,g/kWh\n2023-03-26 01:00,1\n2023-03-26 02:00,1\n", signal.Columns{TZ: "Europe/Berlin"}, "skipped in spring"},
		{"empty", "time,g/kWh\n", signal.Columns{}, "no values"},
	} {
		points, _, err := signal.ReadCSV(strings.NewReader(tc.text), tc.columns)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var values []float64
			for _, p := range points {
				values = append(values, p.Value)
			}
			got = fmt.Sprint(values)
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestDaysOfSummerTime: the short day has 23 hours, the long one 25.
func TestDaysOfSummerTime(t *testing.T) {
	for _, tc := range []struct{ name, zone, hours string }{
		{"Berlin in spring", "Europe/Berlin", "2023-03-26 00:00 01:00 03:00 04:00"},
		{"Berlin in autumn", "Europe/Berlin", "2023-10-29 01:00 02:00 02:00 03:00"},
		{"New York in autumn", "America/New_York", "2023-11-05 00:00 01:00 01:00 02:00"},
		{"Lord Howe's half hour", "Australia/Lord_Howe", "2023-04-02 00:30 01:30 01:30 02:30"},
	} {
		day, hours, _ := strings.Cut(tc.hours, " ")
		text := "time,g/kWh\n"
		for _, h := range strings.Fields(hours) {
			text += day + " " + h + ",1\n"
		}
		points, _, err := signal.ReadCSV(strings.NewReader(text), signal.Columns{TZ: tc.zone})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		for i := range points[1:] {
			if d := points[i+1].At.Sub(points[i].At); d != api.Hour && tc.zone != "Australia/Lord_Howe" {
				t.Errorf("%s: %s between line %d and the next", tc.name, d, i+2)
			}
		}
	}
}

// TestGridKeepsTheMean of what it is made from, whatever the steps are.
func TestGridKeepsTheMean(t *testing.T) {
	steps := []api.Duration{5 * api.Minute, 15 * api.Minute, 30 * api.Minute, api.Hour}
	rapid.Check(t, func(t *rapid.T) {
		now := api.Time(noon.Truncate(time.Hour).UnixNano())
		var points signal.Points
		sum, n := 0.0, 0.0
		for range rapid.IntRange(2, 5).Draw(t, "parts") {
			step := rapid.SampledFrom(steps).Draw(t, "step")
			for range rapid.IntRange(3, 40).Draw(t, "points") * int(api.Hour/step) {
				v := rapid.Float64Range(0, 500).Draw(t, "value")
				points = append(points, signal.Point{At: now, Value: v})
				sum += v * step.Std().Hours()
				n += step.Std().Hours()
				now = now.Add(step)
			}
		}
		if n > 160 {
			t.Skip("longer than a signal")
		}
		g, err := points.Grid(0)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, v := range g.Values {
			mean += v / float64(len(g.Values))
		}
		if math.Abs(mean-sum/n) > 0.05*sum/n {
			t.Fatalf("a mean of %g became %g by steps of %s", sum/n, mean, g.Step)
		}
	})
}

func TestGaps(t *testing.T) {
	hourly := func(missing ...int) signal.Points {
		var p signal.Points
		for h := range 48 {
			skip := false
			for _, m := range missing {
				skip = skip || m == h
			}
			if !skip {
				p = append(p, signal.Point{At: at(float64(h)), Value: float64(h)})
			}
		}
		return p
	}
	g, err := hourly(10, 11).Grid(0)
	if err != nil || len(g.Values) != 48 || g.Filled != 2 || math.Abs(g.Values[10]-10) > 1e-9 {
		t.Errorf("a short gap: %+v, %v", g, err)
	}
	var night []int
	for h := 10; h < 20; h++ {
		night = append(night, h)
	}
	if g, err = hourly(night...).Grid(0); err != nil || g.Start != at(20) || len(g.Values) != 28 {
		t.Errorf("a long gap: %+v, %v", g, err)
	}
	if _, err := (signal.Points{{At: 1, Value: math.NaN()}}).Grid(0); err == nil {
		t.Error("nothing has a grid")
	}
}

// TestPublicFiles reads the families of files that the documentation names.
func TestPublicFiles(t *testing.T) {
	dir := os.Getenv("DROVER_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	for _, tc := range []struct {
		file, column string
		unit         signal.Unit
		rows         int
	}{
		{"carbon/DE-LU_2023.csv.gz", "", signal.Unit{Kind: api.SignalCarbon, Factor: 1000}, 8760},
		{"prices/DE-LU_2023.csv.gz", "", signal.Unit{Kind: api.SignalPrice, Currency: "EUR", Factor: 1000}, 8760},
		{"prices/ZA_2023.csv.gz", "", signal.Unit{Kind: api.SignalPrice, Currency: "ZAR", Factor: 1000}, 8760},
		{"genmix/CA_2022_genmix_ci.csv.gz", "avg_CI", signal.Unit{Kind: api.SignalCarbon, Factor: 1000}, 8760},
	} {
		f, err := os.Open(filepath.Join(dir, tc.file))
		if err != nil {
			t.Logf("skipped: no %s (set DROVER_DATA)", tc.file)
			continue
		}
		c := signal.Columns{Value: tc.column}
		if tc.column != "" {
			c.Unit = "g/kWh"
		}
		points, unit, err := signal.ReadCSV(f, c)
		f.Close() //nolint:errcheck // read only
		if err != nil || len(points) < tc.rows-30 || unit != tc.unit {
			t.Errorf("%s: %d values in %+v, %v", tc.file, len(points), unit, err)
			continue
		}
		now := points[5000].At
		s, err := signal.Make(&signal.Reading{Points: points[:5001], Known: now, Unit: unit}, signal.Plan{Zone: "X", Model: "snaive", Horizon: api.Day}, now)
		if err != nil || len(s.Validate()) > 0 || s.End() < now.Add(23*api.Hour) || s.Start < now.Add(-api.SignalPast-api.Hour) {
			t.Errorf("%s: %v, %v", tc.file, err, s)
		}
	}
}
