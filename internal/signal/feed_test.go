package signal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drover.dev/api"
	"drover.dev/internal/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feed is a shipped feed as a configuration uses it.
func feed(t *testing.T, text string) *signal.Feed {
	t.Helper()
	c, err := signal.ReadConfig(strings.NewReader("feeds:\n- " + strings.ReplaceAll(text, "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	return &c.Feeds[0].Feed
}

func at(hours float64) api.Time {
	return api.Time(noon.Truncate(time.Hour).Add(time.Duration(hours * float64(time.Hour))).UnixNano())
}

// TestShippedFeeds asks each of them, and makes a signal of the answer.
func TestShippedFeeds(t *testing.T) {
	t.Setenv("ELECTRICITY_MAPS_TOKEN", "secret-key")
	for _, tc := range []struct {
		name, use   string
		when        float64 // hours from noon
		value       int64
		known       api.Time
		step        api.Duration
		key         string
		atLeastTill float64
	}{
		{"electricity maps, history", "use: electricity-maps\nzone: DE", -1, 422_000, at(1), api.Hour, "carbon/DE", 47},
		{"electricity maps, forecast", "use: electricity-maps-forecast\nzone: DE", 2, 302_000, at(1), api.Hour, "carbon/DE", 23},
		{"great britain, measured", "use: uk-carbon-intensity", -0.5, 295_000, at(0), 30 * api.Minute, "carbon/GB", 47},
		{"great britain, forecast", "use: uk-carbon-intensity", 1, 348_000, at(0), 30 * api.Minute, "carbon/GB", 47},
		{"day-ahead prices", "use: energy-charts-price\nzone: DE-LU", 11, 106_000, at(35), api.Hour, "price/DE-LU", 48},
		{"a negative price", "use: energy-charts-price\nzone: DE-LU", -13, -20_000, at(35), api.Hour, "price/DE-LU", 48},
		{"weather", "use: open-meteo\nzone: hall\nwith: {latitude: \"52.5\", longitude: \"13.4\"}", 1, 4_800, at(1), api.Hour, "temperature/hall", 35},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := feed(t, tc.use)
			c, _ := client(t, &sources{})
			r, err := c.Fetch(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			now := api.Time(noon.UnixNano())
			if err := signal.Judge(r, nil, time.Duration(f.Late), now); err != nil {
				t.Fatal(err)
			}
			s, err := signal.Make(r, signal.Plan{Zone: f.Zone, Model: f.Forecast, Horizon: 48 * api.Hour}, now)
			if err != nil {
				t.Fatal(err)
			}
			if faults := s.Validate(); len(faults) > 0 || s.Key() != tc.key {
				t.Errorf("%s: %v", s.Key(), faults)
			}
			if v, _ := s.At(at(tc.when)); v != tc.value || s.Step != tc.step || s.KnownUntil() != tc.known {
				t.Errorf("%d at %s by steps of %s, known until %s; want %d, %s, %s", v, at(tc.when), s.Step, s.KnownUntil(), tc.value, tc.step, tc.known)
			}
			if s.End() < at(tc.atLeastTill) {
				t.Errorf("it ends at %s", s.End())
			}
		})
	}
}

func TestAFeedSaysWhatASourceRefuses(t *testing.T) {
	t.Setenv("ELECTRICITY_MAPS_TOKEN", "wrong-key")
	for _, tc := range []struct {
		name, use, want string
		tries           int
	}{
		{"wrong key", "use: electricity-maps\nzone: DE", "refuses the key (401)", 1},
		{"unknown zone", "use: energy-charts-price\nzone: XX", "404: {\"detail\":\"no content available\"}", 1},
		{"bad request", "use: uk-carbon-intensity\nfrom: 1h", "400", 1},
		{"bad parameter", "use: open-meteo\nzone: h\nwith: {latitude: abc, longitude: \"1\"}", "Cannot initialize Float", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sources{}
			c, _ := client(t, s)
			_, err := c.Fetch(t.Context(), feed(t, tc.use))
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(s.asked) != tc.tries {
				t.Errorf("%d tries: %v", len(s.asked), err)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-key") {
				t.Errorf("the error gives the secret away: %v", err)
			}
		})
	}
	t.Run("no key", func(t *testing.T) {
		t.Setenv("ELECTRICITY_MAPS_TOKEN", "")
		c, _ := client(t, &sources{})
		if _, err := c.Fetch(t.Context(), feed(t, "use: electricity-maps\nzone: DE")); err == nil || !strings.Contains(err.Error(), "ELECTRICITY_MAPS_TOKEN") {
			t.Error(err)
		}
	})
}

func TestAFeedTriesAgain(t *testing.T) {
	busy := func(w http.ResponseWriter, n int) bool {
		if n < 3 {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n < 3
	}
	s := &sources{fail: busy}
	c, slept := client(t, s)
	if _, err := c.Fetch(t.Context(), feed(t, "use: uk-carbon-intensity")); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 3 || len(*slept) != 2 || (*slept)[0] < 20*time.Second || (*slept)[0] > 21*time.Second {
		t.Errorf("%d requests, slept %v", len(s.asked), *slept)
	}
	for name, answer := range map[string]string{
		"no JSON":      "<html>busy</html>",
		"another form": `{"data":{"from":1}}`,
		"no values":    `{"data":[{"from":"2024-03-05T12:00Z","intensity":{"forecast":null}}]}`,
		"no time":      `{"data":[{"from":"today","intensity":{"forecast":1}}]}`,
		"too long":     `{"data":"` + strings.Repeat("x", 5<<20) + `"}`,
	} {
		c, _ := client(t, &sources{fail: func(w http.ResponseWriter, _ int) bool { fmt.Fprint(w, answer); return true }})
		if _, err := c.Fetch(t.Context(), feed(t, "use: uk-carbon-intensity")); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestAFeedThatIsForAnotherZoneIsRefused(t *testing.T) {
	c, _ := client(t, &sources{fail: func(w http.ResponseWriter, _ int) bool {
		fmt.Fprint(w, `{"zone":"FR","history":[{"carbonIntensity":50,"datetime":"2024-03-05T12:00:00.000Z"}]}`)
		return true
	}})
	t.Setenv("ELECTRICITY_MAPS_TOKEN", "secret-key")
	if _, err := c.Fetch(t.Context(), feed(t, "use: electricity-maps\nzone: DE")); err == nil || !strings.Contains(err.Error(), "for the zone") {
		t.Error(err)
	}
}

func TestConfigSaysEverythingThatIsWrong(t *testing.T) {
	_, err := signal.ReadConfig(strings.NewReader(`
feeds:
- use: electricity-maps
- use: open-meteo
  zone: hall
- use: nowhere
- use: uk-carbon-intensity
  value: other
- {name: mine, kind: carbon, zone: X, url: "ftp://u:p@h/", time: t, value: v, unit: EUR/MWh, every: 1s, forecast: magic}
tariffs:
- {name: t, currency: eur, tz: Nowhere/Else, rates: [{from: "25:00", days: someday}]}
files:
- {path: a.csv}
- {path: b.csv, kind: carbon, zone: DE, unit: EUR/MWh, tz: Mars/Base, horizon: 300h, number: point, forecast: crystal-ball}
`))
	if err == nil {
		t.Fatal("it passes")
	}
	for _, want := range []string{
		"zone:", "{latitude} is needed", "no shipped feed \"nowhere\"", "value of a shipped feed", "http or https", "credentials", "unit of price", "every:", "magic",
		"eur", "Nowhere/Else", "rates[0].from", "files[0]",
		"files[1]: forecast", "EUR/MWh is a unit of price", "Mars/Base", "300h0m0s is out of range", "\"point\" is not comma",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	if _, err := signal.ReadConfig(strings.NewReader("feds: []")); err == nil || !strings.Contains(err.Error(), "feds") {
		t.Error(err)
	}
}
