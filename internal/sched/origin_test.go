package sched_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/energy"
	"drover.dev/internal/sched"
)

const wattHour = api.Microjoules(3_600_000_000)

// hourOf is the begin of an hour of a day that is long past the first.
func hourOf(h int) api.Time { return api.Time(20_000*api.Day) + api.Time(h)*api.Time(api.Hour) }

// halves is a node on whose half an attempt draws 100 W, at site a of zone Z, which buys at
// 40 g/kWh; carbon is 100, 900 and 500 g/kWh from 10:00 on, a kWh 0.10, 0.90 and 0.30 EUR.
func halves() *sched.Index {
	x := grids(nil, nil, node("n", func(n *api.Node) {
		n.Site, n.Power = "a", &api.PowerModel{Full: 200_000}
	}))
	x.PutSite(api.Site{Name: "a", Zone: "Z", PUE: 1000, Market: &api.Market{Factor: 40_000_000, Kind: api.MarketContract, Source: "PPA 7"}})
	hourly := func(k api.SignalKind, currency string, values ...int64) {
		x.PutSignal(&api.Signal{Kind: k, Zone: "Z", Currency: currency, Start: hourOf(10), Step: api.Hour, Values: values, Known: 3})
	}
	hourly(api.SignalCarbon, "", 100_000, 900_000, 500_000)
	hourly(api.SignalPrice, "EUR", 100_000, 900_000, 300_000)
	return x
}

// sun is 40 W in the first hour, 300 W in the second, and nothing in the third.
func sun(zone string) *api.Signal {
	return &api.Signal{Kind: api.SignalGeneration, Zone: zone, Start: hourOf(10), Step: api.Hour, Values: []int64{40_000, 300_000, 0}, Known: 3}
}

// nothing was given yet.
func nothing(string, string, api.Time) (api.Microjoules, bool) { return 0, true }

// TestTookOfItsOwn follows an attempt of 100 W from 10:30 to 12:30 by hand: 50, 100 and
// 50 Wh by the hour, of which the site made 20 and 100 itself while it ran.
func TestTookOfItsOwn(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sun    *api.Signal
		change func(s *api.Signal, a *sched.Ended)

		hours  []api.Microjoules // in Wh, from 10:00 on
		carbon api.Micrograms
		cost   int64
		basis  string
	}{
		{"of the site's name", sun("a"), nil, []api.Microjoules{20, 100}, 28_000_000, 18_000, ""},
		{"of its zone", sun("Z"), nil, []api.Microjoules{20, 100}, 28_000_000, 18_000, ""},
		{"a part was given to others", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Given = func(_, _ string, hour api.Time) (api.Microjoules, bool) {
				return map[api.Time]api.Microjoules{hourOf(10): 25 * wattHour, hourOf(11): 230 * wattHour}[hour], true
			}
		}, []api.Microjoules{15, 70}, 3_500_000 + 27_000_000 + 25_000_000, 3_500 + 27_000 + 15_000, ""},
		{"a forecast", sun("a"), func(s *api.Signal, _ *sched.Ended) { s.Known, s.Spread = 1, []int64{250_000, 0} }, []api.Microjoules{20, 50}, 73_000_000, 63_000, api.BasisModelled},
		{"held still in the second hour", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Result.Wall = api.Hour
			a.Still = []sched.Stretch{{From: hourOf(11), To: hourOf(12)}}
		}, []api.Microjoules{20}, 28_000_000, 18_000, ""},
		{"held still in half of it", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Result.Wall = 90 * api.Minute
			a.Still = []sched.Stretch{{From: hourOf(11).Add(15 * api.Minute), To: hourOf(11).Add(45 * api.Minute)}}
		}, []api.Microjoules{20, 50}, 28_000_000, 18_000, ""},
		{"held still in an hour that others had most of", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Result.Wall = 90 * api.Minute
			a.Still = []sched.Stretch{{From: hourOf(11).Add(15 * api.Minute), To: hourOf(11).Add(45 * api.Minute)}}
			a.Given = func(_, _ string, hour api.Time) (api.Microjoules, bool) {
				return map[api.Time]api.Microjoules{hourOf(11): 270 * wattHour}[hour], true
			}
		}, []api.Microjoules{20, 30}, 3_000_000 + 18_000_000 + 25_000_000, 3_000 + 18_000 + 15_000, ""},
		{"all of it", sun("a"), func(s *api.Signal, _ *sched.Ended) { s.Values = []int64{100_000, 100_000, 100_000} }, []api.Microjoules{50, 100, 50}, 0, 0, ""},
		{"a fault", sun("a"), func(s *api.Signal, _ *sched.Ended) { s.Fault = "down" }, nil, 0, 0, ""},
		{"no room for more", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Given = func(string, string, api.Time) (api.Microjoules, bool) { return 0, false }
		}, nil, 0, 0, ""},
		{"a ledger that is full", sun("a"), func(_ *api.Signal, a *sched.Ended) {
			a.Given = func(string, string, api.Time) (api.Microjoules, bool) { return 1 << 60, true }
		}, nil, 0, 0, ""},
		{"at night", sun("a"), func(s *api.Signal, _ *sched.Ended) { s.Values = []int64{0, 0, 0} }, nil, 0, 0, ""},
		{"of another site", sun("b"), nil, nil, 0, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := func() *sched.Ended {
				return &sched.Ended{
					Node: "n", Task: &api.Task{Resources: api.Resources{CPU: 2000}}, Now: hourOf(12).Add(30 * api.Minute), Given: nothing,
					Result: &api.Result{Wall: 2 * api.Hour, CPU: 4 * api.Hour},
				}
			}
			one := a()
			if tc.change != nil {
				tc.change(tc.sun, one)
			}
			one.Result.CPU = 2 * one.Result.Wall
			one.Result.Energy = api.Microjoules(int64(one.Result.Wall) / int64(api.Hour/100) * int64(wattHour)) // as a meter has it
			x := halves()
			x.PutSignal(tc.sun)
			f, g := x.Took(one)
			if tc.hours == nil {
				plain, none := halves().Took(one)
				if g != nil || none != nil || !reflect.DeepEqual(f, plain) {
					t.Fatalf("%+v of its own, %+v; without a signal it took %+v", g, f, plain)
				}
				return
			}
			var want []api.Microjoules
			total := api.Microjoules(0)
			for _, h := range tc.hours {
				want, total = append(want, h*wattHour), total+h*wattHour
			}
			if g == nil || g.Site != "a" || g.From != hourOf(10) || !slices.Equal(g.Hours, want) || f.Generated != total || g.Zone == "Z" != (tc.sun.Zone == "Z") {
				t.Fatalf("%+v of its own in %+v, want %v", g, f, want)
			}
			// Means are whole numbers, so that a kWh may be 1 mg and a millionth of a euro less.
			if d := tc.carbon - *f.Carbon; d < 0 || d > 200 || tc.cost-f.Cost.Micro < 0 || tc.cost-f.Cost.Micro > 1 || *f.Market != api.Micrograms(f.Bought()/wattHour)*40_000 || f.CarbonBasis != tc.basis {
				t.Errorf("%+v: %d µg, %d by the contract, %+v, want %d µg, %d", f, *f.Carbon, *f.Market, f.Cost, tc.carbon, tc.cost)
			}
		})
	}
}

// TestOwnPowerAlone: of a site of which nothing is known but what it makes, the energy is
// booked, and the carbon where all of it was its own.
func TestOwnPowerAlone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		watts int64
		known bool
	}{{"enough", 100_000, true}, {"not enough", 1000, false}, {"none", 0, false}} {
		x := grids(nil, nil, node("n", func(n *api.Node) { n.Site = "a" }))
		x.PutSignal(&api.Signal{Kind: api.SignalGeneration, Zone: "a", Start: hourOf(10), Step: api.Hour, Values: []int64{tc.watts}, Known: 1})
		f, _ := x.Took(&sched.Ended{
			Node: "n", Task: &api.Task{Resources: api.Resources{CPU: 2000}}, Result: &api.Result{Wall: api.Hour}, Now: hourOf(11), Given: nothing,
		})
		if f == nil || f.Energy == 0 || (f.Carbon != nil) != tc.known || (f.Bought() == 0) != tc.known {
			t.Errorf("%s: %+v", tc.name, f)
		}
	}
}

// TestOwnPowerIsGivenOnce: whatever attempts end when, what they are given of an hour is no
// more than the site made in it, no attempt is given more than it took or than was made
// while it ran, and what is left is at the intensity of the hours it is of.
func TestOwnPowerIsGivenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := halves()
		s := &api.Signal{Kind: api.SignalGeneration, Zone: "a", Start: hourOf(rapid.IntRange(0, 40).Draw(t, "start")), Step: api.Duration(rapid.SampledFrom([]int{5, 15, 30, 60, 180}).Draw(t, "step")) * api.Minute}
		for range rapid.IntRange(1, 80).Draw(t, "values") {
			s.Values = append(s.Values, rapid.Int64Range(0, 400_000).Draw(t, "W"))
		}
		s.Known = int32(rapid.IntRange(0, len(s.Values)).Draw(t, "known"))
		x.PutSignal(s)
		given := map[api.Time]api.Microjoules{}
		now := hourOf(0)
		for range rapid.IntRange(1, 30).Draw(t, "attempts") {
			now = now.Add(api.Duration(rapid.Int64Range(0, int64(5*api.Hour)).Draw(t, "pause")))
			wall := api.Duration(rapid.Int64Range(1, int64(rapid.SampledFrom([]api.Duration{api.Minute, 5 * api.Hour, 90 * api.Hour}).Draw(t, "longest"))).Draw(t, "wall"))
			f, g := x.Took(&sched.Ended{
				Node: "n", Task: &api.Task{Resources: api.Resources{CPU: 2000}}, Result: &api.Result{Wall: wall}, Now: now,
				Given: func(_, _ string, hour api.Time) (api.Microjoules, bool) { return given[hour], true },
			})
			during, _ := energy.Made(s, now.Add(-wall), now)
			switch {
			case f.Generated < 0 || f.Bought() < 0 || f.Generated > during:
				t.Fatalf("it was given %d µJ of %d, and %d were made while it ran", f.Generated, f.Energy, during)
			case *f.Carbon > api.Micrograms(int64(f.Bought())/4000*1001/1000+1):
				t.Fatalf("%d µg for %d µJ are more than the highest intensity", *f.Carbon, f.Bought())
			case g == nil && f.Generated == 0:
				continue
			case g == nil || g.Total() != f.Generated || len(g.Hours) > sched.GeneratedHours(wall):
				t.Fatalf("%d µJ by the hour are %+v", f.Generated, g)
			}
			for i, uj := range g.Hours {
				hour := g.From.Add(api.Duration(i) * api.Hour)
				given[hour] += uj
				if made, _ := energy.Made(s, hour, hour.Add(api.Hour)); given[hour] > made || uj > 0 && hour < api.OldestGeneration(now) {
					t.Fatalf("at %v of the hour %v %d of %d µJ are given", now, hour, given[hour], made)
				}
			}
		}
	})
}
