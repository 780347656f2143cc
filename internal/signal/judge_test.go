package signal_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/signal"
)

// daily is a day and a half of carbon intensity, in g/kWh, that changes by the hour.
func daily(shift, factor float64) *signal.Reading {
	r := &signal.Reading{Unit: signal.Unit{Kind: api.SignalCarbon, Factor: 1000}, Known: math.MaxInt64, Origin: "test"}
	for h := -36.0; h <= 0; h++ {
		r.Points = append(r.Points, signal.Point{At: at(h + shift), Value: factor * (300 + 100*math.Sin(h/3.8) + 7*math.Mod(h*h, 5))})
	}
	return r
}

func TestJudge(t *testing.T) {
	now := api.Time(noon.UnixNano())
	last, err := signal.Make(daily(0, 1), signal.Plan{Zone: "DE"}, now)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*signal.Reading)) *signal.Reading {
		r := daily(0, 1)
		change(r)
		return r
	}
	for _, tc := range []struct {
		name string
		r    *signal.Reading
		want string // "" is fine
	}{
		{"as before", daily(0, 1), ""},
		{"a little higher", daily(0, 1.2), ""},
		{"a thousand times", daily(0, 7), ""}, // and seven times may be
		{"kilograms for grams", daily(0, 0.001), "0.001 times"},
		{"beyond every grid", daily(0, 1000), "cannot be"},
		{"negative", with(func(r *signal.Reading) { r.Points[3].Value = -5 }), "cannot be"},
		{"missing ones", with(func(r *signal.Reading) { r.Points[3].Value = math.NaN() }), ""},
		{"nothing", with(func(r *signal.Reading) {
			for i := range r.Points {
				r.Points[i].Value = math.NaN()
			}
		}), "no value"},
		{"old", with(func(r *signal.Reading) { r.Points = r.Points[:20] }), "late"},
		{"another time zone, ahead", daily(2, 1), "+2 h off"},
		{"another time zone, behind", daily(-1, 1), "-1 h off"},
		{"tomorrow", daily(80, 1), "ahead"},
		{"another currency", with(func(r *signal.Reading) { r.Unit.Currency = "EUR" }), "EUR"},
	} {
		err := signal.Judge(tc.r, last, 3*time.Hour, now)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	average, _ := signal.Average("DE", now)
	if err := signal.Judge(daily(0, 0.001), average, 3*time.Hour, now); err == nil {
		t.Error("kilograms pass beside the yearly mean")
	}
}

func TestAverageOfACountry(t *testing.T) {
	for zone, want := range map[string]int64{"DE": 380_950, "DE-LU": 380_950, "GB": 237_590, "UK": 237_590, "US-CAL-CISO": 385_980, "fr": 56_040} {
		s, ok := signal.Average(zone, 1)
		if !ok || s.Usual != want || len(s.Validate()) > 0 {
			t.Errorf("%s: %+v", zone, s)
		}
	}
	for _, zone := range []string{"", "XX", "DEU", "hall 1", "country"} {
		if s, ok := signal.Average(zone, 1); ok {
			t.Errorf("%q is %+v", zone, s)
		}
	}
}

// TestAPartOfACountryMayBeUnlikeIt: Québec is not refused for being clean, a unit that is
// wrong by a thousand still is.
func TestAPartOfACountryMayBeUnlikeIt(t *testing.T) {
	now := api.Time(noon.UnixNano())
	for _, tc := range []struct {
		zone  string
		grams float64
		ok    bool
	}{
		{"CA-QC", 1.5, true}, {"CA-QC", 0.0015, false}, {"CA", 1.5, false}, {"CA", 150, true}, {"DE-LU", 0.35, false},
	} {
		mean, _ := signal.Average(tc.zone, now)
		r := &signal.Reading{Unit: signal.Unit{Kind: api.SignalCarbon, Factor: 1000}, Known: now}
		for h := range 24 {
			r.Points = append(r.Points, signal.Point{At: now.Add(api.Duration(h-23) * api.Hour), Value: tc.grams})
		}
		if err := signal.Judge(r, mean, 3*time.Hour, now); (err == nil) != tc.ok {
			t.Errorf("%g g/kWh in %s: %v", tc.grams, tc.zone, err)
		}
	}
}

// TestWhatIsAccepted: an operator's word holds for the first values after it, and against
// the doubt about their size alone.
func TestWhatIsAccepted(t *testing.T) {
	now := api.Time(noon.UnixNano())
	last, err := signal.Make(daily(0, 1), signal.Plan{Zone: "DE"}, now.Add(-api.Hour))
	if err != nil {
		t.Fatal(err)
	}
	judge := func(r *signal.Reading, at api.Time) string {
		known := last
		if at != 0 {
			known = last.Merge(&api.Signal{Kind: last.Kind, Zone: last.Zone, Accepted: at, AcceptedFor: "new plant"}, now)
		}
		if len(known.Values) != len(last.Values) || known.Issued != last.Issued || known.Usual != last.Usual {
			t.Errorf("to accept leaves what is known as it is: %+v", known)
		}
		if err := signal.Judge(r, known, 3*time.Hour, now); err != nil {
			return err.Error()
		}
		return ""
	}
	for _, tc := range []struct {
		name string
		r    *signal.Reading
		at   api.Time
		want string
	}{
		{"nothing is accepted", daily(0, 0.01), 0, "accept carbon/DE"},
		{"it is", daily(0, 0.01), now, ""},
		{"from later on", daily(0, 0.01), now.Add(api.Hour), "times those before"},
		{"before what was believed last", daily(0, 0.01), now.Add(-2 * api.Hour), "times those before"},
		{"what cannot be", daily(0, 1000), now, "cannot be"},
	} {
		if got := judge(tc.r, tc.at); tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
