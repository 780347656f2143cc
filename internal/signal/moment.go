package signal

import (
	"fmt"
	"strings"
	"time"

	"drover.dev/api"
)

// The ways in which sources write a moment: with an offset, and without.
var (
	absolute = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00"}
	local    = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02", "02.01.2006 15:04", "200601021504"}
)

// moment reads a time. One without an offset is local to the zone; when that comes
// twice, it is the first that is after the moment before.
func moment(text string, zone *time.Location, after api.Time) (api.Time, error) {
	text = strings.TrimSpace(text)
	for _, form := range absolute {
		if t, err := time.Parse(form, text); err == nil {
			return inRange(t, text)
		}
	}
	for _, form := range local {
		wall, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		t, err := inZone(wall, zone, after)
		if err != nil {
			return 0, err
		}
		return inRange(t, text)
	}
	return 0, fmt.Errorf("%.40q is no moment in time: write for example 2023-01-31T12:00Z", text)
}

func inRange(t time.Time, text string) (api.Time, error) {
	if y := t.Year(); y < 1970 || y > 2199 {
		return 0, fmt.Errorf("%.40q lies out of range: from 1970 to 2199", text)
	}
	return api.Time(t.UnixNano()), nil
}

// inZone finds the moments at which clocks of a zone show a time.
func inZone(wall time.Time, zone *time.Location, after api.Time) (time.Time, error) {
	var shown []time.Time
	seen := map[int]bool{}
	for _, near := range [...]time.Duration{-26 * time.Hour, 26 * time.Hour} { // offsets before and after a change
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, is := t.In(zone).Zone(); is == offset && !seen[offset] {
			seen[offset] = true
			shown = append(shown, t)
		}
	}
	switch {
	case len(shown) == 0:
		return time.Time{}, fmt.Errorf("no clock of %s shows %s: it lies in the hour that is skipped in spring", zone, wall.Format("2006-01-02 15:04"))
	case len(shown) == 2 && shown[1].Before(shown[0]):
		shown[0], shown[1] = shown[1], shown[0]
	}
	if len(shown) == 2 && api.Time(shown[0].UnixNano()) <= after {
		return shown[1], nil
	}
	return shown[0], nil
}
