package cron

import (
	"math"
	"time"
)

// horizon bounds the search for a next time. The longest wait of an expression
// that matches at all is 40 years: for a 29th of February on a given day of the
// week, when a century without a leap year lies between.
const horizon = 41

// Next returns the first time after the given one that e names in the zone, to
// the second, with after's sub-second part ignored. ok is false when there is
// none that Unix nanoseconds in an int64 can hold.
func (e Expr) Next(after time.Time, zone *time.Location) (next time.Time, ok bool) {
	start := after.Truncate(0).In(zone)
	if e.everyHour {
		next, ok = e.follow(start)
	} else {
		next, ok = e.fixed(start)
	}
	if !ok || next.Year() > lastYear {
		return time.Time{}, false
	}
	return next, true
}

// NextUnix is Next on Unix nanoseconds.
func (e Expr) NextUnix(after int64, zone *time.Location) (next int64, ok bool) {
	t, ok := e.Next(time.Unix(0, after), zone)
	if !ok {
		return 0, false
	}
	return t.UnixNano(), true
}

// lastYear is the last whole year of int64 Unix nanoseconds.
var lastYear = time.Unix(0, math.MaxInt64).UTC().Year() - 1

// fixed finds the next local time that matches and turns it into an instant.
// Instants never decrease with local times, so the first one beyond after is the
// answer; inside a doubled hour some turn out to be past.
func (e Expr) fixed(after time.Time) (time.Time, bool) {
	local := clockOf(after)
	limit := local.AddDate(horizon, 0, 0)
	for {
		var ok bool
		if local, ok = e.match(local.Add(time.Second), limit); !ok {
			return time.Time{}, false
		}
		if t := instant(local, after.Location()); t.After(after) {
			return t, true
		}
	}
}

// follow finds the next instant at which the zone's clock shows a time that
// matches, one stretch between clock changes after the other.
func (e Expr) follow(after time.Time) (time.Time, bool) {
	t := after.Truncate(time.Second).Add(time.Second)
	limit := clockOf(t).AddDate(horizon, 0, 0)
	for {
		local := clockOf(t)
		shown, ok := e.match(local, limit)
		if !ok {
			return time.Time{}, false
		}
		found := t.Add(shown.Sub(local))
		end, ends := stretch(t)
		if !ends || found.Before(end) {
			return found, true
		}
		t = end
	}
}

// clockOf is what a clock in t's zone shows, to the second, written as a time in
// UTC: arithmetic on it knows no clock changes.
func clockOf(t time.Time) time.Time {
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	return time.Date(y, mo, d, h, mi, s, 0, time.UTC)
}

// instant is when a clock in the zone first shows local; for a local time that
// is skipped, the first instant after the gap.
func instant(local time.Time, zone *time.Location) time.Time {
	// No zone is more than 26 hours from UTC, so this is before the answer.
	start := local.Add(-26 * time.Hour).In(zone)
	for {
		_, offset := start.Zone()
		shown := local.Add(-time.Duration(offset) * time.Second).In(zone)
		if shown.Before(start) {
			return start
		}
		end, ends := stretch(start)
		if !ends || shown.Before(end) {
			return shown
		}
		start = end
	}
}

// stretch returns an instant after t up to which t's zone keeps its offset; ends
// is false when it keeps it for ever. The offset need not change there.
func stretch(t time.Time) (end time.Time, ends bool) {
	_, end = t.ZoneBounds()
	if end.IsZero() {
		return end, false
	}
	if !end.After(t) {
		// In years beyond a zone's table the library takes each year for one of
		// 365 days, and ends the last day of a leap year before it begins.
		end = t.Truncate(time.Minute).Add(time.Minute)
	}
	return end, true
}

// match returns the first local time from on, before limit, that e names.
func (e *Expr) match(from, limit time.Time) (time.Time, bool) {
	h, m, s := from.Clock()
	day := from.Add(-time.Duration(h)*time.Hour - time.Duration(m)*time.Minute - time.Duration(s)*time.Second)
	for day.Before(limit) {
		y, month, d := day.Date()
		if !e.month.has(int(month)) {
			day, h, m, s = time.Date(y, month+1, 1, 0, 0, 0, 0, time.UTC), 0, 0, 0
			continue
		}
		if e.matchesDay(d, day.Weekday()) {
			if h, m, s, ok := e.clock(h, m, s); ok {
				return day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second), true
			}
		}
		day, h, m, s = day.Add(24*time.Hour), 0, 0, 0
	}
	return time.Time{}, false
}

func (e *Expr) matchesDay(day int, weekday time.Weekday) bool {
	if e.eitherDay {
		return e.day.has(day) || e.weekday.has(int(weekday))
	}
	return e.day.has(day) && e.weekday.has(int(weekday))
}

// clock returns the first time of day from h:m:s on that matches.
func (e *Expr) clock(h, m, s int) (hour, minute, second int, ok bool) {
	if e.hour.has(h) {
		if e.minute.has(m) {
			if s := e.second.from(s); s >= 0 {
				return h, m, s, true
			}
		}
		if m := e.minute.from(m + 1); m >= 0 {
			return h, m, e.second.from(0), true
		}
	}
	if h := e.hour.from(h + 1); h >= 0 {
		return h, e.minute.from(0), e.second.from(0), true
	}
	return 0, 0, 0, false
}

// Matches reports whether a clock in t's zone shows a time that e names.
func (e Expr) Matches(t time.Time) bool {
	h, m, s := t.Clock()
	return e.second.has(s) && e.minute.has(m) && e.hour.has(h) &&
		e.month.has(int(t.Month())) && e.matchesDay(t.Day(), t.Weekday())
}
