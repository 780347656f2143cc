package modules_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"drover.dev/internal/demo/modules"
	"pgregory.net/rapid"
)

const samplesHeader = "t_ms,cpu_percent,mem_used_bytes,mem_total_bytes,load1,ctx_switches\n"

// A summary is summary.json.
type summary map[string]*float64

func (s summary) is(t interface{ Errorf(string, ...any) }, key string, want float64) {
	if s[key] == nil || *s[key] != want {
		t.Errorf("summary: %s is %v, want %v", key, show(s[key]), want)
	}
}

func show(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

func clean(t *testing.T, samples string) (rows []string, s summary, stderr string) {
	t.Helper()
	k := newTask(t, map[string]string{"samples.csv": samples}).run(t, modules.Clean).wantOK(t)
	if err := json.Unmarshal([]byte(k.output(t, "summary.json")), &s); err != nil {
		t.Fatalf("summary.json: %v", err)
	}
	return strings.Split(strings.TrimSuffix(k.output(t, "clean.csv"), "\n"), "\n"), s, k.stderr
}

// TestCleanByHand has numbers that a reader can check with a pencil.
func TestCleanByHand(t *testing.T) {
	rows, s, _ := clean(t, samplesHeader+
		"0,10,1000,4000,0.5,0\n"+
		"100,20,1000,4000,0.5,100\n"+ // 100 switches in 0.1 s: 1000/s
		"200,30,1000,4000,0.5,200\n"+
		"300,40,1000,4000,0.5,300\n"+
		"400,50,1000,4000,0.5,400\n"+
		"500,60,2000,4000,0.5,400\n") // no switch at all: an outlier, and the last good rate is held
	want := []string{
		"start_ms,rows,cpu_mean,cpu_min,cpu_max,cpu_p95,mem_mean,mem_min,mem_max,mem_p95," +
			"load1_mean,load1_min,load1_max,load1_p95,switches_mean,switches_min,switches_max,switches_p95",
		"0,5,30.00,10.00,50.00,48.00,1000,1000,1000,1000,0.50,0.50,0.50,0.50,1000.0,1000.0,1000.0,1000.0",
		"500,1,60.00,60.00,60.00,60.00,1000,1000,1000,1000,0.50,0.50,0.50,0.50,1000.0,1000.0,1000.0,1000.0",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("clean.csv\n got %q\nwant %q", rows, want)
	}
	for key, want := range map[string]float64{
		"rowsRead": 6, "rowsDropped": 0, "outliers": 2, "rowsInserted": 0, "rowsRepaired": 2, // the first has no rate yet
		"cellsFilled": 3, "windows": 2, "windowMs": 500, "stepMs": 100, "durationMs": 500, "memTotalBytes": 4000, "cpuMean": 35,
	} {
		s.is(t, key, want)
	}
}

func TestCleanDropsAndSaysWhy(t *testing.T) {
	var b strings.Builder
	b.WriteString(samplesHeader)
	for i := range 12 {
		fmt.Fprintf(&b, "%d,50,100,1000,1,%d\n", i*100, i)
	}
	bad := []struct{ row, reason string }{
		{"garbage", "line 14: has not six fields"},
		{"1200,nan,100,1000,1,1", `line 15: not a number: cpu_percent "nan`},
		{"1200,101,100,1000,1,1", "line 16: cpu_percent is above 100"},
		{"1200,5,2000,1000,1,1", "line 17: mem_used_bytes is above mem_total_bytes"},
		{"-1,5,100,1000,1,1", `line 18: not a number: t_ms "-1`},
		{"1.5,5,100,1000,1,1", ""}, // from the sixth on they are only counted
		{",5,100,1000,1,1", ""},
		{"1200,5,100,1000,1,1,1", ""},
		{"1200,5,100,1000,1,0x10", ""},
		{"300,99,100,1000,1,1", ""}, // a time that was there: the first row counts
	}
	for _, row := range bad {
		b.WriteString(row.row + "\n")
	}
	_, s, stderr := clean(t, b.String())
	for _, row := range bad {
		if !strings.Contains(stderr, row.reason) {
			t.Errorf("stderr lacks %q:\n%s", row.reason, stderr)
		}
	}
	if n := strings.Count(stderr, "row dropped"); n != 5 {
		t.Errorf("%d notes about dropped rows, want 5", n)
	}
	for key, want := range map[string]float64{
		"rowsRead": 22, "rowsDropped": 10, "rowsMalformed": 9, "rowsDuplicate": 1, "cpuMean": 50, "cpuMax": 50,
	} {
		s.is(t, key, want)
	}
}

func TestCleanTakesOutASpikeAndFillsTheHole(t *testing.T) {
	var b strings.Builder
	b.WriteString(samplesHeader)
	for i := range 40 {
		cpu := 20 + float64(i%3)
		if i == 17 {
			cpu = 100
		}
		if i >= 22 && i <= 24 { // three rows never came
			continue
		}
		fmt.Fprintf(&b, "%d,%.1f,100,1000,1,%d\n", i*100, cpu, i*50)
	}
	_, s, _ := clean(t, b.String())
	for key, want := range map[string]float64{"outliers": 1, "rowsInserted": 3, "cpuMax": 22, "windows": 8, "rowsRepaired": 5} {
		s.is(t, key, want)
	}
}

func TestCleanKeepsARealStep(t *testing.T) {
	var b strings.Builder
	b.WriteString(samplesHeader)
	for i := range 40 {
		fmt.Fprintf(&b, "%d,%d,100,1000,1,%d\n", i*100, 5+90*(i/20), i*50) // idle, then busy
	}
	_, s, _ := clean(t, b.String())
	s.is(t, "outliers", 0)
	s.is(t, "cpuMean", 50)
}

func TestCleanOfAMachineThatDoesNotCount(t *testing.T) {
	// A sandboxed kernel may give no processor times and no counter: the columns stay empty.
	rows, s, _ := clean(t, samplesHeader+"0,,100,1000,,\n100,,100,1000,,\n")
	if want := "0,2,,,,,100,100,100,100,,,,,,,,"; rows[1] != want {
		t.Errorf("got %q, want %q", rows[1], want)
	}
	if s["cpuMean"] != nil || s["switchesP95"] != nil {
		t.Errorf("cpuMean %s, switchesP95 %s, want null", show(s["cpuMean"]), show(s["switchesP95"]))
	}
}

func TestCleanLeavesALongHoleOpen(t *testing.T) {
	rows, s, _ := clean(t, samplesHeader+"0,5,1,2,1,\n100,5,1,2,1,\n60000,5,1,2,1,\n60100,5,1,2,1,\n")
	if len(rows) != 3 {
		t.Errorf("%d windows, want 2: %q", len(rows)-1, rows)
	}
	s.is(t, "rowsInserted", 0)
}

func TestCleanRefuses(t *testing.T) {
	many := samplesHeader + strings.Repeat("0,1,1,2,1,1\n", 100_001)
	cases := map[string]struct {
		samples string
		want    string
	}{
		"nothing":            {"", `line 1: header is ""`},
		"another header":     {"a,b\n1,2\n", `line 1: header is "a,b", must be "t_ms,`},
		"header only":        {samplesHeader, "0 of 0 rows are good, too few; first problem: the file ends too early"},
		"one row":            {samplesHeader + "0,1,1,2,1,1\n", "1 of 1 rows are good, too few"},
		"one time":           {samplesHeader + "0,1,1,2,1,1\n0,1,1,2,1,1\n", "line 3: its t_ms was there before"},
		"mostly malformed":   {samplesHeader + "0,1,1,2,1,1\n1,1,1,2,1,1\nx\ny\nz\n", "2 of 5 rows are good, too few; first problem: /in/samples.csv: line 4"},
		"a hundred thousand": {many, "line 100002: more than 100000 rows"},
		"binary":             {"\x00\x01\x02\xff", "line 1"},
		"zeros inside":       {samplesHeader + "0,1,1,2,1,1\x00\n", "line 2"},
		"nine megabytes":     {strings.Repeat("x", 9<<20), "is larger than"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			newTask(t, map[string]string{"samples.csv": c.samples}).run(t, modules.Clean).wantRefusal(t, 2, "clean: /in/samples.csv: ", c.want)
		})
	}
	t.Run("no file", func(t *testing.T) {
		newTask(t, nil).run(t, modules.Clean).wantRefusal(t, 1, "/in/samples.csv: cannot be opened")
	})
	t.Run("an argument", func(t *testing.T) {
		k := newTask(t, nil)
		k.args = []string{"--help"}
		k.run(t, modules.Clean).wantRefusal(t, 64, "takes no arguments")
	})
}

// TestCleanAgreesWithGo compares each number of clean.csv and summary.json with reference, for random machines.
func TestCleanAgreesWithGo(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		in := drawSamples(r)
		k := newTask(t, map[string]string{"samples.csv": in.csv()}).run(t, modules.Clean).wantOK(t)
		want := in.reference()
		lines := strings.Split(strings.TrimSpace(k.output(t, "clean.csv")), "\n")[1:]
		if len(lines) != len(want.windows) {
			r.Fatalf("%d windows, want %d", len(lines), len(want.windows))
		}
		for i, line := range lines {
			compareFields(r, strings.Split(line, ","), want.windows[i])
		}
		var s summary
		if err := json.Unmarshal([]byte(k.output(t, "summary.json")), &s); err != nil {
			r.Fatal(err)
		}
		for key, value := range want.counts {
			s.is(r, key, value)
		}
	})
}

// compareFields allows half a unit of the last printed digit.
func compareFields(r *rapid.T, fields []string, want []float64) {
	for i, field := range fields {
		if field == "" {
			if !math.IsNaN(want[i]) {
				r.Fatalf("field %d is empty, want %v", i+1, want[i])
			}
			continue
		}
		_, fraction, _ := strings.Cut(field, ".")
		got, err := strconv.ParseFloat(field, 64)
		if err != nil || !(math.Abs(got-want[i]) <= 0.5001*math.Pow10(-len(fraction))+1e-12*math.Abs(got)) {
			r.Fatalf("field %d is %s, want %v (window %v)", i+1, field, want[i], fields)
		}
	}
}
