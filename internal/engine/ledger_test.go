package engine_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestLedgerBalances: over random histories of purchases, sales and retirements of
// offsets and certificates, with the cell killed in between, every serial ends once, and
// the amounts add up to the microgram and the microjoule. A cell that is killed before
// its events were written knows nothing of them when it is rebuilt; one that is killed
// behind that has answered nobody. Either way its caller asks again under the same key.
func TestLedgerBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, journal := engine.New(state.New()), []state.Event(nil)
		bought, ended, kinds := map[string]api.Mass{}, map[string]string{}, map[string]string{}
		for n := range rapid.IntRange(1, 40).Draw(t, "deeds") {
			serial := fmt.Sprint("s", rapid.IntRange(0, 8).Draw(t, "serial"))
			var in engine.Input
			caller := engine.Caller{Key: fmt.Sprint("k", rapid.IntRange(0, 60).Draw(t, "key"), "-", n/rapid.IntRange(1, 3).Draw(t, "again"))}
			deed := rapid.SampledFrom([]string{"", api.OffsetRetired, api.OffsetSold}).Draw(t, "deed")
			amount := api.Mass(rapid.Int64Range(1, 1e12).Draw(t, "amount"))
			if in = (&engine.EndOffset{Caller: caller, Serial: serial, To: deed}); deed == "" {
				o := api.Offset{Serial: serial, Amount: amount, Vintage: 2025}
				if rapid.Bool().Draw(t, "certificate") {
					o = api.Offset{Serial: serial, Kind: api.Certificate, Energy: api.Energy(amount), Zone: "DE", Vintage: 2025}
				}
				in = &engine.BuyOffset{Caller: caller, Offset: o}
			}
			step := func() engine.Output {
				out, err := e.Step(api.Time(n+1), []engine.Input{in})
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			out := step()
			switch rapid.IntRange(0, 5).Draw(t, "killed") {
			case 0: // before the events were written
				e = replayed(t, journal)
				out = step()
			case 1: // behind it, before the answer
				journal = append(journal, out.Events...)
				e = replayed(t, journal)
				if again := step(); caller.Key != "" && len(again.Events) > 0 && out.Answers[0].Code == state.CodeOK {
					t.Fatalf("asked again under its key: %T", again.Events[0])
				}
				journal = journal[:len(journal)-len(out.Events)] // appended once, below
			}
			for _, ev := range out.Events {
				switch v := ev.(type) {
				case *state.OffsetBought:
					if bought[v.Offset.Serial] != 0 {
						t.Fatalf("%s was bought twice", serial)
					}
					bought[v.Offset.Serial] = v.Offset.Amount + api.Mass(v.Offset.Energy)
					kinds[v.Offset.Serial] = v.Offset.Kind
				case *state.OffsetEnded:
					if ended[v.Serial] != "" || bought[v.Serial] == 0 {
						t.Fatalf("%s was %s, then %s", v.Serial, ended[v.Serial], v.Status)
					}
					ended[v.Serial] = v.Status
				}
			}
			journal = append(journal, out.Events...)
		}
		balance(t, e.ViewLedger(), bought, ended, kinds)
		balance(t, replayed(t, journal).ViewLedger(), bought, ended, kinds)
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

func balance(t *rapid.T, v api.LedgerView, bought map[string]api.Mass, ended, kinds map[string]string) {
	sums, energy := map[string]api.Micrograms{}, map[string]api.Microjoules{}
	for serial, amount := range bought {
		if kinds[serial] == api.Certificate {
			energy[ended[serial]] += api.Microjoules(amount)
		} else {
			sums[ended[serial]] += api.Micrograms(amount)
		}
	}
	if v.Retired != sums[api.OffsetRetired] || v.Sold != sums[api.OffsetSold] || v.Held != sums[""] || v.Net != v.Emitted+v.Embodied-v.Retired {
		t.Fatalf("%+v, want %v", v, sums)
	}
	if c := v.Certificates; c.Retired != energy[api.OffsetRetired] || c.Sold != energy[api.OffsetSold] || c.Held != energy[""] {
		t.Fatalf("%+v, want %v", c, energy)
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
