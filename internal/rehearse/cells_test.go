package rehearse

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// Cells that share out a demand do what each does alone.
func TestCells(t *testing.T) {
	const head = "{\"drover\":\"trace/v1\"}\n"
	all, parts := head, [2]string{head, head}
	for i := range 100 {
		row := fmt.Sprintf("{\"submit\":%d,\"run\":%d,\"each\":{\"cpu\":\"1\"}}\n", i/2, 10+i%7)
		all += row
		parts[i%2] += row
	}
	of := func(fleet, trace string, cells int) *Report {
		p := plan(t, fleet, trace)
		p.Cells, p.Options.Skip = cells, false
		told := int64(0)
		p.Progress = func(n int64) { told = n }
		r, err := Run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if cells > 1 && told != 100 {
			t.Errorf("of 100 jobs %d were told of", told)
		}
		return r
	}
	both, a, b := of("4x2,8Gi", all, 2), of("2x2,8Gi", parts[0], 1), of("2x2,8Gi", parts[1], 1)
	if both.Tasks != 100 || both.Events != a.Events+b.Events || both.WaitSeconds.Mean == 0 {
		t.Errorf("together %d tasks and %d events, apart %d and %d events", both.Tasks, both.Events, a.Events, b.Events)
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9*want {
			t.Errorf("%s %g, apart %g", what, got, want)
		}
	}
	near("mean wait", both.WaitSeconds.Mean, (a.WaitSeconds.Mean+b.WaitSeconds.Mean)/2)
	near("energy", both.EnergyKWh, a.EnergyKWh+b.EnergyKWh)
	near("core seconds", both.Utilisation.CPU*both.MakespanSeconds*8, 4*(a.Utilisation.CPU*a.MakespanSeconds+b.Utilisation.CPU*b.MakespanSeconds))
	made, err := twin.NewSignal([]twin.Point{{At: 0, Value: 3}, {At: api.Time(5 * api.Second), Value: 40}, {At: api.Time(3 * api.Minute), Value: 2}})
	if err != nil {
		t.Fatal(err)
	}
	sunny := func(fleet, trace string, cells int, made *twin.Signal) *Report {
		p := plan(t, fleet, trace)
		p.Cells, p.Options.Skip, p.Generation = cells, false, map[string]*twin.Signal{"": made}
		r, err := Run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	both, a, b = sunny("4x2,8Gi", all, 2, made), sunny("2x2,8Gi", parts[0], 1, made.Times(0.5)), sunny("2x2,8Gi", parts[1], 1, made.Times(0.5))
	near("generated", both.GeneratedKWh, a.GeneratedKWh+b.GeneratedKWh)
	near("used of it", both.OwnKWh, a.OwnKWh+b.OwnKWh)
	if whole := sunny("4x2,8Gi", all, 1, made); both.OwnKWh == 0 || both.OwnKWh >= both.GeneratedKWh || both.OwnKWh > whole.OwnKWh {
		t.Errorf("of %g kWh two cells use %g, one uses %g", both.GeneratedKWh, both.OwnKWh, whole.OwnKWh)
	}
	p := plan(t, "1x2,8Gi", all)
	p.Cells = 2
	if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "more than 1 nodes") {
		t.Errorf("more cells than nodes: %v", err)
	}
	p = plan(t, "2x2,8Gi", all)
	p.Cells = 2
	if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "without bad rows") {
		t.Errorf("bad rows passed over: %v", err)
	}
}
