package modules_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"drover.dev/internal/demo/modules"
)

// busyMachine is an input of clean.wasm with all that a report can show.
func busyMachine(seconds int) string {
	var b strings.Builder
	b.WriteString(samplesHeader)
	counter := 1_000_000
	for i := range seconds * 10 {
		x := float64(i)
		cpu := 38 + 24*math.Sin(x/17) + 9*math.Sin(x*1.7) + 5*math.Cos(x*3.1)
		memory := 5.2e9 + 4e8*math.Tanh((x-40)/12) + 3e7*math.Sin(x/3)
		counter += 900 + int(400*math.Sin(x/9))
		fmt.Fprintf(&b, "%d,%.2f,%.0f,%d,%.2f,%d\n", i*100, min(100, max(0, cpu)), memory, 16<<30, 1+x/100, counter)
	}
	return b.String()
}

// reportOf runs the two modules as the demo does.
func reportOf(t *testing.T, samples string) string {
	t.Helper()
	first := newTask(t, map[string]string{"samples.csv": samples}).run(t, modules.Clean).wantOK(t)
	second := newTask(t, map[string]string{
		"clean.csv": first.output(t, "clean.csv"), "summary.json": first.output(t, "summary.json"),
	})
	return second.run(t, modules.Report).wantOK(t).output(t, "report.html")
}

// elements parses the page as XML, which catches every tag left open, and counts the elements by name.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("report.html is not well-formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
}

func TestReportIsOneWholePage(t *testing.T) {
	page := reportOf(t, busyMachine(6))
	count := elements(t, page)
	for name, want := range map[string]int{"html": 1, "style": 1, "svg": 2, "path": 6, "tr": 5, "td": 16, "title": 25, "circle": 24} {
		if count[name] != want {
			t.Errorf("%d <%s>, want %d", count[name], name, want)
		}
	}
	for _, forbidden := range []string{"<script", "http:", "https:", "url(", "@import", "nan", "inf", ">-0<"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	for _, part := range []string{
		"prefers-color-scheme:dark", "<b>60</b> rows read", "<b>12</b> windows of 0.5 s", "of 16.0 GiB", "time, seconds", ">percent</text>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestReportDrawsTheNumbers(t *testing.T) {
	// CPU at 25 % all the time: on an axis 0..50 between y = 256 and y = 14 the mean lies at 135.
	page := reportOf(t, samplesHeader+"0,25,1,2,1,1\n100,25,1,2,1,2\n500,25,1,2,1,3\n600,25,1,2,1,4\n")
	if want := `<path class="mean" d="M268.0 135.0L664.0 135.0"/>`; !strings.Contains(page, want) {
		t.Errorf("no %s in the page", want)
	}
}

func TestReportOfLittleData(t *testing.T) {
	cases := map[string]struct {
		samples string
		want    string
	}{
		"one window":       {samplesHeader + "0,25,1,2,1,1\n100,30,1,2,1,2\n", `class="whisker"`},
		"no CPU times":     {samplesHeader + "0,,1,2,,\n100,,1,2,,\n", "no data in this run"},
		"nothing but time": {samplesHeader + "0,,,,,\n100,,,,,\n", "of an unknown total"},
		"a hole":           {samplesHeader + "0,1,1,2,1,1\n100,1,1,2,1,1\n90000,1,1,2,1,1\n90100,1,1,2,1,1\n", `class="whisker"`},
		"a terabyte":       {samplesHeader + "0,1,1000000000000,1100000000000,1,1\n100,1,1000000000001,1100000000000,1,1\n", "of 1024.5 GiB"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			page := reportOf(t, c.samples)
			elements(t, page)
			if !strings.Contains(page, c.want) {
				t.Errorf("the page lacks %q", c.want)
			}
			if strings.Contains(page, "nan") || strings.Contains(page, "inf") {
				t.Error("the page shows a number that is none")
			}
		})
	}
}

func TestReportRefuses(t *testing.T) {
	first := newTask(t, map[string]string{"samples.csv": busyMachine(2)}).run(t, modules.Clean).wantOK(t)
	csv, json := first.output(t, "clean.csv"), first.output(t, "summary.json")
	lines := strings.Split(csv, "\n")
	cases := map[string]struct {
		csv, json string
		code      int
		want      string
	}{
		"no summary":         {csv, "", 2, "/in/summary.json: line 1: expected an object"},
		"not JSON":           {csv, "hello", 2, `line 1: expected an object at "hello"`},
		"JSON cut off":       {csv, json[:len(json)-3], 2, "line 30: expected a comma or the object's end"},
		"JSON with text":     {csv, "{\n\"a\": 1,\n\"b\": \"x\"}", 2, "line 3: expected a number or null"},
		"JSON number":        {csv, `{"a": 1.2.3}`, 2, "expected a number or null at \"1.2.3}\""},
		"JSON twice":         {csv, json + "{}", 2, "expected the end of the file"},
		"JSON of many keys":  {csv, "{" + strings.Repeat(`"a":1,`, 100), 2, "at most 64 entries"},
		"a giant key":        {csv, `{"` + strings.Repeat("k", 5000), 2, "a key of 1 to 31 letters"},
		"no window length":   {csv, `{"a": 1}`, 2, "windowMs is missing"},
		"no windows":         {lines[0] + "\n", json, 2, "/in/clean.csv: line 2: there is no window"},
		"another header":     {"a,b\n", json, 2, `/in/clean.csv: line 1: header is "a,b...`},
		"a field is missing": {lines[0] + "\n1,2,3\n", json, 2, "line 2: has not 18 fields"},
		"a field is text":    {lines[0] + "\n" + strings.Replace(lines[1], ",", ",<b>", 1), json, 2, `line 2: field 2 is "<b>`},
		"time runs back":     {csv + lines[1] + "\n", json, 2, "line 6: start_ms does not rise"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k := newTask(t, map[string]string{"clean.csv": c.csv, "summary.json": c.json})
			k.run(t, modules.Report).wantRefusal(t, c.code, "report: ", c.want)
		})
	}
	t.Run("no file", func(t *testing.T) {
		newTask(t, nil).run(t, modules.Report).wantRefusal(t, 1, "/in/summary.json: cannot be opened")
	})
}
