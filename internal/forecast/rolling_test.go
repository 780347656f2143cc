package forecast

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// rollingRows are the series of the table in docs/forecasting.md.
func rollingRows(t *testing.T) (out []rollingRow) {
	for _, day := range []string{"20110303", "20110306", "20110309"} {
		all := planetLab(t, day)
		out = append(out, rollingRow{"PlanetLab " + day + ", all machines", sums(all, len(all))[0], 1, 24, 16, 13})
		for i, x := range sums(all, 300) {
			out = append(out, rollingRow{fmt.Sprintf("PlanetLab %s, 300 machines, part %d", day, i+1), x, 1, 24, 16, 13})
		}
	}
	functions := arrivals(t)
	out = append(out, rollingRow{"Azure Functions, all", sums(functions, len(functions))[0], 1, 30, 12, 31})
	for i, x := range functions[:8] {
		if !constant(x) {
			out = append(out, rollingRow{fmt.Sprintf("Azure Functions, number %d", i+1), x, 1, 30, 12, 31})
		}
	}
	for i, x := range sums(bitbrains(t), 15) {
		out = append(out, rollingRow{fmt.Sprintf("Bitbrains, 15 machines, part %d", i+1), x, 24, 24, 12, 41})
	}
	return append(append(out, carbonRows(t, 2023)...), priceRows(t, 2023)...)
}

// TestRollingRows gives the table of docs/forecasting.md: set DROVER_ROWS, to a part of the
// names of the rows that are wanted or to 1 for all. It takes half an hour of one processor.
// What it asserts is what was measured: the aims, 2 % and 15 %, are not reached on all.
func TestRollingRows(t *testing.T) {
	want := os.Getenv("DROVER_ROWS")
	if want == "" {
		t.Skip("takes half an hour: set DROVER_ROWS")
	}
	var ratios []float64
	for _, r := range rollingRows(t) {
		if want != "1" && !strings.Contains(r.name, want) {
			continue
		}
		how := Rolling{r.horizon, r.step, r.origins}
		naive, err := Backtest(SeasonalNaive{}, r.series(), how, Run{})
		if err != nil {
			t.Fatal(r.name, err)
		}
		auto, err := Backtest(Auto{Horizon: r.horizon, Seed: 1}, r.series(), how, Run{})
		if err != nil {
			t.Fatal(r.name, err)
		}
		ratios = append(ratios, auto.MAE/naive.MAE)
		t.Logf("| %s | %d | %.4g | %.4g | %.3f | %.1f |", r.name, auto.Origins, naive.MAE, auto.MAE, auto.MAE/naive.MAE, 100*auto.Coverage95)
		if auto.MAE > 1.13*naive.MAE {
			t.Errorf("%s: auto is worse than seasonal naive", r.name)
		}
	}
	if m := median(ratios); m > .92 {
		t.Errorf("in the median auto has %.3f of the error of seasonal naive", m)
	}
}
