package assign

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dataFile returns the path of a file of the public data sets, or skips.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("DROVER_DATA")
	if root == "" {
		root = "../../../../shared/data"
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: %v; set DROVER_DATA to the folder of the public data sets", err)
	}
	return path
}

func csvRows(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(dataFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func within(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// The sixty problems of Cattrysse, Salomon and Van Wassenhove (1994) are solved
// to the proof of the known optimum.
func TestGapOptima(t *testing.T) {
	for _, row := range csvRows(t, "gap/best_known.csv") {
		if !strings.HasPrefix(row[0], "cattrysse1994/") {
			continue
		}
		f, err := os.Open(dataFile(t, "gap/"+row[0]))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ReadProblem(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		r, err := Solve(p, Options{})
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		cost, err := p.Check(r.Assignment)
		if err != nil || cost != r.Cost || strconv.FormatInt(r.Cost, 10) != row[6] || !r.Optimal {
			t.Errorf("%s: cost %d (checked %d, %v), bound %d; the optimum is %s", row[0], r.Cost, cost, err, r.LowerBound, row[6])
		}
	}
}

func TestCompletionOptima(t *testing.T) {
	for _, row := range csvRows(t, "rcj/optima.csv") {
		f, err := os.Open(dataFile(t, "rcj/optima.csv")[:len(dataFile(t, "rcj/optima.csv"))-len("optima.csv")] + row[0] + ".csv")
		if err != nil {
			t.Logf("SKIPPED: %v", err)
			continue
		}
		p, err := ReadMachines(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		s, err := Completion(p, Options{})
		if want := strings.TrimSuffix(row[3], ".0"); err != nil || strconv.FormatInt(s.Objective, 10) != want || !s.Optimal {
			t.Errorf("%s: Σ C_j = %d, bound %d, %v; the optimum is %s", row[0], s.Objective, s.LowerBound, err, want)
		}
		if row[4] == "" {
			continue
		}
		s, err = WeightedCompletion(p, Options{Stop: within(5 * time.Second)})
		if err != nil || strconv.FormatInt(s.Objective, 10) != row[4] {
			t.Errorf("%s: Σ w_j C_j = %d, bound %d, %v; the optimum is %s", row[0], s.Objective, s.LowerBound, err, row[4])
		}
		t.Logf("%s: Σ w_j C_j = %d, bound %d", row[0], s.Objective, s.LowerBound)
	}
}
