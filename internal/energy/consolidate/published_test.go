package consolidate_test

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"drover.dev/internal/energy/consolidate"
	"drover.dev/internal/trace"
)

func data() string {
	return filepath.Join(cmp.Or(os.Getenv("DROVER_DATA"), "../../../../shared/data"), "planetlab")
}

// day reads what the VMs of a day of PlanetLab used, in the order of [Order].
func day(t testing.TB, name string) [][]float64 {
	t.Helper()
	f, err := os.Open(filepath.Join(data(), name+".tar.gz"))
	if err != nil {
		t.Skipf("SKIPPED: there is no day of PlanetLab to read: %v", err)
	}
	defer f.Close()
	paths, rows, err := trace.PlanetLab(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	var use [][]float64
	for _, i := range consolidate.Order(paths, 0) {
		u := make([]float64, len(rows[i].Use))
		for k, v := range rows[i].Use {
			u[k] = float64(v) / 1000
		}
		use = append(use, u)
	}
	return use
}

func run(t testing.TB, use [][]float64, name, selection string) consolidate.Result {
	t.Helper()
	p, err := consolidate.ParsePolicy(name, selection)
	if err != nil {
		t.Fatal(err)
	}
	r, err := consolidate.Run(consolidate.Published(), use, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// published is what CloudSim 3.0.3 gives, by day and policy.
func publishedRows(t *testing.T) map[[2]string]consolidate.Result {
	t.Helper()
	f, err := os.Open(filepath.Join(data(), "cloudsim-3.0.3.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: there is nothing to compare with: %v", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = '\t', -1
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) float64 {
		text, percent := strings.CutSuffix(strings.TrimSuffix(s, " kWh"), "%")
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if percent {
			v /= 100
		}
		return v
	}
	out := map[[2]string]consolidate.Result{}
	for _, l := range lines[1:] {
		out[[2]string{l[0], l[1]}] = consolidate.Result{EnergyKWh: number(l[3]), Migrations: int(number(l[4])), SLAV: number(l[5])}
	}
	return out
}

// TestPublished lays results beside CloudSim's: energy within 2 %, migrations within
// 5 %, violations within 10 %, and the policies in the same order by energy.
func TestPublished(t *testing.T) {
	rows := publishedRows(t)
	last, lastTheirs := math.Inf(1), math.Inf(1)
	days := map[string][][]float64{}
	for _, tc := range []struct{ day, theirs, ours, selection string }{
		{"20110303", "npa", "npa", ""},
		{"20110303", "dvfs--", "dvfs", ""},
		{"20110303", "thr-mmt-0.8", "thr-0.8", consolidate.MMT},
		{"20110303", "iqr-mmt-1.5", "iqr-1.5", consolidate.MMT},
		{"20110303", "mad-mmt-2.5", "mad-2.5", consolidate.MMT},
		{"20110303", "lr-mmt-1.2", "lr-1.2", consolidate.MMT},
		{"20110303", "lrr-mmt-1.2", "lrr-1.2", consolidate.MMT},
		{"20110303", "lr-mc-1.2", "lr-1.2", consolidate.MC},
		{"20110303", "lr-mu-1.2", "lr-1.2", consolidate.MU},
		{"20110303", "thr-mu-0.8", "thr-0.8", consolidate.MU},
		{"20110306", "lr-mmt-1.2", "lr-1.2", consolidate.MMT},
		{"20110309", "lr-mmt-1.2", "lr-1.2", consolidate.MMT},
	} {
		t.Run(tc.day+" "+tc.theirs, func(t *testing.T) {
			if testing.Short() && tc.theirs != "thr-mmt-0.8" && tc.theirs != "lr-mmt-1.2" {
				t.Skip("two policies are enough for a short run")
			}
			if days[tc.day] == nil {
				days[tc.day] = day(t, tc.day)
			}
			want, got := rows[[2]string{tc.day, tc.theirs}], run(t, days[tc.day], tc.ours, tc.selection)
			near := func(got, want, within float64) bool { return math.Abs(got-want) <= within*want }
			t.Logf("%.2f kWh (%.2f), %d migrations (%d), SLAV %.5f %% (%.5f)", got.EnergyKWh, want.EnergyKWh, got.Migrations, want.Migrations, 100*got.SLAV, 100*want.SLAV)
			if !near(got.EnergyKWh, want.EnergyKWh, 0.02) || !near(float64(got.Migrations), float64(want.Migrations), 0.05) || !near(got.SLAV, want.SLAV, 0.1) {
				t.Errorf("%+v, not %+v", got, want)
			}
			if tc.day == "20110303" && tc.selection == consolidate.MMT && (got.EnergyKWh > last || want.EnergyKWh > lastTheirs) {
				t.Errorf("the policies are not in the same order: %.2f kWh after %.2f", got.EnergyKWh, last)
			}
			last, lastTheirs = got.EnergyKWh, want.EnergyKWh
		})
	}
}
