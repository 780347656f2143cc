package rehearse_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy/storage"
	"drover.dev/internal/rehearse"
)

// hourlyFile writes a CSV of hours from the start of 2023 on, in UTC.
func hourlyFile(t *testing.T, title string, hours int, value func(hour int) float64) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, "utc,"+title)
	at := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	for h := range hours {
		fmt.Fprintf(&b, "%s,%g\n", at.Add(time.Duration(h)*time.Hour).Format("2006-01-02T15:04Z"), value(h))
	}
	name := filepath.Join(t.TempDir(), "hours.csv")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// wave is cheap at four in the morning, dear in the afternoon.
func wave(hour int) float64 { return 100 + 50*math.Cos(2*math.Pi*float64(hour-16)/24) }

func TestBattery(t *testing.T) {
	prices := hourlyFile(t, "EUR/MWh", 24*20, wave)
	plan := rehearse.BatteryPlan{Prices: prices, Load: 10, Battery: storage.Battery{Capacity: 40, Power: 10, Efficiency: 0.9}}
	known, err := rehearse.RunBattery(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := 10 * 24 * 20 * 0.1; math.Abs(known.CostWithout-want) > 1e-6 {
		t.Errorf("without a battery it costs %g instead of %g", known.CostWithout, want)
	}
	if known.CostWith != known.CostOptimal || known.GapPercent != 0 || known.CostOptimal > 0.93*known.CostWithout || known.Cycles < 15 || known.Cycles > 45 {
		t.Errorf("%+v", known)
	}
	for _, kind := range []string{rehearse.ForecastSeasonal, rehearse.ForecastAuto} {
		plan.Forecast = kind
		r, err := rehearse.RunBattery(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if r.CostOptimal != known.CostOptimal || r.GapPercent < 0 || r.GapPercent > 5 {
			t.Errorf("%s: %+v", kind, r)
		}
	}
}

func TestBatteryRefused(t *testing.T) {
	good := rehearse.BatteryPlan{
		Prices: hourlyFile(t, "EUR/MWh", 48, wave), Load: 10, Battery: storage.Battery{Capacity: 40, Power: 10, Efficiency: 0.9},
		Forecast: rehearse.ForecastSeasonal,
	}
	for name, spoil := range map[string]func(p *rehearse.BatteryPlan){
		"no file":     func(p *rehearse.BatteryPlan) { p.Prices = "nowhere.csv" },
		"no column":   func(p *rehearse.BatteryPlan) { p.Prices += "#profit" },
		"no forecast": func(p *rehearse.BatteryPlan) { p.Forecast = "perfect" },
		"no zone":     func(p *rehearse.BatteryPlan) { p.Zone = "Europe/Atlantis" },
		"no battery":  func(p *rehearse.BatteryPlan) { p.Battery.Power = -1 },
	} {
		p := good
		spoil(&p)
		if _, err := rehearse.RunBattery(t.Context(), p); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestPublishedPricesAreKnown: a plan at noon must not see tomorrow's prices, one at
// one must. Two days differ in their last hours only, which are dear or nearly free.
func TestPublishedPricesAreKnown(t *testing.T) {
	// In the zone of the market it is an hour later than in UTC: prices of the next
	// day are out at 12:00 UTC, when one day has 11 hours left.
	run := func(last float64) *rehearse.ShiftReport {
		price := func(h int) float64 {
			if h >= 23+24-2 { // from 21:00 UTC on the second day of the market
				return last
			}
			return 50
		}
		r, err := rehearse.RunShift(t.Context(), rehearse.ShiftPlan{
			Jobs: rehearse.EveryHour, Price: hourlyFile(t, "EUR/MWh", 24*4, price), Slack: 40 * api.Hour,
			Objective: rehearse.ObjectiveCost, Forecast: rehearse.ForecastSeasonal,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// Jobs of the hours before the publication, 0 to 11, cannot know of the cheap end
	// and start at once; the others that reach it wait.
	if cheap := run(1); cheap.CostSavedPercent == nil || *cheap.CostSavedPercent >= *cheap.Optimum.CostSavedPercent || *cheap.CostSavedPercent <= 0 {
		t.Errorf("%+v saves as much as if all had been known", cheap)
	}
}

func TestShift(t *testing.T) {
	carbon := hourlyFile(t, "gCO2/kWh", 24*30, wave)
	jobs := filepath.Join(t.TempDir(), "jobs.csv")
	if err := os.WriteFile(jobs, []byte("arrival_time,length,cpus\n0,3600,1\n1800,7200,4\n40000,600,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		plan rehearse.ShiftPlan
		jobs int
		left int
	}{
		{"a job every hour", rehearse.ShiftPlan{Jobs: rehearse.EveryHour, Carbon: carbon, Slack: 24 * api.Hour}, 24*30 - 24, 24},
		{"a trace", rehearse.ShiftPlan{Jobs: jobs, Carbon: carbon, Slack: 12 * api.Hour}, 3, 0},
		{"a trace that begins late", rehearse.ShiftPlan{Jobs: jobs, Carbon: carbon, Slack: 12 * api.Hour, Start: api.Time(time.Date(2023, 1, 30, 11, 0, 0, 0, time.UTC).UnixNano())}, 1, 2},
		{"a trace of jobs that may be held", rehearse.ShiftPlan{Jobs: jobs, Carbon: carbon, Slack: 12 * api.Hour, Suspend: true, StopCost: api.Minute}, 3, 0},
		{"little room", rehearse.ShiftPlan{Jobs: rehearse.EveryHour, Carbon: carbon, Slack: 24 * api.Hour, Capacity: 2}, 24*30 - 24, 24},
	} {
		for _, kind := range rehearse.Forecasts() {
			t.Run(tc.name+", "+kind, func(t *testing.T) {
				tc.plan.Objective, tc.plan.Forecast = rehearse.ObjectiveCarbon, kind
				r, err := rehearse.RunShift(t.Context(), tc.plan)
				if err != nil {
					t.Fatal(err)
				}
				if r.Jobs != tc.jobs || r.LeftOut != tc.left || r.Late != 0 || r.CostSavedPercent != nil {
					t.Errorf("%+v", r)
				}
				got, best := *r.CarbonSavedPercent, *r.Optimum.CarbonSavedPercent
				if best < 0 || got > best+1e-9 || kind == rehearse.ForecastNone && got != best {
					t.Errorf("it saves %g %%, at best %g %%", got, best)
				}
			})
		}
	}
}

// TestBalanced weighs both: it saves less of each than what is after that alone.
func TestBalanced(t *testing.T) {
	carbon := hourlyFile(t, "gCO2/kWh", 24*10, wave)
	price := hourlyFile(t, "EUR/MWh", 24*10, func(h int) float64 { return wave(h + 6) })
	saved := map[string]*rehearse.ShiftReport{}
	for _, objective := range rehearse.Objectives() {
		r, err := rehearse.RunShift(t.Context(), rehearse.ShiftPlan{Jobs: rehearse.EveryHour, Carbon: carbon, Price: price, Slack: 24 * api.Hour, Objective: objective})
		if err != nil {
			t.Fatal(err)
		}
		saved[objective] = r
	}
	of := func(objective string) (carbon, cost float64) {
		return *saved[objective].CarbonSavedPercent, *saved[objective].CostSavedPercent
	}
	c1, p1 := of(rehearse.ObjectiveCarbon)
	c2, p2 := of(rehearse.ObjectiveCost)
	c3, p3 := of(rehearse.ObjectiveBalanced)
	if !(c1 > c3 && c3 > c2 && p2 > p3 && p3 > p1) {
		t.Errorf("carbon saves %.1f and %.1f %%, cost %.1f and %.1f, balanced %.1f and %.1f", c1, p1, c2, p2, c3, p3)
	}
}

// TestFilesFollowEachOther: what is before the first job is learnt from, and nothing
// is saved on it.
func TestFilesFollowEachOther(t *testing.T) {
	year := hourlyFile(t, "gCO2/kWh", 24*30, wave)
	half := hourlyFile(t, "gCO2/kWh", 24*10, wave)
	start := api.Time(time.Date(2023, 1, 11, 0, 0, 0, 0, time.UTC).UnixNano())
	run := func(files string) *rehearse.ShiftReport {
		r, err := rehearse.RunShift(t.Context(), rehearse.ShiftPlan{
			Jobs: rehearse.EveryHour, Carbon: files, Slack: 24 * api.Hour, Objective: rehearse.ObjectiveCarbon, Forecast: rehearse.ForecastSeasonal, Start: start,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	one, two := run(year), run(half+","+year)
	if one.Jobs != 24*19 || *one.CarbonSavedPercent != *two.CarbonSavedPercent || one.Jobs != two.Jobs {
		t.Errorf("one file gives %+v, two %+v", one, two)
	}
	if _, err := rehearse.RunShift(t.Context(), rehearse.ShiftPlan{Jobs: rehearse.EveryHour, Carbon: year + "," + half, Objective: rehearse.ObjectiveCarbon}); err == nil {
		t.Error("a file behind a later one passes")
	}
}

func TestShiftRefused(t *testing.T) {
	carbon := hourlyFile(t, "gCO2/kWh", 48, wave)
	for name, p := range map[string]rehearse.ShiftPlan{
		"no signal":        {Jobs: rehearse.EveryHour, Objective: rehearse.ObjectiveCarbon},
		"no price":         {Jobs: rehearse.EveryHour, Carbon: carbon, Objective: rehearse.ObjectiveBalanced},
		"no jobs":          {Jobs: "nowhere.csv", Carbon: carbon, Objective: rehearse.ObjectiveCarbon},
		"nothing can end":  {Jobs: rehearse.EveryHour, Carbon: carbon, Objective: rehearse.ObjectiveCarbon, Slack: 100 * api.Hour},
		"held in a room":   {Jobs: rehearse.EveryHour, Carbon: carbon, Objective: rehearse.ObjectiveCarbon, Suspend: true, Capacity: 3},
		"no such forecast": {Jobs: rehearse.EveryHour, Carbon: carbon, Objective: rehearse.ObjectiveCarbon, Forecast: "sure"},
	} {
		if _, err := rehearse.RunShift(t.Context(), p); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
