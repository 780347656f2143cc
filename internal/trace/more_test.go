package trace_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

// read gives all rows and the faults of those that were passed over.
func read(t *testing.T, r io.Reader, format string) (rows []trace.Row, faults []string) {
	t.Helper()
	reader, _, err := trace.Open(r, format)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := reader.Next()
		var bad *trace.RowError
		switch {
		case errors.Is(err, io.EOF):
			return rows, faults
		case errors.As(err, &bad):
			faults = append(faults, bad.Error())
		case err != nil:
			t.Fatal(err)
		default:
			rows = append(rows, row)
		}
	}
}

func archive(t *testing.T, files ...string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "20110303/", Mode: 0o755}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: "20110303/" + files[i], Size: int64(len(files[i+1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPlanetLab(t *testing.T) {
	rows, faults := read(t, bytes.NewReader(archive(t, "one", "24\n0\n100\n", "bad", "5\nmany\n7\n", "none", "", "two", "3\n")), "")
	if len(rows) != 2 || rows[0].ID != "one" || rows[1].ID != "two" {
		t.Fatalf("rows are %+v", rows)
	}
	if r := rows[0]; r.Run != 15*api.Minute || r.Step != 5*api.Minute || len(r.Use) != 3 || r.Use[0] != 240 || r.Use[2] != 1000 || r.Each.CPU != 1000 {
		t.Errorf("the first is %+v", r)
	}
	if len(faults) != 2 || !strings.Contains(faults[0], `line 2: of bad: "many"`) || !strings.Contains(faults[1], "none is empty") {
		t.Errorf("faults are %q", faults)
	}
	if _, _, err := trace.Open(strings.NewReader("24\n"), "planetlab"); err == nil || !strings.Contains(err.Error(), "tar archive") {
		t.Errorf("a text as an archive: %v", err)
	}
}

func TestAzureLLM(t *testing.T) {
	rows, faults := read(t, strings.NewReader(`TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,1000,8
yesterday,1,1
2023-11-16 18:17:05,-1,1
`), "")
	if len(rows) != 2 || rows[1].Submit != 52*api.Millisecond || rows[1].Run != 300*api.Millisecond {
		t.Errorf("rows are %+v", rows)
	}
	if len(faults) != 2 || !strings.HasPrefix(faults[0], "line 4: TIMESTAMP") || !strings.HasPrefix(faults[1], "line 5: ContextTokens") {
		t.Errorf("faults are %q", faults)
	}
}

func functions() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	const head = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\n"
	return fstest.MapFS{
		"invocations.csv": file("HashOwner,HashApp,HashFunction,Trigger,480,481,482\no1,a1,f1,http,3,0,2\no2,a2,f2,timer,0,1,0\no3,a3,f3,queue,1,1,1\n"),
		"durations.csv":   file(head + "o1,a1,f1,50,10,10,100,10,10,10,10,10,10,10\no2,a2,f2,50,10,0,4000,1000,1000,2000,2000,2000,3000,4000\n"),
		"memory.csv":      file("HashOwner,HashApp,SampleCount,AverageAllocatedMb\no1,a1,10,64\n"),
	}
}

func TestAzureFunctions(t *testing.T) {
	rows, faults := read(t, trace.Dir{FS: functions()}, "")
	if len(rows) != 6 {
		t.Fatalf("rows are %+v", rows)
	}
	if len(faults) != 1 || !strings.Contains(faults[0], "line 4: function f3 has no durations") {
		t.Errorf("faults are %q", faults)
	}
	for i, r := range rows {
		if i > 0 && r.Submit < rows[i-1].Submit {
			t.Errorf("row %d comes before the one before it", i)
		}
		minute := r.Submit / api.Minute
		switch {
		case r.User == "o1" && (minute == 480 || minute == 482) && r.Run == 10*api.Millisecond && r.Each.Memory == 64*api.MiB:
		case r.User == "o2" && minute == 481 && r.Run >= api.Second && r.Run <= 4*api.Second && r.Each.Memory == 0:
		default:
			t.Errorf("row %d is %+v", i, r)
		}
	}
	again, _ := read(t, trace.Dir{FS: functions()}, "azure-functions")
	if len(again) != 6 || again[3].Submit != rows[3].Submit {
		t.Error("read twice, it is not the same")
	}
	broken := functions()
	delete(broken, "memory.csv")
	if _, _, err := trace.Open(trace.Dir{FS: broken}, ""); err == nil || !strings.Contains(err.Error(), "*memory*.csv") {
		t.Errorf("without the memory: %v", err)
	}
	broken = functions()
	broken["invocations.csv"].Data = []byte("HashOwner,HashApp,HashFunction,Trigger,480\no1,a1,f1,http,many\n")
	if _, _, err := trace.Open(trace.Dir{FS: broken}, ""); err == nil || !strings.Contains(err.Error(), "line 2: 480 is") {
		t.Errorf("with a bad count: %v", err)
	}
	if _, _, err := trace.Open(trace.Dir{FS: functions()}, "swf"); err == nil {
		t.Error("a directory is a trace in SWF")
	}
}

// TestGenerate fits a demand whose law is known, and looks whether a generated one
// follows the same law.
func TestGenerate(t *testing.T) {
	known := trace.Poisson(1.0/60, trace.Row{Count: 2, Run: 100 * api.Second, Each: api.Resources{CPU: 500}})
	for h := range 12 {
		known.Rate[h] *= 3
	}
	known.Burstiness = 2
	first, err := known.Generate(20_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := trace.Fit(first, 1)
	if err != nil {
		t.Fatal(err)
	}
	for h, want := range known.Rate {
		if got := fitted.Rate[h]; math.Abs(got-want) > 0.25*want {
			t.Errorf("the rate at hour %d is %g, want %g", h, got, want)
		}
	}
	if math.Abs(fitted.Burstiness-2) > 0.2 {
		t.Errorf("the burstiness is %g, want 2", fitted.Burstiness)
	}
	second, err := fitted.Generate(20_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	sum, last := 0.0, api.Duration(0)
	for range 20_000 {
		row, err := second.Next()
		if err != nil || row.Submit < last || row.Count != 2 || row.Each.CPU != 500 {
			t.Fatalf("%+v, %v", row, err)
		}
		last = row.Submit
		sum += row.Run.Std().Seconds() / 20_000
	}
	if math.Abs(sum-100) > 5 {
		t.Errorf("the mean run time is %g s, want 100 s", sum)
	}
	if _, err := second.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("there are more: %v", err)
	}
}

func TestGenerateIsTheSameForASeed(t *testing.T) {
	m := trace.Poisson(1, trace.Row{Count: 1, Run: api.Second})
	draw := func(seed uint64) (out []api.Duration) {
		r, err := m.Generate(100, seed)
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, err := r.Next()
			if err != nil {
				return out
			}
			out = append(out, row.Submit+row.Run)
		}
	}
	if a, b, c := draw(1), draw(1), draw(2); len(a) != 100 || a[50] != b[50] || a[99] != b[99] || a[99] == c[99] {
		t.Error("seeds do not decide what is drawn")
	}
}

func TestModelsThatCannotBe(t *testing.T) {
	if _, err := (&trace.Model{}).Generate(1, 1); err == nil {
		t.Error("an empty model makes a demand")
	}
	bad := trace.Poisson(1, trace.Row{Count: 1})
	bad.Rate[3] = math.NaN()
	if _, err := bad.Generate(1, 1); err == nil {
		t.Error("a rate that is no number makes a demand")
	}
	slow, err := trace.Poisson(1e-12, trace.Row{Count: 1}).Generate(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = slow.Next()
	if _, err := slow.Next(); err == nil || !strings.Contains(err.Error(), "100 years") {
		t.Errorf("a job in a million years: %v", err)
	}
}

func TestDescribeSeries(t *testing.T) {
	s, err := trace.DescribeSeries(strings.NewReader("utc,price,unit=EUR/MWh\n2022-12-31T23:00Z,-5\n2023-01-01T00:00Z,\n2023-01-01T01:00Z,7\n2023-01-01T04:00Z,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Step != time.Hour || s.Gaps != 2 || s.Rows != 4 || len(s.Columns) != 1 || s.Columns[0] != (trace.SeriesColumn{Name: "price", Min: -5, Mean: 1, Max: 7, Missing: 1}) {
		t.Errorf("the series is %+v", s)
	}
	for text, want := range map[string]string{
		"a,b\n1,2\n": trace.ErrNoSeries.Error(),
		"a,b\n2023-01-01 00:00:00,1\n2022-01-01 00:00:00,1\n": "line 3",
		"a,a,b\n2023-01-01,1,2,3,4\n":                         "line 2",
		"":                                                    "header",
	} {
		if _, err := trace.DescribeSeries(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
