package state_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// TestBooksAddUp: what attempts took is in the book of their tenant, to the microjoule.
func TestBooksAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := state.New()
		var id uint64
		sums := map[string]*state.Book{}
		costs := map[string]map[string]int64{}
		for range rapid.IntRange(1, 30).Draw(t, "attempts") {
			tenant := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "tenant")
			id++
			f := footprint(t)
			must(t, st.Apply(api.Time(id), &state.WorkloadSubmitted{ID: id, Spec: &api.Workload{
				Name: fmt.Sprint("w", id), Tenant: tenant, Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: "noop"}},
			}}))
			ref := api.TaskRef{Workload: id}
			must(t, st.Apply(api.Time(id), &state.NodeRegistered{Node: api.Node{Name: "n"}}))
			must(t, st.Apply(api.Time(id), &state.TaskPlaced{Ref: ref, Try: 1, Node: "n"}))
			must(t, st.Apply(api.Time(id), &state.TaskEnded{
				Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Result: &api.Result{}, Next: api.TaskSucceeded, Took: f,
			}))
			b := sums[tenant]
			if b == nil {
				b, costs[tenant] = &state.Book{}, map[string]int64{}
				sums[tenant] = b
			}
			b.Attempts++
			b.Measured += f.Energy
			b.Generated += f.Generated
			if f.Carbon != nil {
				b.Carbon += *f.Carbon
			} else {
				b.Unknown += f.Energy - f.Generated
			}
			if f.Cost != nil {
				costs[tenant][f.Cost.Currency] += f.Cost.Micro
			}
		}
		for tenant, want := range sums {
			got := st.Books[tenant]
			if got.Attempts != want.Attempts || got.Measured+got.Modelled+got.Assumed != want.Measured || got.Carbon != want.Carbon || got.Unknown != want.Unknown || got.Generated != want.Generated {
				t.Fatalf("%+v, want %+v", got, want)
			}
			for _, m := range got.Costs {
				if costs[tenant][m.Currency] != m.Micro {
					t.Fatalf("%v, want %v", got.Costs, costs[tenant])
				}
			}
		}
	})
}

func footprint(t *rapid.T) *api.Footprint {
	f := &api.Footprint{
		Energy: api.Microjoules(rapid.Int64Range(0, 1e15).Draw(t, "energy")),
		Basis:  rapid.SampledFrom([]string{api.BasisMeasured, api.BasisModelled, api.BasisAssumed}).Draw(t, "basis"),
	}
	if rapid.Bool().Draw(t, "made on site") {
		f.Generated = api.Microjoules(rapid.Int64Range(0, int64(f.Energy)).Draw(t, "generated"))
	}
	if rapid.Bool().Draw(t, "grid") {
		g := api.Micrograms(rapid.Int64Range(0, 1e12).Draw(t, "carbon"))
		f.Carbon = &g
	}
	if rapid.Bool().Draw(t, "contract") {
		g := api.Micrograms(rapid.Int64Range(0, 1e12).Draw(t, "market"))
		f.Market = &g
	}
	if rapid.Bool().Draw(t, "declared") {
		g := api.Micrograms(rapid.Int64Range(0, 1e12).Draw(t, "embodied"))
		f.Embodied = &g
	}
	if f.Carbon != nil && f.Basis == api.BasisMeasured {
		f.CarbonBasis = rapid.SampledFrom([]string{"", api.BasisModelled, api.BasisAssumed}).Draw(t, "carbon basis")
	}
	if c := rapid.SampledFrom([]string{"", "EUR", "USD"}).Draw(t, "currency"); c != "" {
		f.Cost = &api.Money{Micro: rapid.Int64Range(-1e9, 1e9).Draw(t, "cost"), Currency: c}
	}
	return f
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
