package trace

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

func rows(t *testing.T, text, format string) ([]Row, Format, error) {
	t.Helper()
	r, f, err := Open(strings.NewReader(text), format)
	if err != nil {
		return nil, f, err
	}
	var out []Row
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, f, nil
		}
		if err != nil {
			return out, f, err
		}
		out = append(out, row)
	}
}

const (
	gaiaHead  = "arrival_time,length,cpus\n"
	openbHead = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
	surfHead  = "id,submission_ms,duration_ms,cpu_count,cpu_capacity_mhz,mem_mb,usage_mhz_every_30s_space_separated\n"
	vmsHead   = "id,submission_ms,duration_ms,cpu_count,cpu_capacity_mhz,mem,dur_s:usage_mhz list\n"
	swfJob    = "7 60 -1 3600 4 -1 2048 4 7200 -1 1 12 1 9 -1 -1 -1 -1\n"
)

func TestRows(t *testing.T) {
	gpu := func(count api.Milli, models ...string) []api.Accelerator {
		return []api.Accelerator{{Kind: "gpu", Count: count, Models: models}}
	}
	for _, c := range []struct {
		format, text string
		want         Row // but for its id
	}{
		{"gaia", gaiaHead + "68.0,1000.0,2", Row{Submit: 68 * api.Second, Run: 1000 * api.Second, Count: 1, Each: api.Resources{CPU: 2000}}},
		{"gaia", gaiaHead + "1,0.5,2", Row{Submit: api.Hour, Run: api.Hour / 2, Count: 1, Each: api.Resources{CPU: 2000}}},
		{"swf", "; a comment\n;\n" + swfJob, Row{
			User: "12", Program: "app-9", Submit: api.Minute, Run: api.Hour, Estimate: 2 * api.Hour, Count: 4, Each: api.Resources{CPU: 1000, Memory: 2 * api.MiB},
		}},
		{"openb", openbHead + "p,6000,12288,1,460,T4|P100,LS,Running,100,400,120", Row{
			Submit: 100 * api.Second, Run: 280 * api.Second, Count: 1,
			Each: api.Resources{CPU: 6000, Memory: 12 * api.GiB, Accelerators: gpu(460, "t4", "p100")},
		}},
		{"openb", openbHead + "p,6000,1,8,1000,,LS,Running,100,400,", Row{
			Submit: 100 * api.Second, Run: 300 * api.Second, Count: 1, Each: api.Resources{CPU: 6000, Memory: api.MiB, Accelerators: gpu(8000)},
		}},
		{"surf", surfHead + "1,1000,90000,16,33600,10,33600 0 16800", Row{
			Submit: api.Second, Run: 90 * api.Second, Count: 1, Each: api.Resources{CPU: 16000, Memory: 10e6},
			Use: []api.Milli{16000, 0, 8000}, Step: 30 * api.Second,
		}},
		{"bitbrains", vmsHead + "1,0,900000,1,2000,500,300:1000 600:500", Row{
			Run: 900 * api.Second, Count: 1, Each: api.Resources{CPU: 1000, Memory: 500e3}, Use: []api.Milli{500, 250, 250}, Step: 300 * api.Second,
		}},
		{"drover", nativeHead + "\n" + `{"submit":1.5,"run":2,"each":{"cpu":"0.5"},"count":3,"priority":-1,"deadline":60}`, Row{
			Submit: 1500 * api.Millisecond, Run: 2 * api.Second, Count: 3, Deadline: api.Minute, Priority: -1, Each: api.Resources{CPU: 500},
		}},
	} {
		got, f, err := rows(t, c.text, "")
		if err != nil || f.Name != c.format || len(got) != 1 {
			t.Errorf("%s: %d rows as %s, %v", c.format, len(got), f.Name, err)
			continue
		}
		got[0].ID = ""
		if !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.format, got[0], c.want)
		}
	}
}

// Every row that cannot be read is named by its line, and what follows is read.
func TestBadRows(t *testing.T) {
	good := "0,1,1\n"
	for name, c := range map[string]struct{ text, says string }{
		"not a number":      {gaiaHead + good + "x,1,1\n", `line 3: arrival_time is "x"`},
		"not a number, NaN": {gaiaHead + good + "NaN,1,1\n", `line 3: arrival_time is "NaN"`},
		"negative":          {gaiaHead + good + "1,-1,1\n", `line 3: length is "-1"`},
		"no core":           {gaiaHead + good + "1,1,0\n", "line 3: cpus is 0"},
		"a field too few":   {gaiaHead + good + "1,1\n", "line 3: it has 2 fields, the header has 3"},
		"longer than lives": {gaiaHead + good + "1,1e15,1\n", "longer than 100 years"},
		"an open quote":     {gaiaHead + good + "\"1,1,1\n", "line 3"},
		"ends before":       {openbHead + "p,1,1,0,0,,LS,R,5,4,5\n", "line 2: it ends at 4, before it starts at 5"},
		"half a number":     {openbHead + "p,1.5,1,0,0,,LS,R,5,6,5\n", `line 2: cpu_milli is "1.5"`},
		"no run time":       {strings.Replace(swfJob, "3600", "-1", 1), "line 1: the job's run time is not known"},
		"no processors":     {strings.Replace(swfJob, " 4 ", " 0 ", 2), "line 1: the job has"},
		"too few fields":    {swfJob + "1 2 3\n", "line 2: it has 3 fields, a job has 18"},
		"bad use":           {surfHead + "1,0,1,1,1000,1,5 x\n", `line 2: a use of "x" MHz`},
		"bad pair":          {vmsHead + "1,0,1,1,1000,1,300\n", `line 2: "300" is not duration:use`},
		"endless pair":      {vmsHead + "1,0,1,1,1000,1,1e15:1\n", "samples of use"},
		"unknown field":     {nativeHead + "\n{\"runs\":1}\n", `unknown field "runs"`},
		"negative submit":   {nativeHead + "\n{\"submit\":-1}\n", "line 2: submit is negative"},
	} {
		_, _, err := rows(t, c.text, "")
		var bad *RowError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	r, _, err := Open(strings.NewReader(gaiaHead+"0,1,1\nx,1,1\ny\n5,1,1\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &Skipping{Reader: r}
	all, err := All(s, 10)
	if err != nil || len(all) != 2 || s.Skipped != 2 || s.First.Line != 3 {
		t.Errorf("%d rows, %d skipped, %v, %v", len(all), s.Skipped, s.First, err)
	}
}

func TestWhatIsNoTrace(t *testing.T) {
	for name, c := range map[string]struct{ text, format, says string }{
		"empty":            {"", "", "no known format"},
		"something else":   {"hello\n", "", "no known format"},
		"unknown format":   {gaiaHead, "csv", "one of drover, gaia"},
		"another header":   {"a,b,c\n", "gaia", "lacks the column arrival_time"},
		"another version":  {`{"drover":"trace/v9"}`, "", "trace/v9"},
		"torn gzip":        {"\x1f\x8b\x08", "", "open trace"},
		"line of gigabyte": {gaiaHead + strings.Repeat("1", maxLine+1), "", "line 2 has more than"},
	} {
		if _, _, err := rows(t, c.text, c.format); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %.200v, want %q", name, err, c.says)
		}
	}
	if _, err := All(endless{}, 5); err == nil || !strings.Contains(err.Error(), "more than 5 rows") {
		t.Errorf("endless: %v", err)
	}
}

type endless struct{}

func (endless) Next() (Row, error) { return Row{}, nil }

func TestCompressed(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, gaiaHead+"5,1,1\r\n\r\n1,1,1\n")
	z.Close()
	r, _, err := Open(&b, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := All(r, 10)
	if err != nil || len(all) != 2 || all[0].Submit != 0 || all[1].Submit != 4*api.Second {
		t.Errorf("%+v, %v", all, err)
	}
}

// What is written in Drover's own format is read back as it was.
func TestNativeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Row
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			ms := rapid.Int64Range(0, 1<<40)
			want = append(want, Row{
				ID: rapid.StringMatching(`[a-z"\\é ]*`).Draw(t, "id"), Submit: api.Duration(ms.Draw(t, "submit")) * api.Millisecond,
				Run: api.Duration(ms.Draw(t, "run")) * api.Millisecond, Count: rapid.Int32Range(1, 100).Draw(t, "count"),
				Each:     api.Resources{CPU: api.Milli(rapid.Int64Range(0, 1<<20).Draw(t, "cpu")), Memory: api.Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "memory"))},
				Deadline: api.Duration(ms.Draw(t, "deadline")) * api.Millisecond, Priority: rapid.Int32().Draw(t, "priority"),
			})
		}
		var b bytes.Buffer
		w := NewWriter(&b)
		for _, r := range want {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, _, err := Open(&b, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, want[i]) {
				t.Fatalf("got %+v, %v, want %+v", got, err, want[i])
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last: %v", err)
		}
	})
}

// The public traces are read whole, and have as many jobs as their publishers say.
func TestPublicTraces(t *testing.T) {
	dir := os.Getenv("DROVER_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	for _, c := range []struct {
		file, format string
		jobs         int
	}{
		{"gaia/pai_1k.csv", "gaia", 1000},
		{"gaia/pai-100k.csv.gz", "gaia", 99_998},
		{"openb/openb_pod_list_default.csv", "openb", 8152},
		{"swf/NASA-iPSC-1993-3.1-cln.swf.gz", "swf", 18_239},
		{"bitbrains/vms.csv.gz", "bitbrains", 50},
		{"surf/tasks_usage_first4days.csv.gz", "surf", 2907},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, c.file))
			if err != nil {
				t.Skipf("no public data: %v; set DROVER_DATA", err)
			}
			defer f.Close()
			r, format, err := Open(f, "")
			if err != nil {
				t.Fatal(err)
			}
			all, err := All(r, 1_000_000)
			if err != nil || format.Name != c.format || len(all) != c.jobs {
				t.Errorf("%d jobs as %s, %v", len(all), format.Name, err)
			}
		})
	}
}

// A trace of any length takes bounded memory.
func TestReadersStream(t *testing.T) {
	const n = 200_000
	in, out := io.Pipe()
	go func() {
		_, err := io.WriteString(out, gaiaHead)
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(out, "%d,%d,1\n", i, i%1000)
		}
		out.CloseWithError(err)
	}()
	r, _, err := Open(in, "")
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	allocated := testing.AllocsPerRun(1, func() {
		for range n / 4 {
			if _, err := r.Next(); err != nil {
				t.Error(err)
				return
			}
			got++
		}
	})
	if perRow := allocated / (n / 4); perRow > 8 {
		t.Errorf("%.1f allocations a row", perRow)
	}
	in.Close()
}

// BenchmarkRead reads rows; the bound is splitting lines.
func BenchmarkRead(b *testing.B) {
	text := gaiaHead + strings.Repeat("123456.0,3600.0,4\n", b.N)
	r, _, err := Open(strings.NewReader(text), "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(18)
	b.ResetTimer()
	for range b.N {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
