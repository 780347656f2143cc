package cron_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"drover.dev/api/cron"
	"pgregory.net/rapid"
)

const layout = "2006-01-02 15:04:05 -0700"

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := cron.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, expr, zone, after string
		want                    []string
	}{
		{
			"every 15 minutes", "*/15 * * * *", "UTC", "2026-01-01 00:00:00 +0000",
			[]string{"2026-01-01 00:15:00 +0000", "2026-01-01 00:30:00 +0000", "2026-01-01 00:45:00 +0000", "2026-01-01 01:00:00 +0000"},
		},
		{
			"names, ranges and lists", "30 8-10,18 * JAN-MAR mon-fri", "UTC", "2026-01-02 10:30:00 +0000",
			[]string{"2026-01-02 18:30:00 +0000", "2026-01-05 08:30:00 +0000", "2026-01-05 09:30:00 +0000"},
		},
		{
			"seconds first", "*/20 59 23 31 12 *", "UTC", "2026-12-31 23:59:10 +0000",
			[]string{"2026-12-31 23:59:20 +0000", "2026-12-31 23:59:40 +0000", "2027-12-31 23:59:00 +0000"},
		},
		{"from a number on", "10/20 0 * * *", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-01 00:10:00 +0000", "2026-01-01 00:30:00 +0000", "2026-01-01 00:50:00 +0000", "2026-01-02 00:10:00 +0000"}},
		{"Sunday is 7", "0 0 * * 7", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-04 00:00:00 +0000"}},
		{"to Sunday", "0 0 * * sat-sun", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-03 00:00:00 +0000", "2026-01-04 00:00:00 +0000", "2026-01-10 00:00:00 +0000"}},
		{"either day", "0 0 13 * FRI", "UTC", "2026-02-05 00:00:00 +0000", []string{"2026-02-06 00:00:00 +0000", "2026-02-13 00:00:00 +0000", "2026-02-20 00:00:00 +0000"}},
		{"both days, as one begins with *", "0 0 */2 * FRI", "UTC", "2026-02-05 00:00:00 +0000", []string{"2026-02-13 00:00:00 +0000", "2026-02-27 00:00:00 +0000"}},
		{"leap day", "0 0 29 2 *", "UTC", "2026-01-01 00:00:00 +0000", []string{"2028-02-29 00:00:00 +0000", "2032-02-29 00:00:00 +0000"}},
		{"leap day around 2100", "0 0 29 2 *", "UTC", "2096-02-29 00:00:00 +0000", []string{"2104-02-29 00:00:00 +0000"}},
		{"leap Sunday around 2100", "0 0 29 2 */7", "UTC", "2072-02-28 00:00:00 +0000", []string{"2088-02-29 00:00:00 +0000", "2128-02-29 00:00:00 +0000"}},
		{"31st of short months", "0 0 31 4,5,6 *", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-05-31 00:00:00 +0000", "2027-05-31 00:00:00 +0000"}},
		{"@hourly", "@hourly", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-01 01:00:00 +0000"}},
		{"@midnight", "@Midnight", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-02 00:00:00 +0000"}},
		{"@weekly", "@weekly", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-01-04 00:00:00 +0000"}},
		{"@monthly", "@monthly", "UTC", "2026-01-01 00:00:00 +0000", []string{"2026-02-01 00:00:00 +0000"}},
		{"@yearly", "@yearly", "UTC", "2026-01-01 00:00:00 +0000", []string{"2027-01-01 00:00:00 +0000"}},

		{
			"skipped: once, after the gap", "0,30 2 * * *", "Europe/Berlin", "2026-03-28 02:00:00 +0100",
			[]string{"2026-03-28 02:30:00 +0100", "2026-03-29 03:00:00 +0200", "2026-03-30 02:00:00 +0200"},
		},
		{
			"skipped, and due after the gap: once", "0 2,3 * * *", "Europe/Berlin", "2026-03-28 03:00:00 +0100",
			[]string{"2026-03-29 03:00:00 +0200", "2026-03-30 02:00:00 +0200"},
		},
		{
			"doubled: the first", "30 2 * * *", "Europe/Berlin", "2026-10-24 02:30:00 +0200",
			[]string{"2026-10-25 02:30:00 +0200", "2026-10-26 02:30:00 +0100"},
		},
		{
			"doubled: asked inside the second pass", "30 2 * * *", "Europe/Berlin", "2026-10-25 02:10:00 +0100",
			[]string{"2026-10-26 02:30:00 +0100"},
		},
		{
			"every hour goes on through a gap", "*/30 * * * *", "America/New_York", "2026-03-08 01:00:00 -0500",
			[]string{"2026-03-08 01:30:00 -0500", "2026-03-08 03:00:00 -0400", "2026-03-08 03:30:00 -0400"},
		},
		{
			"every hour goes on through a doubled hour", "*/30 * * * *", "America/New_York", "2026-11-01 01:00:00 -0400",
			[]string{"2026-11-01 01:30:00 -0400", "2026-11-01 01:00:00 -0500", "2026-11-01 01:30:00 -0500", "2026-11-01 02:00:00 -0500"},
		},
		{
			"doubled in New York", "15 1 * * *", "America/New_York", "2026-10-31 12:00:00 -0400",
			[]string{"2026-11-01 01:15:00 -0400", "2026-11-02 01:15:00 -0500"},
		},
		{
			"a gap of half an hour", "15,45 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00:00 +1030",
			[]string{"2026-10-04 02:30:00 +1100", "2026-10-04 02:45:00 +1100", "2026-10-05 02:15:00 +1100"},
		},
		{
			"half an hour doubled", "15,45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00:00 +1100",
			[]string{"2026-04-05 01:15:00 +1100", "2026-04-05 01:45:00 +1100", "2026-04-06 01:15:00 +1030"},
		},
		{
			"a skipped day", "0 12 * * *", "Pacific/Apia", "2011-12-28 12:00:00 -1000",
			[]string{"2011-12-29 12:00:00 -1000", "2011-12-31 00:00:00 +1400", "2011-12-31 12:00:00 +1400"},
		},
		{
			"every hour over a skipped day", "0 * * * *", "Pacific/Apia", "2011-12-29 22:00:00 -1000",
			[]string{"2011-12-29 23:00:00 -1000", "2011-12-31 00:00:00 +1400"},
		},
		{"clock changes beyond the tables", "30 2 * * *", "Europe/Berlin", "2060-03-27 03:00:00 +0100", []string{"2060-03-28 03:00:00 +0200"}},
		{"last day of a leap year beyond the tables", "* * * * *", "Europe/Berlin", "2072-12-31 23:58:00 +0100", []string{"2072-12-31 23:59:00 +0100", "2073-01-01 00:00:00 +0100"}},
		{"a local time there", "30 23 31 12 *", "Europe/Berlin", "2072-12-31 12:00:00 +0100", []string{"2072-12-31 23:30:00 +0100", "2073-12-31 23:30:00 +0100"}},
		{"within a second", "* * * * * *", "UTC", "1969-12-31 23:59:58 +0000", []string{"1969-12-31 23:59:59 +0000", "1970-01-01 00:00:00 +0000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := cron.Parse(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(layout, c.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				next, ok := e.Next(at, zone(t, c.zone))
				if got := next.Format(layout); !ok || got != want {
					t.Fatalf("after %s: got %s, want %s", at.Format(layout), got, want)
				}
				at = next
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `"" has 0 fields; write five (minute, hour, day of month, month, day of week), or six with the second first`,
		"* * * *":                `"* * * *" has 4 fields; write five (minute, hour, day of month, month, day of week), or six with the second first`,
		"60 * * * *":             `minute: "60" is not a number from 0 to 59`,
		"* 24 * * *":             `hour: "24" is not a number from 0 to 23`,
		"* * 0 * *":              `day of month: "0" is not a number from 1 to 31`,
		"* * * FOO *":            `month: "FOO" is not a number from 1 to 12 or a name such as FEB`,
		"* * * * 8":              `day of week: "8" is not a number from 0 to 7 or a name such as MON`,
		"5-1 * * * *":            `minute: the range "5-1" runs backwards`,
		"*/0 * * * *":            `minute: "0" is not a step from 1 to 59`,
		"*/90 * * * *":           `minute: "90" is not a step from 1 to 59`,
		"1,, * * * *":            `minute: "" is not a number from 0 to 59`,
		"+1 * * * *":             `minute: "+1" is not a number from 0 to 59`,
		"* * ? * *":              `day of month: "?" is not a number from 1 to 31`,
		"0 0 30 2 *":             `"0 0 30 2 *" never matches: none of its months has such a day`,
		"0 0 31 4,6,9,11 *":      `"0 0 31 4,6,9,11 *" never matches: none of its months has such a day`,
		"@reboot":                `"@reboot" is not known; choose one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, or write five fields`,
		strings.Repeat("*", 300): "the expression has 300 bytes; the limit is 256",
	} {
		if _, err := cron.Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// A 30th of February with a day of the week matches on that day, as in Vixie cron.
func TestImpossibleDayWithWeekday(t *testing.T) {
	if _, err := cron.Parse("0 0 30 2 MON"); err != nil {
		t.Error(err)
	}
}

func TestEndOfTime(t *testing.T) {
	e, err := cron.Parse("@yearly")
	if err != nil {
		t.Fatal(err)
	}
	if next, ok := e.NextUnix(math.MaxInt64, time.UTC); ok {
		t.Errorf("got %d", next)
	}
	if _, ok := (cron.Expr{}).Next(time.Unix(0, 0), time.UTC); ok {
		t.Error("the zero expression has a next time")
	}
}

func TestEveryZone(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Etc/GMT+12"} {
		if got := zone(t, name).String(); got != name {
			t.Errorf("%s: got %s", name, got)
		}
	}
	for _, name := range []string{"", "Local", "local", "europe/berlin", "../Europe/Berlin", "Europe/", "Berlin"} {
		if _, err := cron.Zone(name); err == nil {
			t.Errorf("%q is a zone", name)
		}
	}
	if names := cron.ZoneNames(); len(names) < 500 {
		t.Errorf("only %d zones", len(names))
	} else {
		for _, name := range names {
			zone(t, name)
		}
	}
}

// anyExpr draws expressions of all shapes.
func anyExpr() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := func(label string, options ...string) string { return rapid.SampledFrom(options).Draw(t, label) }
		return strings.Join([]string{
			part("second", "0", "30", "*/20", "*"),
			part("minute", "0", "*", "*/15", "30", "5,35", "59"),
			part("hour", "*", "2", "1-3", "*/6", "0", "23"),
			part("day", "*", "1", "13", "29-31", "*/5"),
			part("month", "*", "3", "10", "2", "JAN-JUN"),
			part("weekday", "*", "0", "MON-FRI", "*/2"),
		}, " ")
	})
}

var zoneNames = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran"}

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := cron.Parse(anyExpr().Draw(t, "expression"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := cron.Zone(rapid.SampledFrom(zoneNames).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(1.2e9, 5e9).Draw(t, "after"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		for range 20 {
			next, ok := e.Next(at, z)
			if !ok && at.Year() > 2200 {
				return // near the end of time
			}
			if !ok {
				t.Fatalf("nothing after %v", at)
			}
			if !next.After(at) || next.Nanosecond() != 0 {
				t.Fatalf("after %v comes %v", at, next)
			}
			if start, _ := next.ZoneBounds(); !e.Matches(next) && !next.Equal(start) {
				t.Fatalf("%v neither matches nor ends a gap", next)
			}
			at = next
		}
	})
}

// Second by second through the days around clock changes: what Next finds is what
// a reader of the rules would find with a clock in hand.
func TestNextAgainstTheClock(t *testing.T) {
	for _, c := range []struct{ zone, from string }{
		{"Europe/Berlin", "2026-03-28 22:00:00 +0100"},
		{"Europe/Berlin", "2026-10-24 22:00:00 +0200"},
		{"Australia/Lord_Howe", "2026-10-03 22:00:00 +1030"},
		{"Australia/Lord_Howe", "2026-04-04 22:00:00 +1100"},
	} {
		from, err := time.Parse(layout, c.from)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, c.zone)
		for _, expr := range []string{"*/10 * * * *", "*/10 1-3 * * *", "0 2 * * *", "15,45 1,2 * * *", "30 */2 * * *"} {
			e, err := cron.Parse(expr)
			if err != nil {
				t.Fatal(err)
			}
			everyHour := strings.Fields(expr)[1] == "*"
			want := byTheClock(e, from.In(z), everyHour)
			at := from
			for i, w := range want {
				next, _ := e.Next(at, z)
				if !next.Equal(w) {
					t.Errorf("%s %s: time %d after %v: got %v, want %v", c.zone, expr, i, at, next, w)
					break
				}
				at = next
			}
		}
	}
}

// byTheClock looks at each second of 12 hours. shown holds the local times that
// the clock has shown, so that a doubled one counts once; skipped ones are
// looked at when the clock jumps.
func byTheClock(e cron.Expr, from time.Time, everyHour bool) []time.Time {
	local := func(t time.Time) time.Time {
		_, offset := t.Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	var found []time.Time
	latest := local(from)
	for t := from.Add(time.Second); t.Before(from.Add(12 * time.Hour)); t = t.Add(time.Second) {
		now := local(t)
		switch {
		case everyHour:
			if e.Matches(now) {
				found = append(found, t)
			}
		case now.After(latest):
			for l := latest.Add(time.Second); !l.After(now); l = l.Add(time.Second) {
				if e.Matches(l) {
					found = append(found, t)
					break
				}
			}
		}
		if now.After(latest) {
			latest = now
		}
	}
	return found
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"* * * * *", "*/15 0-5,7 1 JAN MON", "@daily", "0 0 30 2 *", "1-2-3 /5 , - *", "0 0 29 2 */7"} {
		f.Add(s, int64(1.7e18))
	}
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, s string, after int64) {
		e, err := cron.Parse(s)
		if err != nil {
			return
		}
		if next, ok := e.NextUnix(after, berlin); ok && next <= after {
			t.Fatalf("%q: after %d comes %d", s, after, next)
		} else if !ok && after < 7e18 {
			t.Fatalf("%q: nothing after %d", s, after)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, expr := range []string{"*/15 * * * *", "30 4 * * *", "0 0 29 2 */7"} {
		b.Run(expr, func(b *testing.B) {
			e, err := cron.Parse(expr)
			if err != nil {
				b.Fatal(err)
			}
			z := zone(b, "Europe/Berlin")
			b.ReportAllocs()
			for b.Loop() {
				e.NextUnix(1.7e18, z)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := cron.Parse("*/15 8-18 * * MON-FRI"); err != nil {
			b.Fatal(err)
		}
	}
}
