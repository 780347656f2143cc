package rehearse

import (
	"reflect"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/report"
)

// A strategy in the shadow is asked about each placement, and changes nothing.
func TestBeside(t *testing.T) {
	run := func(present, shadow string, declared ...api.Strategy) *Compared {
		t.Helper()
		got, err := Compare(t.Context(), Comparison{
			Plan: Plan{Fleet: outlying(), Shadow: shadow, Declared: declared, Check: true}, Work: leaving(40, 1<<20), Strategies: []string{present}, Seeds: 2, Jitter: 0.1, Workers: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain, beside := run("best-fit", ""), run("best-fit", "worst-fit")
	if !reflect.DeepEqual(plain.Strategies[0].Metrics, beside.Strategies[0].Metrics) {
		t.Errorf("with a shadow it came to %+v, without to %+v", beside.Strategies[0].Metrics, plain.Strategies[0].Metrics)
	}
	b := beside.Strategies[0].Shadow
	// All go to the large node, which is four times as fast and behind a link; the node that
	// was taken is scored, too.
	if b == nil || b.Strategy != "worst-fit" || b.Decisions != 80 || b.Differ != 80 || b.Refused != 0 || b.Scored != 80 || b.Gain <= 0 || b.Candidate >= b.Present || b.Faster != 80 {
		t.Fatalf("in the shadow: %+v", b)
	}
	sum := 0.0
	for _, term := range b.Terms {
		sum += term.By
	}
	if sum < b.Gain*0.999 || sum > b.Gain*1.001 {
		t.Errorf("the terms %+v come to %g of %g", b.Terms, sum, b.Gain)
	}
	if text := b.Text("best-fit"); text != "Beside best-fit, worst-fit would have placed 80 of 80 elements on another node (100.0 %), and 0 on none." {
		t.Error(text)
	}
	var table strings.Builder
	if err := beside.ShadowTable().Render(&table, report.Style{}); err != nil || !strings.Contains(table.String(), b.Terms[0].Term) {
		t.Errorf("%v: %s", err, table.String())
	}
	if again := run("best-fit", "worst-fit").Strategies[0].Shadow; !reflect.DeepEqual(again, b) {
		t.Errorf("the second time: %+v", again)
	}
	if plain.Strategies[0].Shadow != nil || plain.ShadowTable() != nil || run("best-fit", "best-fit").Strategies[0].Shadow != nil {
		t.Error("there is a shadow where none was asked for, or of a strategy beside itself")
	}
	// One that weighs the same otherwise decides the same, on every state.
	twice := api.Strategy{Name: "twice", Terms: []api.StrategyTerm{{Term: "fit", Weight: 2}}}
	twice.Normalize()
	once := api.Strategy{Name: "once", Terms: []api.StrategyTerm{{Term: "fit", Weight: 1}}}
	once.Normalize()
	if same := run("once", "twice", once, twice).Strategies[0].Shadow; same.Decisions != 80 || same.Differ+same.Refused+same.Faster+same.Slower != 0 || same.Gain != 0 {
		t.Errorf("of the same weights: %+v", same)
	}
}
