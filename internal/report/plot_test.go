package report

import (
	"math"
	"strings"
	"testing"
)

func TestPlot(t *testing.T) {
	for _, c := range []struct {
		name string
		plot Plot
		want string
	}{
		{"rising, with a gap", Plot{Values: []float64{0, 1, 2, math.NaN(), 4}, Rows: 2, From: "a", To: "b"}, "4 |    #\n0 |### #\n   a   b\n"},
		{"level", Plot{Values: []float64{3, 3, 3}, Rows: 1}, "3 |###\n"},
		{"nothing", Plot{Values: []float64{math.NaN()}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := c.plot.Render(&b, Style{ASCII: true}); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
			}
		})
	}
}

// Whatever the values are, a plot is no wider than its terminal.
func TestPlotOfAnything(t *testing.T) {
	values := []float64{math.MaxFloat64, -math.MaxFloat64, math.Inf(1), 0, math.SmallestNonzeroFloat64}
	for range 6 {
		values = append(values, values...)
	}
	var b strings.Builder
	if err := (&Plot{Values: values, From: "x", To: "y"}).Render(&b, Style{Width: 60}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 60 {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
}

func TestPlotOfWhatIsExpected(t *testing.T) {
	p := Plot{Values: []float64{1, 2, 4, 2}, Expected: 3, Rows: 2}
	var b strings.Builder
	if err := p.Render(&b, Style{}); err != nil {
		t.Fatal(err)
	}
	if want := "4 │  █ \n0 │▄██░\n"; b.String() != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", b.String(), want)
	}
}
