package sched

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

// cheapest tries every way to run in pieces, and is what running like that costs, with
// the wait counted as Fit does.
func cheapest(h *Hours, r Run, f *fitter, i, left, rested int, runs bool) int64 {
	if left == 0 {
		return 0
	}
	if i == len(h.Costs) {
		return forbidden
	}
	best, begun := int64(forbidden), r.Begun || left < r.Pieces
	if runs || begun || !r.Closed.Has(i) {
		best = sum(h.Costs[i], cheapest(h, r, f, i+1, left-1, rested, true))
	}
	if begun {
		rested++
	}
	if (!runs || r.Held) && (r.Rests == 0 || rested <= r.Rests) {
		best = min(best, sum(f.wait+f.idle(i, left, runs), cheapest(h, r, f, i+1, left, rested, false)))
	}
	return best
}

// TestFitIsCheapest: no way to run costs less than the one that is found.
func TestFitIsCheapest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &Hours{Step: api.Hour, Costs: rapid.SliceOfN(rapid.Int64Range(-200, 1000), 1, 9).Draw(t, "costs")}
		closed := rapid.SliceOfN(rapid.Bool(), len(h.Costs), len(h.Costs)).Draw(t, "closed")
		r := Run{
			Pieces: rapid.IntRange(1, len(h.Costs)).Draw(t, "pieces"), Held: rapid.Bool().Draw(t, "held"), Keep: rapid.Int64Range(0, 300).Draw(t, "keep"),
			Stop: rapid.Int64Range(0, 1000).Draw(t, "stop"), Rests: rapid.IntRange(0, 5).Draw(t, "rests"),
		}
		for i := range closed {
			if closed[i] {
				r.Closed.Add(i)
			}
		}
		if r.Begun = rapid.Bool().Draw(t, "begun"); r.Begun {
			r.Running = rapid.Bool().Draw(t, "running")
		}
		f := newFitter(h, r)
		want := cheapest(h, r, f, 0, r.Pieces, 0, r.Running)
		f.solve()
		if got := f.best[f.at(r.Pieces, 0, r.Running)]; got != want {
			t.Fatalf("it costs %d instead of %d", got, want)
		}
		fit, ok := h.Fit(r)
		if ok != (want < forbidden) {
			t.Fatalf("it fits: %t, and the cheapest way costs %d", ok, want)
		}
		if ok && r.Begun && r.Rests > 0 && fit.First > r.Rests {
			t.Fatalf("it stands still for %d pieces of %d", fit.First, r.Rests)
		}
		if ok && (fit.First < 0 || fit.Until <= fit.First || fit.Until-fit.First > r.Pieces || !r.Held && fit.Stops > 0) {
			t.Fatalf("%+v", fit)
		}
	})
}

func TestFit(t *testing.T) {
	costs := []int64{400, 380, 390, 100, 100, 300, 100, 400}
	var closed Pieces
	closed.Add(3)
	closed.Add(4)
	for _, c := range []struct {
		name  string
		run   Run
		first int
		until int
		stops int
		saves int32
	}{
		{"an hour waits for the cleanest", Run{Pieces: 1}, 3, 4, 0, -75},
		{"three hours in one piece", Run{Pieces: 3}, 3, 6, 0, -57},
		{"or in two over two dirty hours, where it may stand still for so long", Run{Pieces: 2, Begun: true, Running: true, Held: true, Rests: 3}, 3, 5, 1, -74},
		{"and for two hours only the half of it reaches them", Run{Pieces: 2, Begun: true, Running: true, Held: true, Rests: 2}, 1, 2, 2, -38},
		{"and in two, over a dirty hour", Run{Pieces: 3, Held: true}, 3, 5, 1, -74},
		{"unless a stop costs as much", Run{Pieces: 3, Held: true, Stop: 900}, 3, 6, 0, -57},
		{"who runs stops at once for an hour that is much better", Run{Pieces: 1, Begun: true, Running: true, Held: true}, 3, 4, 1, -75},
		{"who cannot stop runs on", Run{Pieces: 1, Begun: true, Running: true}, 0, 1, 0, 0},
		{"where others wait already there is no room", Run{Pieces: 1, Closed: closed}, 6, 7, 0, -75},
		{"all hours are needed", Run{Pieces: 8, Held: true}, 0, 8, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &Hours{Step: api.Hour, Costs: costs}
			fit, ok := h.Fit(c.run)
			if !ok || fit.First != c.first || fit.Until != c.until || fit.Stops != c.stops || fit.Saves() != c.saves {
				t.Errorf("%+v saves %d, %t", fit, fit.Saves(), ok)
			}
		})
	}
	if _, ok := (&Hours{Step: api.Hour, Costs: costs}).Fit(Run{Pieces: 9}); ok {
		t.Error("what is longer than the time fits")
	}
}

// Hours are cut at whole steps, finely enough and not too finely.
func TestHours(t *testing.T) {
	x := New()
	x.PutSite(api.Site{Name: "bonn", Layer: api.LayerCloud, Zone: "DE"})
	day := api.Time(20_000 * api.Day)
	if _, why := x.Hours("bonn", api.ObjectiveCarbon, day, day.Add(api.Day)); why != "no forecast of carbon is known for site bonn" {
		t.Errorf("without a signal: %q", why)
	}
	carbon := &api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: day, Step: api.Hour, Values: make([]int64, 48)}
	price := &api.Signal{Kind: api.SignalPrice, Zone: "DE", Currency: "EUR", Start: day, Step: api.Hour, Values: make([]int64, 30)}
	for i := range carbon.Values {
		carbon.Values[i] = int64(i)
	}
	for i := range price.Values {
		price.Values[i] = -7
	}
	x.PutSignal(carbon)
	x.PutSignal(price)
	now := day.Add(20 * api.Minute)
	for _, c := range []struct {
		by    api.Objective
		to    api.Duration
		says  api.Objective
		step  api.Duration
		cuts  int
		first int64
	}{
		{api.ObjectiveCarbon, 24 * api.Hour, api.ObjectiveCarbon, 30 * api.Minute, 47, 0},
		{api.ObjectiveCarbon, 72 * api.Hour, api.ObjectiveCarbon, api.Hour, 48, 0},
		{api.ObjectiveCarbon, 30 * api.Minute, api.ObjectiveCarbon, api.Minute, 30, 0},
		{api.ObjectiveCost, 72 * api.Hour, api.ObjectiveCost, 30 * api.Minute, 59, -7},
		{api.ObjectiveBalanced, 72 * api.Hour, api.ObjectiveBalanced, 30 * api.Minute, 59, -1000},
	} {
		h, why := x.Hours("bonn", c.by, now, now.Add(c.to))
		if why != "" || h.By != c.says || h.Step != c.step || len(h.Costs) != c.cuts || h.Costs[0] != c.first {
			t.Errorf("%s of %s: %q, by %s, %d of %s, first %d", c.by, c.to, why, h.By, len(h.Costs), h.Step, h.Costs[0])
		}
		if h.Next.Sub(h.Start) < h.Step/2 || h.Next%api.Time(h.Step) != 0 || h.At(len(h.Costs)) > now.Add(c.to) {
			t.Errorf("%s of %s: from %s on, next %s, to %s", c.by, c.to, h.Start, h.Next, h.At(len(h.Costs)))
		}
	}
}
