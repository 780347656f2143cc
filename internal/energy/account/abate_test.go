package account_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/account"
)

func price(v float64) *float64 { return &v }

// TestAbate follows two jobs and two sites by hand: 2 kWh each at 400 g/kWh, one of which
// may wait for the hour at 100 g, and one of which may go to the site at 50 g.
func TestAbate(t *testing.T) {
	places := []account.Place{
		{Site: "coal", Cores: 4, PUE: 1, Carbon: []float64{400, 400, 100}, Price: []float64{0.2, 0.2, 0.1}},
		{Site: "hydro", Cores: 4, PUE: 2, Carbon: []float64{50, 50, 50}, Price: []float64{0.2, 0.2, 0.2}},
	}
	jobs := []account.Job{
		{Site: "coal", Hours: 1, CPU: 2, KWh: 2, Slack: 2},
		{Site: "coal", Hours: 1, CPU: 2, KWh: 2, Moves: true},
	}
	got := account.Abate(jobs, places, 1600, price(1000))
	if len(got) != 3 || got[0].Name != account.MeasureShift || got[1].Name != account.MeasureMove || got[2].Name != account.MeasureBuy {
		t.Fatalf("%+v", got)
	}
	// Waiting saves 2·(400−100) g and 0.2; moving 2·400 − 2·2·50 g for 2·0.2 more.
	if m := got[0]; m.Gram != 600 || math.Abs(*m.Cost+0.2) > 1e-12 || m.Delay != 2 || m.Jobs != 1 {
		t.Errorf("shift: %+v, cost %g", m, *m.Cost)
	}
	if m := got[1]; m.Gram != 600 || math.Abs(*m.Cost-0.4) > 1e-12 || math.Abs(*m.PerTonne-0.4/600*1e6) > 1e-6 {
		t.Errorf("move: %+v", m)
	}
	if m := got[2]; m.Gram != 400 || math.Abs(*m.Cost-0.4) > 1e-12 {
		t.Errorf("buy: %+v", m)
	}
	// Where offsets are cheaper than moving, it is left out.
	if got := account.Abate(jobs, places, 1600, price(20)); len(got) != 2 || got[1].Gram != 1000 {
		t.Errorf("at 20 a tonne: %+v", got)
	}
}

// TestAbateOwnPower: a job of which the site made half itself emitted half, and would emit
// all in an hour in which the grid gives it.
func TestAbateOwnPower(t *testing.T) {
	for _, tc := range []struct {
		name   string
		carbon float64 // g/kWh of the other hour, the first being 400
		gram   float64 // saved by waiting
		cost   float64
	}{{"a clean hour", 100, 200, 0.3}, {"no better than half of it", 200, 0, 0}, {"a dirty one", 300, 0, 0}} {
		places := []account.Place{{Site: "roof", Cores: 4, PUE: 1, Carbon: []float64{400, tc.carbon}, Price: []float64{0.2, 0.25}}}
		jobs := []account.Job{{Site: "roof", Hours: 1, CPU: 2, KWh: 2, Own: 0.5, Slack: 2}}
		got := account.Abate(jobs, places, 400, nil)
		if tc.gram == 0 {
			if len(got) != 1 || got[0].Name != account.MeasureBuy {
				t.Errorf("%s: %+v", tc.name, got)
			}
			continue
		}
		// 2 kWh at 100 g instead of 1 kWh at 400 g, for 2·0.25 instead of 1·0.2.
		if m := got[0]; m.Name != account.MeasureShift || m.Gram != tc.gram || math.Abs(*m.Cost-tc.cost) > 1e-12 {
			t.Errorf("%s: %+v, cost %v", tc.name, m, m.Cost)
		}
	}
}

func TestAbateKeepsWithinASite(t *testing.T) {
	places := []account.Place{{Site: "a", Cores: 1, PUE: 1, Carbon: []float64{300, 300, 10, 200}}}
	var jobs []account.Job
	for i := range 2 {
		jobs = append(jobs, account.Job{Site: "a", Start: float64(i), Hours: 1, CPU: 1, KWh: 1, Slack: 2})
	}
	got := account.Abate(jobs, places, 600, nil)
	if got[0].Gram != 290+100 || got[0].Cost != nil || got[1].Cost != nil { // one at 10 g, the other at 200 g
		t.Errorf("%+v", got)
	}
}

// TestAbateNeverAddsUpToMore: measures save no more than there was, none of them less than
// nothing, and with what is bought they come to what was to be saved, or beyond.
func TestAbateNeverAddsUpToMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.IntRange(2, 12).Draw(t, "hours")
		var places []account.Place
		for _, site := range []string{"a", "b", "c"} {
			p := account.Place{Site: site, PUE: 1 + rapid.Float64Range(0, 1).Draw(t, "pue"), Cores: rapid.Float64Range(0, 8).Draw(t, "cores")}
			for range hours {
				p.Carbon = append(p.Carbon, rapid.Float64Range(0, 900).Draw(t, "intensity"))
				p.Price = append(p.Price, rapid.Float64Range(-0.1, 0.5).Draw(t, "price"))
			}
			places = append(places, p)
		}
		total := 0.0
		var jobs []account.Job
		for range rapid.IntRange(0, 12).Draw(t, "jobs") {
			at := rapid.IntRange(0, 2).Draw(t, "site")
			j := account.Job{
				Site: places[at].Site, Start: rapid.Float64Range(0, float64(hours-1)).Draw(t, "start"), Hours: rapid.Float64Range(0.01, 1).Draw(t, "long"),
				CPU: rapid.Float64Range(0, 4).Draw(t, "cpu"), KWh: rapid.Float64Range(0, 5).Draw(t, "kWh"), Slack: rapid.Float64Range(0, 9).Draw(t, "slack"), Moves: rapid.Bool().Draw(t, "moves"),
				Own: rapid.Float64Range(0, 1).Draw(t, "own"),
			}
			for h := 0; h < hours; h++ { // once more, by hours
				part := math.Min(float64(h+1), j.Start+j.Hours) - math.Max(float64(h), j.Start)
				total += max(part, 0) / j.Hours * j.KWh * (1 - j.Own) * places[at].Carbon[h]
			}
			jobs = append(jobs, j)
		}
		saved, sum := 0.0, 0.0
		for _, m := range account.Abate(jobs, places, total, price(rapid.Float64Range(0, 200).Draw(t, "offset"))) {
			if sum += m.Gram; m.Gram < 0 {
				t.Fatalf("%+v", m)
			}
			if m.Name != account.MeasureBuy {
				saved += m.Gram
			}
		}
		if slack := 1e-6 * (1 + total); saved > total+slack || math.Abs(sum-total) > slack {
			t.Fatalf("saved %g and %g in all of %g", saved, sum, total)
		}
	})
}
