package storage_test

import (
	"bufio"
	"cmp"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"drover.dev/internal/energy/storage"
	"drover.dev/internal/trace"
)

// year is a year of real prices, a kWh; load is in kW.
func year(t testing.TB, name string, load float64) []storage.Step {
	t.Helper()
	file := filepath.Join(cmp.Or(os.Getenv("DROVER_DATA"), "../../../../shared/data"), "prices", name+".csv.gz")
	f, err := os.Open(file)
	if err != nil {
		t.Skipf("SKIPPED: there are no prices to read: %v", err)
	}
	defer f.Close()
	samples, _, err := trace.Samples(f, "")
	if err != nil {
		t.Fatal(err)
	}
	steps := make([]storage.Step, len(samples))
	for i, s := range samples {
		steps[i] = storage.Step{Hours: 1, Price: s.Value / 1000, Load: load}
	}
	return steps
}

// solved is the optimum of the linear program as clp of COIN-OR finds it.
func solved(t *testing.T, b storage.Battery, steps []storage.Step) float64 {
	t.Helper()
	clp, err := exec.LookPath("clp")
	if err != nil {
		t.Skip("SKIPPED: no linear programming solver is here; on Debian: apt-get install coinor-clp")
	}
	program := filepath.Join(t.TempDir(), "battery.lp")
	if err := writeProgram(program, b, steps); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(clp, program, "-dualsimplex").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := regexp.MustCompile(`Optimal objective (\S+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("clp found no optimum: %s", out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// writeProgram states the problem independently: c and d are kWh bought for the
// battery and taken from it at the meter, s is the level. The parts of the hour
// for the two directions make at most one hour. The bill is in cents, so that the
// solver's printed digits are enough.
func writeProgram(name string, b storage.Battery, steps []storage.Step) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	r := math.Sqrt(b.Efficiency)
	fmt.Fprintln(w, "Minimize\n obj:")
	for i, s := range steps {
		fmt.Fprintf(w, " %+.12g c%d %+.12g d%d\n", 100*s.Price, i, 100*(b.Ageing/r-s.Price), i)
	}
	fmt.Fprintln(w, "Subject To")
	for i, s := range steps {
		before := ""
		if i > 0 {
			before = fmt.Sprintf("- s%d ", i-1)
		}
		fmt.Fprintf(w, " l%d: s%d %s- %.12g c%d + %.12g d%d = 0\n", i, i, before, r, i, 1/r, i)
		fmt.Fprintf(w, " p%d: %.12g c%d + %.12g d%d <= 1\n", i, 1/b.Power, i, 1/min(b.Power, s.Load), i)
	}
	fmt.Fprintln(w, "Bounds")
	for i := range steps {
		full := b.Capacity
		if i == len(steps)-1 {
			full = 0
		}
		fmt.Fprintf(w, " 0 <= s%d <= %.12g\n", i, full)
	}
	fmt.Fprintln(w, "End")
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// TestAYearAgainstASolver: the optimum of a year of German prices, 300 hours of them
// negative, equals that of a linear program solver.
func TestAYearAgainstASolver(t *testing.T) {
	if testing.Short() {
		t.Skip("a solver needs seconds for a year")
	}
	steps := year(t, "DE-LU_2023", 80)
	for _, tc := range []struct {
		name string
		b    storage.Battery
	}{
		{"four hours", storage.Battery{Capacity: 400, Power: 100, Efficiency: 0.9}},
		{"with an ageing price", storage.Battery{Capacity: 100, Power: 100, Efficiency: 0.85, Ageing: 0.03}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := solved(t, tc.b, steps) / 100
			o, err := storage.Optimal(tc.b, steps)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.With - o.Without; math.Abs(got-want) > 1e-5*math.Abs(want) {
				t.Errorf("the battery changes the bill by %.6f, the solver says by %.6f", got, want)
			}
		})
	}
}

func BenchmarkYear(b *testing.B) {
	steps := year(b, "DE-LU_2023", 80)
	for b.Loop() {
		if _, err := storage.Optimal(storage.Battery{Capacity: 400, Power: 100, Efficiency: 0.9}, steps); err != nil {
			b.Fatal(err)
		}
	}
}
