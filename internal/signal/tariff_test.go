package signal_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
	"drover.dev/internal/signal"
)

const twoRates = `
tariffs:
- name: de-two
  currency: EUR
  tz: Europe/Berlin
  price: 0.20
  rates:
  - {name: sunny, price: -0.05, from: "11:00", to: "15:00", days: sat-sun, months: may-aug}
  - {name: night, price: 0.10, from: "22:00", to: "06:00", days: mon-fri}
  demand:
  - {name: peak, price: 10, per: month, from: "08:00", to: "20:00", days: mon-fri}
  - {name: day, price: 1, per: day}
`

func tariff(t *testing.T, text string) *signal.Tariff {
	t.Helper()
	c, err := signal.ReadConfig(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &c.Tariffs[0]
}

func TestTariffByTheClocksOfItsZone(t *testing.T) {
	tr := tariff(t, twoRates)
	for moment, want := range map[string]float64{
		"2024-01-10T12:00:00+01:00": 0.20,
		"2024-01-10T23:00:00+01:00": 0.10,
		"2024-01-11T05:59:00+01:00": 0.10,
		"2024-01-13T05:00:00+01:00": 0.10,  // the night from Friday to Saturday began on Friday
		"2024-01-14T23:00:00+01:00": 0.20,  // Sunday
		"2024-01-15T05:00:00+01:00": 0.20,  // and the night that began on it
		"2024-07-06T12:00:00+02:00": -0.05, // a Saturday in July
		"2024-07-05T12:00:00+02:00": 0.20,
		"2024-07-05T21:00:00Z":      0.10, // 23:00 there
		"2024-01-10T20:30:00Z":      0.20, // 21:30 there
	} {
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			t.Fatal(err)
		}
		if got := tr.At(at); got != want {
			t.Errorf("%s: %g, want %g", moment, got, want)
		}
	}
}

// TestTariffOnDaysOfSummerTime: nights from Sunday are full price, so the change in the
// night to Sunday is charged as Saturday's; a weekday night would have 7 and 9 hours.
func TestTariffOnDaysOfSummerTime(t *testing.T) {
	tr := tariff(t, strings.ReplaceAll(twoRates, "days: mon-fri}\n  demand", "}\n  demand"))
	berlin, err := cron.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]int{"2024-03-30": 7, "2024-10-26": 9, "2024-06-01": 8} {
		noon, err := time.ParseInLocation("2006-01-02 15", day+" 12", berlin)
		if err != nil {
			t.Fatal(err)
		}
		s := tr.Signal(api.Time(noon.UnixNano()), api.Time(noon.Add(24*time.Hour).UnixNano()), 1)
		quarters := 0
		for _, v := range s.Values {
			if v == 100_000 {
				quarters++
			}
		}
		if quarters != 4*want || len(s.Validate()) > 0 {
			t.Errorf("the night after %s has %g cheap hours, want %d", day, float64(quarters)/4, want)
		}
	}
}

func TestBill(t *testing.T) {
	tr := tariff(t, twoRates)
	from := time.Date(2024, 1, 8, 23, 0, 0, 0, time.UTC) // Tuesday 00:00 in Berlin
	watts := make([]float64, 2*24*4)
	for i := range watts {
		watts[i] = 1000
	}
	watts[4*12] = 5000      // at noon: counts for both charges
	watts[24*4+4*22] = 9000 // at 22:00 of the second day: only for the day's
	b := tr.Bill(from, 15*time.Minute, watts)
	// Two days at 1 kW: 8 cheap hours and 16 others each, and the two peaks.
	energy := 2*(8*0.10+16*0.20) + 4*0.25*0.20 + 8*0.25*0.10
	demand := 5*10 + 5*1 + 9*1.0
	if math.Abs(b.Energy-energy) > 1e-9 || math.Abs(b.Demand-demand) > 1e-9 || len(b.Peaks) != 3 {
		t.Errorf("%+v, want %g and %g", b, energy, demand)
	}
}
