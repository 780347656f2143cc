package engine_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestLedgerBalances: over random histories of purchases, sales and retirements, with
// the cell killed and rebuilt from its events in between, every serial ends once, and
// the amounts add up to the microgram.
func TestLedgerBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, journal := engine.New(state.New()), []state.Event(nil)
		bought, ended := map[string]api.Mass{}, map[string]string{}
		for n := range rapid.IntRange(1, 40).Draw(t, "deeds") {
			serial := fmt.Sprint("s", rapid.IntRange(0, 8).Draw(t, "serial"))
			var in engine.Input
			caller := engine.Caller{Key: fmt.Sprint("k", rapid.IntRange(0, 60).Draw(t, "key"), "-", n/rapid.IntRange(1, 3).Draw(t, "again"))}
			deed := rapid.SampledFrom([]string{"", api.OffsetRetired, api.OffsetSold}).Draw(t, "deed")
			amount := api.Mass(rapid.Int64Range(1, 1e12).Draw(t, "amount"))
			if in = (&engine.EndOffset{Caller: caller, Serial: serial, To: deed}); deed == "" {
				in = &engine.BuyOffset{Caller: caller, Offset: api.Offset{Serial: serial, Amount: amount, Vintage: 2025}}
			}
			out, err := e.Step(api.Time(n+1), []engine.Input{in})
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range out.Events {
				switch v := ev.(type) {
				case *state.OffsetBought:
					if bought[v.Offset.Serial] != 0 {
						t.Fatalf("%s was bought twice", serial)
					}
					bought[v.Offset.Serial] = v.Offset.Amount
				case *state.OffsetEnded:
					if ended[v.Serial] != "" || bought[v.Serial] == 0 {
						t.Fatalf("%s was %s, then %s", v.Serial, ended[v.Serial], v.Status)
					}
					ended[v.Serial] = v.Status
				}
			}
			journal = append(journal, out.Events...)
			if rapid.IntRange(0, 4).Draw(t, "kill") == 0 {
				e = replayed(t, journal)
			}
		}
		balance(t, e.ViewLedger(), bought, ended)
		balance(t, replayed(t, journal).ViewLedger(), bought, ended)
	})
}

func replayed(t *rapid.T, journal []state.Event) *engine.Engine {
	st := state.New()
	for _, ev := range journal {
		if err := st.Apply(st.Now, ev); err != nil {
			t.Fatal(err)
		}
	}
	return engine.New(st)
}

func balance(t *rapid.T, v api.LedgerView, bought map[string]api.Mass, ended map[string]string) {
	sums := map[string]api.Micrograms{}
	for serial, amount := range bought {
		sums[ended[serial]] += api.Micrograms(amount)
	}
	if v.Retired != sums[api.OffsetRetired] || v.Sold != sums[api.OffsetSold] || v.Held != sums[""] || v.Net != v.Emitted-v.Retired {
		t.Fatalf("%+v, want %v", v, sums)
	}
}

func TestNothingIsRetiredTwice(t *testing.T) {
	e := engine.New(state.New())
	do := func(in engine.Input) state.Answer {
		out, err := e.Step(1, []engine.Input{in})
		if err != nil {
			t.Fatal(err)
		}
		return out.Answers[0]
	}
	buy := &engine.BuyOffset{Offset: api.Offset{Serial: "VCS-1", Amount: 1e12, Vintage: 2024}}
	retire := &engine.EndOffset{Serial: "VCS-1", To: api.OffsetRetired}
	if a := do(buy); a.Action != "created" {
		t.Fatal(a)
	}
	first := &engine.EndOffset{Caller: engine.Caller{Key: "k"}, Serial: "VCS-1", To: api.OffsetRetired}
	if a, b := do(first), do(first); a.Action != "updated" || a != b {
		t.Errorf("asked again under its key: %+v, then %+v", a, b)
	}
	if a := do(retire); a.Code != state.CodeConflict {
		t.Errorf("retired twice: %+v", a)
	}
	if a := do(buy); a.Code != state.CodeConflict {
		t.Errorf("bought again: %+v", a)
	}
	if v := e.ViewLedger(); v.Retired != 1e12 || v.Net != -1e12 {
		t.Errorf("%+v", v)
	}
}
