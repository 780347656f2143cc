package demo

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadProc(t *testing.T) {
	const kib = 1024
	nan := math.NaN()
	cases := map[string]reading{
		// guest time, the 400, is in user time already
		"idle":    {cpuTotal: 9610, cpuIdle: 8200, switches: 123456, memTotal: 16384000 * kib, memUsed: 4096000 * kib, load1: 0.52},
		"old":     {cpuTotal: 1000, cpuIdle: 850, switches: 77, memTotal: 512000 * kib, memUsed: 312000 * kib, load1: 1},
		"sandbox": {cpuTotal: 0, cpuIdle: 0, switches: nan, memTotal: 512000 * kib, memUsed: 312000 * kib, load1: nan},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := readProc(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			for field, pair := range map[string][2]float64{
				"cpuTotal": {got.cpuTotal, want.cpuTotal}, "cpuIdle": {got.cpuIdle, want.cpuIdle},
				"switches": {got.switches, want.switches}, "memTotal": {got.memTotal, want.memTotal},
				"memUsed": {got.memUsed, want.memUsed}, "load1": {got.load1, want.load1},
			} {
				if pair[0] != pair[1] && !(math.IsNaN(pair[0]) && math.IsNaN(pair[1])) {
					t.Errorf("%s is %v, want %v", field, pair[0], pair[1])
				}
			}
		})
	}
}

// fixture copies a folder of testdata to one that a test may change.
func fixture(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadProcRefuses(t *testing.T) {
	cases := map[string]struct{ file, content, want string }{
		"no cpu line":          {"stat", "ctxt 5\n", `stat: no line "cpu"`},
		"empty stat":           {"stat", "", `stat: no line "cpu"`},
		"short cpu line":       {"stat", "cpu 1 2 3\n", `stat: line 1: "cpu" has 3 values`},
		"negative ticks":       {"stat", "cpu 1 2 3 -4\n", `stat: line 1: "-4" is not a count`},
		"counter overflows":    {"stat", "cpu 1 2 3 4\nctxt 99999999999999999999\n", "stat: line 2"},
		"counter twice":        {"stat", "cpu 1 2 3 4\nctxt 1 2\n", `stat: line 2: "ctxt" has 2 values`},
		"no total":             {"meminfo", "MemFree: 5 kB\n", "meminfo: of 0 bytes"},
		"more free than total": {"meminfo", "MemTotal: 5 kB\nMemAvailable: 6 kB\n", "meminfo: of 5120 bytes of memory 6144"},
		"another unit":         {"meminfo", "MemTotal: 5 MB\n", "meminfo: line 1: MemTotal is not a number of kB"},
		"memory is text":       {"meminfo", "\nMemTotal: x kB\n", `meminfo: line 2: "x" is not a count`},
		"load is text":         {"loadavg", "high\n", `loadavg: line 1: "high"`},
		"load is infinite":     {"loadavg", "inf 1 1\n", `loadavg: line 1: "inf"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := fixture(t, "idle")
			if err := os.WriteFile(filepath.Join(root, c.file), []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := readProc(root); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func FuzzParseProc(f *testing.F) {
	for _, name := range []string{"stat", "meminfo", "loadavg"} {
		data, err := os.ReadFile(filepath.Join("testdata", "idle", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r reading
		if parseMeminfo(data, &r) == nil && !(r.memUsed >= 0 && r.memUsed <= r.memTotal) {
			t.Errorf("accepted %v used of %v", r.memUsed, r.memTotal)
		}
		if parseStat(data, &r) == nil && !(r.cpuIdle >= 0 && r.cpuIdle <= r.cpuTotal) {
			t.Errorf("accepted %v idle of %v", r.cpuIdle, r.cpuTotal)
		}
		if parseLoadavg(data, &r) == nil && !(r.load1 >= 0) {
			t.Errorf("accepted load %v", r.load1)
		}
	})
}
