package rehearse

import (
	"fmt"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// TestBudgetsOfARehearsal: a tenant declared for a rehearsal has its budgets held, and the
// report says what was taken of them window by window, which sums to what was emitted.
func TestBudgetsOfARehearsal(t *testing.T) {
	trace := "{\"drover\":\"trace/v1\"}\n"
	for i := range 40 {
		trace += fmt.Sprintf("{\"submit\":%d,\"run\":1200,\"each\":{\"cpu\":\"1\"}}\n", i*600)
	}
	work, _, err := ReadWork(strings.NewReader(trace), Options{})
	if err != nil {
		t.Fatal(err)
	}
	begin := api.Time(1_700_006_400e9) // midnight
	carbon, err := twin.NewSignal([]twin.Point{{At: begin.Add(-30 * api.Day), Value: 500}, {At: begin.Add(30 * api.Day), Value: 500}})
	if err != nil {
		t.Fatal(err)
	}
	lab := func(amount api.Mass) []api.Tenant {
		return []api.Tenant{{Name: api.AllTenants, Budgets: []api.Budget{{Carbon: amount, Window: 2 * api.Hour, Then: api.BudgetDefer}}}}
	}
	compare := func(amount api.Mass) BudgetReport {
		got, err := Compare(t.Context(), Comparison{
			Plan: Plan{
				Fleet: Fleet{
					Sites: []api.Site{{Name: "hall", Layer: api.LayerCloud, Zone: "DE"}},
					Nodes: []api.Node{{Name: "n", Site: "hall", Layer: api.LayerCloud, Speed: 1000, Capacity: api.Resources{CPU: 8000, Memory: api.GiB}, Power: &api.PowerModel{Full: 80_000}}},
				},
				Start: begin, Carbon: map[string]*twin.Signal{"": carbon}, Exact: true, Tenants: lab(amount), Check: true,
			},
			Work: work, Strategies: []string{"greedy"}, Seeds: 1, Workers: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := got.Strategies[0].Runs[0]
		if len(r.Budgets) != 1 || len(r.Budgets[0].Windows) < 3 || r.Unfinished+r.Failed > 0 {
			t.Fatalf("%+v", r)
		}
		sum := 0.0
		for _, w := range r.Budgets[0].Windows {
			sum += w.Kg
		}
		if sum < 0.95*r.CarbonKg || sum > 1.001*r.CarbonKg {
			t.Errorf("windows sum to %g of %g kg", sum, r.CarbonKg)
		}
		return r.Budgets[0]
	}
	ample, tight := compare(api.MaxBudgeted), compare(5e6) // 1.67 g a job
	if len(tight.Windows) <= len(ample.Windows) {
		t.Errorf("with little it takes %d windows, and with much %d", len(tight.Windows), len(ample.Windows))
	}
	for _, w := range tight.Windows {
		if w.Kg > tight.Kg {
			t.Errorf("in a window %g kg are taken of %g", w.Kg, tight.Kg)
		}
	}
}
