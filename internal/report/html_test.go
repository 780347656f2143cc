package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"drover.dev/api"
)

// samplePage shows everything that a page can hold.
func samplePage(t *testing.T) *Page {
	t.Helper()
	p := &Page{Title: "Report of render", Subtitle: "drover v1, 2026-11-21"}
	p.Section("Summary")
	p.Text("A hostile name: " + hostile)
	p.Pairs(samplePairs())
	p.Section("Tasks")
	p.Table(sampleTable())
	p.Table(&Table{Empty: "no failures"})
	p.Section("Time")
	p.Timeline("Phases of each task", sampleSpans())
	p.Bars("Run time by node", sampleBars())
	p.Section("Forecast")
	p.Lines("CPU use with an 80 % interval", sampleLines())
	p.Lines("Nothing measured", &LineChart{Series: []Series{{Name: "x", X: []float64{1}, Y: []float64{math.NaN()}}}})
	dot := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x25\x63\xc9\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	if err := p.Image("a dot", "image/gif", dot); err != nil {
		t.Fatal(err)
	}
	return p
}

func sampleLines() *LineChart {
	use := Series{Name: "use"}
	other := Series{Name: "persistence <b>"}
	for i := range 120 {
		x := float64(i)
		y := 50 + 30*math.Sin(x/12)
		use.X, use.Y = append(use.X, x), append(use.Y, y)
		use.Low, use.High = append(use.Low, y-x/12), append(use.High, y+x/12)
		if i >= 40 && i < 50 {
			y = math.NaN()
		}
		other.X, other.Y = append(other.X, x), append(other.Y, y+8)
	}
	return &LineChart{
		Series: []Series{use, other}, FromZero: true, YLabel: "CPU, %", XLabel: "time",
		FormatX: func(v float64) string { return Duration(api.Duration(v) * api.Minute) },
	}
}

func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := samplePage(t).Render(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "page.html", b.Bytes())
}

// What tenants write stays text: the page is well-formed, and holds no element
// or attribute beyond those that this package writes.
func TestPageIsWellFormedAndInert(t *testing.T) {
	var b bytes.Buffer
	if err := samplePage(t).Render(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.ContainsAny(page, "\x1b\u202e") {
		t.Error("control characters reached the page")
	}
	_, body, _ := strings.Cut(page, "<body>")
	body, _, _ = strings.Cut(body, "</body>")
	d := xml.NewDecoder(strings.NewReader("<body>" + strings.ReplaceAll(body, "\">\n</figure>", "\"/>\n</figure>") + "</body>"))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			inert(t, e)
		}
	}
}

func inert(t *testing.T, e xml.StartElement) {
	t.Helper()
	switch e.Name.Local {
	case "script", "iframe", "object", "a", "b", "link":
		t.Errorf("the page holds <%s>", e.Name.Local)
	}
	for _, a := range e.Attr {
		if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "src" && !strings.HasPrefix(a.Value, "data:image/") {
			t.Errorf("<%s> has %s=%q", e.Name.Local, a.Name.Local, a.Value)
		}
	}
}

func TestImageIsRefused(t *testing.T) {
	p := &Page{}
	if err := p.Image("x", `image/svg+xml`, nil); err == nil {
		t.Error("took SVG, which can hold scripts")
	}
	if err := p.Image("x", "image/png", make([]byte, MaxImage+1)); err == nil {
		t.Error("took a picture above the limit")
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 100, "[0 20 40 60 80 100]"},
		{0, 1, "[0 0.2 0.4 0.6000000000000001 0.8 1]"},
		{-7, 3, "[-6 -4 -2 0 2]"},
		{5, 5, "[5]"},
		{0, math.Inf(1), "[0]"},
	} {
		if got := fmt.Sprint(ticks(c.low, c.high, 5)); got != c.want {
			t.Errorf("ticks(%v, %v) = %s, want %s", c.low, c.high, got, c.want)
		}
	}
	for _, end := range []api.Duration{0, 1, 999, api.Second, 50 * api.Second, 59 * api.Minute, 23 * api.Hour, 400 * api.Day, math.MaxInt64} {
		if n := len(durationTicks(end, 6)); n < 1 || n > 6 {
			t.Errorf("%s has %d ticks", Duration(end), n)
		}
	}
}

// A spike in a long series is still drawn.
func TestExtremesKeepSpikes(t *testing.T) {
	values := make([]float64, 100_000)
	values[77_777] = 5
	kept := extremes(values, 50)
	if len(kept) > 2*maxPoints {
		t.Errorf("%d points are kept", len(kept))
	}
	for i, at := range kept {
		if at == 77_777 {
			return
		}
		if i > 0 && at <= kept[i-1] {
			t.Fatal("positions are not rising")
		}
	}
	t.Error("the spike is gone")
}

func TestChartsOfAnything(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []*LineChart{
		{},
		{Series: []Series{{}}},
		{Series: []Series{{X: []float64{1, 2}, Y: []float64{inf}}}},
		{Series: []Series{{X: []float64{-math.MaxFloat64, math.MaxFloat64}, Y: []float64{-math.MaxFloat64, math.MaxFloat64}}}},
		{Series: []Series{{X: []float64{3}, Y: []float64{3}, Low: []float64{inf}, High: []float64{inf}}}},
		{Series: make([]Series, 99)},
	} {
		if out := lineSVG(c).svg("x"); strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
			t.Errorf("a chart holds a number that is none: %s", out)
		}
	}
	long := make([]Span, maxRows+7)
	if out := timelineSVG(long).svg("x"); !strings.Contains(out, "and 7 more") {
		t.Error("rows were left out in silence")
	}
}
