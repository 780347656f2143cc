package api

import (
	"fmt"

	"drover.dev/api/cron"
)

// Next returns the first time of the schedule after the given one, and the zero
// Time when there is none. It fails on a schedule that Validate refuses.
func (s *Schedule) Next(after Time) (Time, error) {
	expr, err := cron.Parse(s.Cron)
	if err != nil {
		return 0, fmt.Errorf("schedule: cron: %w", err)
	}
	name := s.Zone
	if name == "" {
		name = DefaultZone
	}
	zone, err := cron.Zone(name)
	if err != nil {
		return 0, fmt.Errorf("schedule: %w", err)
	}
	next, ok := expr.NextUnix(int64(after), zone)
	if !ok {
		return 0, nil
	}
	return Time(next), nil
}
