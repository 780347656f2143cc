package engine_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// TestAttemptsCannotRunLongerThanTheyWereThere: a node that says its attempt ran for ten
// years, seconds after it got it, fills no book with them.
func TestAttemptsCannotRunLongerThanTheyWereThere(t *testing.T) {
	n := bigNode("liar")
	n.Power = &api.PowerModel{Idle: 100_000, Full: 300_000}
	b := newBulk(t, n)
	b.step(submit(jobOf("job", 1)))
	at := b.placed[0].at
	b.step(&engine.Reports{Node: "liar", Reports: []api.Report{
		{Attempt: at, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: api.MaxDuration, CPU: api.MaxDuration, Energy: 1 << 62}},
	}})
	book := b.e.State().Books[api.DefaultTenant]
	if most := api.Microjoules(2 * 60 * 300_000_000); book == nil || book.Modelled <= 0 || book.Modelled > most || book.Measured != 0 {
		t.Errorf("the book is %+v; at most two minutes at 300 W, %d µJ, can be true", book, most)
	}
}
