package rehearse

import (
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

// TestKnownPrices: a day of the market ends at its midnight, which is 23:00 or 22:00
// UTC, and the next one is out from 13:00 on, 12:00 or 11:00 UTC.
func TestKnownPrices(t *testing.T) {
	from := time.Date(2023, 3, 24, 0, 0, 0, 0, time.UTC) // summer time begins on the 26th
	g := trace.Grid{From: api.Time(from.UnixNano()), Step: api.Hour, Values: make([]float64, 24*5)}
	known, err := knownPrices(g, MarketZone)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name        string
		at          string
		knownBefore string
	}{
		{"at night, today", "2023-03-24T00:00:00Z", "2023-03-24T23:00:00Z"},
		{"just before the results", "2023-03-24T11:00:00Z", "2023-03-24T23:00:00Z"},
		{"with the results, tomorrow", "2023-03-24T12:00:00Z", "2023-03-25T23:00:00Z"},
		{"a day of 23 hours", "2023-03-25T12:00:00Z", "2023-03-26T22:00:00Z"},
		{"in summer an hour earlier by UTC", "2023-03-26T11:00:00Z", "2023-03-27T22:00:00Z"},
		{"not behind the last value", "2023-03-28T20:00:00Z", "2023-03-29T00:00:00Z"},
	} {
		at, _ := time.Parse(time.RFC3339, tc.at)
		until, _ := time.Parse(time.RFC3339, tc.knownBefore)
		if got, want := known[int(at.Sub(from)/time.Hour)], int(until.Sub(from)/time.Hour); got != want {
			t.Errorf("%s: %d hours are known, not %d", tc.name, got, want)
		}
	}
	if _, err := knownPrices(g, "Mars/Olympus"); err == nil {
		t.Error("a zone on another planet passes")
	}
}
