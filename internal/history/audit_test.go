package history_test

import (
	"strings"
	"testing"

	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/state"
)

// A record whose events do not follow from its inputs is named, with the first
// event that differs; the records after it are folded all the same.
func TestADivergenceIsNamed(t *testing.T) {
	c := aCell(t, 2)
	c.record(nil, []state.Event{&state.NodeSilent{Node: "n1"}})
	c.record(nil, []state.Event{&state.NodeBack{Node: "n1"}})
	var steps []history.Step
	r, err := c.source().Replay(t.Context(), 0, "", func(s history.Step) { steps = append(steps, s) })
	if err != nil || r.Records != 6 || r.Audited != 5 || len(r.Divergences) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	d := r.Divergences[0]
	if d.Record != 5 || d.Event != 0 || d.Got != "" || !strings.HasPrefix(d.Want, "NodeSilent ") {
		t.Errorf("%+v", d)
	}
	if steps[3].Audited != true || steps[4].Audited || steps[5].Audited {
		t.Errorf("audited are %+v", steps)
	}
	t.Logf("%d records, %d audited, %d divergences: %s", r.Records, r.Audited, len(r.Divergences), d)
}

// After a divergence the audit begins again at the next epoch.
func TestTheAuditGoesOnWithTheNextEpoch(t *testing.T) {
	c := aCell(t, 1)
	c.record(nil, []state.Event{&state.NodeSilent{Node: "n1"}})
	st, _, err := c.source().At(t.Context(), c.at.N)
	if err != nil {
		t.Fatal(err)
	}
	c.engine = engine.New(st)
	c.step(&engine.Lead{Epoch: 2, Server: "s"})
	c.step(&engine.Back{Node: "n1"})
	r, err := c.source().Replay(t.Context(), 0, "", func(history.Step) {})
	if err != nil || r.Records != 6 || r.Audited != 6 || len(r.Divergences) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What another build decided otherwise is no divergence of this one.
func TestAnotherBuildMayDecideOtherwise(t *testing.T) {
	c := aCell(t, 2)
	c.record(nil, []state.Event{&state.NodeSilent{Node: "n1"}})
	r, err := c.source().Replay(t.Context(), 0, "another", func(history.Step) {})
	if err != nil || r.Records != 5 || r.Audited != 4 || len(r.Divergences) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
