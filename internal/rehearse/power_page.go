package rehearse

import (
	"fmt"
	"io"

	"drover.dev/internal/report"
)

// Pairs is the report's summary.
func (r *PowerReport) Pairs() []report.Pair {
	percent := func(v float64) string { return fmt.Sprintf("%.2f %%", v) }
	return []report.Pair{
		{Key: "samples", Value: fmt.Sprintf("%s readings, %s tasks on %s hosts", report.Count(int64(r.Samples)), report.Count(int64(r.Tasks)), report.Count(int64(r.Hosts)))},
		{Key: "calibrated", Value: percent(r.MAPE.Calibrated) + " mean absolute error; within 10 %: " + fmt.Sprintf("%.1f %% of the readings", r.Within10)},
		{Key: "day ahead", Value: percent(r.MAPE.DayAhead) + ", without the meter of that day"},
		{Key: "persistence", Value: percent(r.MAPE.Persistence)},
		{Key: "uncalibrated", Value: percent(r.MAPE.Uncalibrated) + ", the topology's own power models"},
		{Key: "interval", Value: fmt.Sprintf("%.0f %%: covers %.1f %% of the readings, ± %.1f %% wide", r.Interval.Level, r.Interval.Coverage, r.Interval.HalfWidth)},
		{Key: "computed in", Value: fmt.Sprintf("%.2f s", r.Seconds)},
	}
}

// Table puts the forms of the model side by side.
func (r *PowerReport) Table() *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "A HOST AT USE X"},
		{Title: "ERROR", Right: true},
		{Title: "CHOSEN", Right: true},
		{Title: "IDLE (ALL)", Right: true},
		{Title: "C", Right: true},
		{Title: "A", Right: true},
		{Title: "B", Right: true},
		{Title: "D", Right: true},
	}}
	for _, m := range r.Models {
		watts := func(v float64) string {
			if v == 0 {
				return "–"
			}
			return fmt.Sprintf("%.0f W", v)
		}
		t.Add(m.Formula, fmt.Sprintf("%.2f %%", m.MAPE), fmt.Sprint(m.Chosen), fmt.Sprintf("%.0f W", m.Idle),
			watts(m.Busy), watts(m.Use), watts(m.Root), watts(m.Square))
	}
	return t
}

// Page writes the report as one self-contained HTML page.
func (r *PowerReport) Page(w io.Writer, subtitle string) error {
	p := &report.Page{Title: "What a cluster draws, predicted", Subtitle: subtitle}
	p.Pairs(r.Pairs())
	p.Section("Measured and predicted")
	hours := make([]float64, len(r.At))
	for i, at := range r.At {
		hours[i] = at.Std().Hours()
	}
	p.Lines("Power, in kW, by hours from the first submission", &report.LineChart{
		Series: []report.Series{
			{Name: "measured", X: hours, Y: kilo(r.Measured)},
			{Name: "calibrated", X: hours, Y: kilo(r.Predicted)},
			{Name: "day ahead", X: hours, Y: kilo(r.Without)},
		},
		XLabel: "h", YLabel: "kW",
	})
	p.Section("Forms of the model")
	p.Table(r.Table())
	p.Text("Each calibration takes the form that predicted best over the window before it. The coefficients are those of the last calibration.")
	p.Section("Published shapes")
	p.Table(r.ShapeTable())
	p.Text("Each shape is fitted to the same readings, with an idle power of all machines and a rise from idle to full of each; they are for comparison only.")
	return p.Render(w)
}

func kilo(watts []float64) []float64 {
	out := make([]float64, len(watts))
	for i, v := range watts {
		out[i] = v / 1000
	}
	return out
}
