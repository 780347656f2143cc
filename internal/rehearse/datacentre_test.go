package rehearse

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// month is a folder of data: two years of days that are clean and cheap at night, in
// zone A with prices and in B without.
func month(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, year := range []int{2022, 2023} {
		var carbon, price strings.Builder
		carbon.WriteString("Datetime (UTC),Carbon intensity gCO2eq/kWh (direct)\n")
		price.WriteString("utc,price EUR/MWh\n")
		for at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == year; at = at.Add(time.Hour) {
			day := math.Sin(2 * math.Pi * float64(at.Hour()) / 24)
			week := math.Sin(float64(at.YearDay()))
			fmt.Fprintf(&carbon, "%s,%.3f\n", at.Format("2006-01-02 15:04:05"), 300+150*day+50*week)
			fmt.Fprintf(&price, "%s,%.3f\n", at.Format("2006-01-02T15:04Z"), 80+40*day+20*week)
		}
		put(fmt.Sprintf("carbon/A_%d.csv.gz", year), carbon.String())
		put(fmt.Sprintf("carbon/B_%d.csv.gz", year), carbon.String())
		put(fmt.Sprintf("prices/A_%d.csv.gz", year), price.String())
	}
	var vms, jobs strings.Builder
	vms.WriteString("id,submission_ms,duration_ms,cpu_count,cpu_capacity_mhz,mem,dur_s:usage_mhz list\n")
	for i, use := range []int{100, 400, 900} {
		fmt.Fprintf(&vms, "%d,0,172800000,4,8000,1000000,43200:%d 43200:%d 43200:%d 43200:%d\n", i, use, 2*use, use, 3*use)
	}
	jobs.WriteString("arrival_time,length,cpus\n")
	for h := range 8700 {
		fmt.Fprintf(&jobs, "%d.25,%.2f,%d\n", h, 0.5+float64(h%5), 1+h%3)
	}
	put("bitbrains/vms.csv.gz", vms.String())
	put("gaia/pai-100k.csv.gz", jobs.String())
	return dir
}

func caseOf(dir string) DatacentrePlan {
	start := time.Date(2023, 3, 1, 0, 0, 0, 0, time.UTC)
	return DatacentrePlan{
		Data: dir, Servers: 40, Days: 3, Start: api.Time(start.UnixNano()), Batch: 0.5, Load: 0.6, Slack: 24 * api.Hour,
		Objective: ObjectiveBalanced, Forecast: ForecastSeasonal, PUE: 1.5, Workers: 2,
	}
}

func TestDatacentre(t *testing.T) {
	p := caseOf(month(t))
	p.Sensitivity = true
	r, err := RunDatacentre(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Zones) != 2 || r.Zones[0].Cost == nil || r.Zones[0].Currency != "EUR" || r.Zones[1].Cost != nil || len(r.Sensitivity) != 2*6 {
		t.Fatalf("%+v", r)
	}
	if m := r.Mix; math.Abs(m.BatchPercent-50) > 5 || math.Abs(m.AskedPercent-60) > 5 {
		t.Errorf("half of the work is to wait, and 60 %% of the CPU asked for: %+v", m)
	}
	for _, z := range r.Zones {
		for name, w := range map[string]Ways{"energy": z.EnergyKWh, "carbon": z.CarbonKg, "cost": deref(z.Cost)} {
			if name == "cost" && z.Cost == nil {
				continue
			}
			if !(0 < w.Bound && w.Bound < w.Drover && w.Drover < w.BestFit && w.BestFit < w.Spread) {
				t.Errorf("%s of zone %s: %+v", name, z.Zone, w)
			}
		}
		if z.SavedPercent.BestFit.Carbon <= z.SavedPercent.BestFit.Energy || z.MeanDelaySeconds <= 0 || z.MeanDelaySeconds > 24*3600 {
			t.Errorf("zone %s: work that waits for clean hours saves more carbon than energy: %+v", z.Zone, z)
		}
		for _, m := range z.Missed {
			if m.SavedPercent >= m.AimPercent || strings.Contains(m.Why, "no plan can") != (m.BoundPercent < m.AimPercent) {
				t.Errorf("zone %s: %+v", z.Zone, m)
			}
		}
	}
	again, err := RunDatacentre(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, again) {
		t.Error("the same again comes to something else")
	}
}

func deref(w *Ways) Ways {
	if w == nil {
		return Ways{}
	}
	return *w
}

// TestDatacentreKnowingMore: who knows the signals saves at least as much carbon, and
// without slack there is nothing to know.
func TestDatacentreKnowingMore(t *testing.T) {
	p := caseOf(month(t))
	p.Zones, p.Objective = []string{"B"}, ObjectiveCarbon
	saved := func() float64 {
		t.Helper()
		r, err := RunDatacentre(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		return r.Zones[0].SavedPercent.BestFit.Carbon
	}
	foreseen := saved()
	p.Forecast = ForecastNone
	known := saved()
	p.Slack = 0
	atOnce := saved()
	if !(known >= foreseen-0.5 && foreseen > atOnce+3) {
		t.Errorf("knowing all saves %.2f %%, forecasts %.2f, nothing that waits %.2f", known, foreseen, atOnce)
	}
}

func TestDatacentreRefused(t *testing.T) {
	dir := month(t)
	for name, change := range map[string]func(*DatacentrePlan){
		"no servers":            func(p *DatacentrePlan) { p.Servers = 0 },
		"all of it waits":       func(p *DatacentrePlan) { p.Batch = 1 },
		"a PUE below 1":         func(p *DatacentrePlan) { p.PUE = 0.9 },
		"NaN":                   func(p *DatacentrePlan) { p.Load = math.NaN() },
		"an unknown zone":       func(p *DatacentrePlan) { p.Zones = []string{"C"} },
		"nothing to learn from": func(p *DatacentrePlan) { p.Start = p.Start.Add(-365 * api.Day) },
		"behind the signals":    func(p *DatacentrePlan) { p.Start = p.Start.Add(300 * api.Day) },
		"cost without prices":   func(p *DatacentrePlan) { p.Zones, p.Objective = []string{"B"}, ObjectiveCost },
		"no data":               func(p *DatacentrePlan) { p.Data = filepath.Join(dir, "none") },
	} {
		p := caseOf(dir)
		change(&p)
		if _, err := RunDatacentre(context.Background(), p); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
