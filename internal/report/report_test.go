package report

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files of testdata")

// golden compares an output with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it, then go test ./internal/report -rewrite. Got:\n%s", path, got)
	}
}

const hostile = "\x1b[31mroot\x1b[0m\r\nok\u202e<script>alert(1)</script>\xff\" onload='x"

func sampleTable() *Table {
	t := &Table{Columns: []Column{
		{Title: "NAME"},
		{Title: "STATUS", Tone: StatusTone},
		{Title: "NODE"},
		{Title: "TIME", Right: true},
		{Title: "BYTES", Right: true},
		{Title: "REASON"},
		{Title: "DIGEST", Wide: true},
	}}
	t.Add("render.tiles[7]", "running", "edge-1", "1.24 s", "1.2 MiB", "", "sha256:00aa")
	t.Add("报告生成任务", "succeeded", "云-1", "850 ms", "340 B", "", "sha256:11bb")
	t.Add("train", "pending", "", "", "", "no node fits: 3 lack memory, 2 lack a GPU, 1 is tainted; request 2Gi less memory", "")
	t.Add(hostile, "failed", "device-1", "3 min 20 s", "12.0 GiB", "exit code 1")
	t.Add("e\u0301te\u0301 🚀 emoji", "cancelled", "edge-2", "2 d 3 h", "0 B", "", "", "surplus")
	return t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name  string
		style Style
	}{
		{"piped", Style{}},
		{"width 100", Style{Width: 100}},
		{"width 72", Style{Width: 72}},
		{"width 40", Style{Width: 40}},
		{"wide on 72", Style{Width: 72, Wide: true}},
		{"colour", Style{Width: 100, Colour: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := sampleTable().Render(&b, c.style); err != nil {
				t.Fatal(err)
			}
			fits(t, b.String(), c.style)
			golden(t, "table-"+strings.ReplaceAll(c.name, " ", "-")+".txt", b.Bytes())
		})
	}
}

// fits checks that no line is wider than the terminal, ends in a blank or holds
// a tab.
func fits(t *testing.T, out string, s Style) {
	t.Helper()
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if s.Colour {
			for _, code := range codes {
				line = strings.ReplaceAll(line, "\x1b["+code+"m", "")
			}
			line = strings.ReplaceAll(line, "\x1b[0m", "")
		}
		if limit := s.limit(); limit > 0 && Width(line) > limit {
			t.Errorf("a line is %d wide on a terminal of %d: %q", Width(line), limit, line)
		}
		if strings.ContainsAny(line, "\t\x1b\r") || strings.HasSuffix(line, " ") {
			t.Errorf("a line holds a control character or ends in a blank: %q", line)
		}
	}
}

func TestEmptyTable(t *testing.T) {
	var b bytes.Buffer
	if err := (&Table{Columns: []Column{{Title: "NAME"}}, Empty: "no workloads"}).Render(&b, Style{}); err != nil || b.String() != "no workloads\n" {
		t.Errorf("an empty table gives %q, %v", b.String(), err)
	}
}

// Any table of texts fits any terminal of at least 20 columns.
func TestAnyTableFits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(rt, "columns")
		table := &Table{}
		for i := range n {
			table.Columns = append(table.Columns, Column{Title: fmt.Sprintf("C%d", i)})
		}
		for range rapid.IntRange(0, 6).Draw(rt, "rows") {
			table.Add(rapid.SliceOfN(rapid.StringN(0, 40, 90), 0, n+1).Draw(rt, "row")...)
		}
		s := Style{Width: rapid.IntRange(20, 200).Draw(rt, "width")}
		var b bytes.Buffer
		if err := table.Render(&b, s); err != nil {
			rt.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if w := Width(strings.TrimSuffix(line, "\n")); w > s.Width {
				rt.Fatalf("a line is %d wide on a terminal of %d: %q", w, s.Width, line)
			}
		}
	})
}

func samplePairs() []Pair {
	return []Pair{
		{Key: "workload", Value: "render"},
		{Key: "status", Value: "pending", Tone: Warn},
		{Key: "node"},
		{Key: "why", Value: "3 nodes lack memory, 2 lack a GPU, 1 has a taint that the task does not tolerate; request 2Gi less memory and it fits"},
		{Key: "来自", Value: hostile},
	}
}

func TestPairs(t *testing.T) {
	var b bytes.Buffer
	for _, s := range []Style{{}, {Width: 50}} {
		var one bytes.Buffer
		if err := Pairs(&one, s, samplePairs()); err != nil {
			t.Fatal(err)
		}
		fits(t, one.String(), s)
		fmt.Fprintf(&b, "width %d\n%s\n", s.Width, one.Bytes())
	}
	golden(t, "pairs.txt", b.Bytes())
}

func sampleBars() []Bar {
	return []Bar{
		{Label: "edge-1", Value: 812, Text: "812 ms"},
		{Label: "cloud-eu-central-with-a-long-name", Value: 1240, Text: "1.24 s", Tone: Bad},
		{Label: "device-1", Value: 3, Text: "3.00 ms", Tone: Good},
		{Label: "无", Value: math.NaN(), Text: "unknown"},
		{Label: hostile, Value: -1, Text: "none"},
	}
}

func sampleSpans() []Span {
	ms := func(n int64) api.Duration { return api.Duration(n) * api.Millisecond }
	at := api.Time(1_800_000_000_000_000_000)
	return []Span{
		{"sample (device-1)", at, []Phase{{Queued, ms(40)}, {Fetch, ms(10)}, {Run, ms(3000)}, {Return, ms(60)}}},
		{"clean (edge-1)", at.Add(ms(3110)), []Phase{{Queued, ms(15)}, {Fetch, ms(400)}, {Run, ms(900)}, {Return, ms(210)}}},
		{"instant", at.Add(ms(4000)), []Phase{{Run, 1000}}},
		{"retried", at.Add(ms(1000)), []Phase{{Run, ms(500)}, {"", ms(1000)}, {Run, ms(800)}}},
		{hostile, at.Add(ms(4635)), []Phase{{Queued, ms(700)}, {Run, ms(700)}}},
	}
}

func TestTerminalCharts(t *testing.T) {
	var b bytes.Buffer
	values := []float64{1, 2, 3, 5, 8, 13, math.NaN(), 8, 5, 3, 2, 1}
	for _, s := range []Style{{Width: 80}, {Width: 60, ASCII: true}, {}} {
		var one bytes.Buffer
		if err := Bars(&one, s, sampleBars()); err != nil {
			t.Fatal(err)
		}
		if err := Timeline(&one, s, sampleSpans()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&one, Sparkline(s, values, 40), Sparkline(s, values, 4))
		for line := range strings.Lines(one.String()) {
			if w := Width(strings.TrimSuffix(line, "\n")); s.Width > 0 && w > s.Width {
				t.Errorf("a line is %d wide on a terminal of %d: %q", w, s.Width, line)
			}
			if s.ASCII && strings.ContainsAny(line, "█░▒▓▏▁") {
				t.Errorf("not ASCII: %q", line)
			}
		}
		fmt.Fprintf(&b, "%+v\n%s\n", s, one.Bytes())
	}
	golden(t, "charts.txt", b.Bytes())
}

func TestChartsOfNothing(t *testing.T) {
	var b bytes.Buffer
	for _, err := range []error{Bars(&b, Style{}, nil), Timeline(&b, Style{}, nil), Bars(&b, Style{Width: 1}, sampleBars()), Timeline(&b, Style{Width: 1}, sampleSpans())} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := Sparkline(Style{}, nil, 5); got != "" {
		t.Errorf("a sparkline of nothing is %q", got)
	}
	if got := Sparkline(Style{}, []float64{-math.MaxFloat64, math.MaxFloat64}, 5); got != "▁█" {
		t.Errorf("a sparkline of extremes is %q", got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"报告 é 🚀":          "报告 é 🚀",
		"\x1b[2J":         `\x1b[2J`,
		"a\nb\tc":         `a\x0ab\x09c`,
		"\u009b31m":       `\u009b31m`,
		"user\u202etxt":   `user\u202etxt`,
		"zero\u200bwidth": `zero\u200bwidth`,
		"bad\xff\xfe":     `bad\xff\xfe`,
		"\uFFFD":          "\uFFFD",
		"\U000e0041":      `\U000e0041`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWidthAndTruncate(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		to    int
		cut   string
	}{
		{"abc", 3, 3, "abc"},
		{"abcd", 4, 3, "ab…"},
		{"报告", 4, 3, "报…"},
		{"报告", 4, 2, "…"},
		{"e\u0301te\u0301", 3, 2, "e\u0301…"},
		{"🚀🚀", 4, 4, "🚀🚀"},
		{"abc", 3, 1, "…"},
		{"abc", 3, 0, ""},
		{"", 0, 0, ""},
	} {
		if got := Width(c.in); got != c.width {
			t.Errorf("Width(%q) = %d, want %d", c.in, got, c.width)
		}
		if got := Truncate(c.in, c.to); got != c.cut {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.to, got, c.cut)
		}
	}
}
