package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// durationUnits are read in this order: longer suffixes first.
var durationUnits = [...]unit{
	{"ns", 1},
	{"us", 1e3},
	{"µs", 1e3},
	{"μs", 1e3},
	{"ms", 1e6},
	{"s", 1e9},
	{"m", 60e9},
	{"h", 3600e9},
	{"d", 86400e9},
}

// ParseDuration reads "250ms", "1.5s", "1h30m", "7d", "-5s" or "0".
func ParseDuration(s string) (Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "0" {
		return 0, nil
	}
	var sum uint64
	for first := true; first || rest != ""; first = false {
		n, after, err := cutTerm(s, rest)
		if err != nil {
			return 0, err
		}
		if sum+n < sum {
			return 0, tooLong(s)
		}
		sum, rest = sum+n, after
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	if sum > limit {
		return 0, tooLong(s)
	}
	if negative {
		return Duration(-sum), nil
	}
	return Duration(sum), nil
}

// cutTerm reads one number with its unit from the start of rest, a part of s.
func cutTerm(s, rest string) (n uint64, after string, err error) {
	d, rest, ok := cutDecimal(rest)
	if !ok {
		return 0, "", notDuration(s)
	}
	for _, u := range durationUnits {
		after, ok := strings.CutPrefix(rest, u.suffix)
		if !ok || after != "" && (after[0] < '0' || after[0] > '9') {
			continue
		}
		n, exact, fits := d.times(u.size)
		if !fits {
			return 0, "", tooLong(s)
		}
		if !exact {
			return 0, "", fmt.Errorf("%s is finer than a nanosecond", quote(s))
		}
		return n, after, nil
	}
	return 0, "", notDuration(s)
}

func tooLong(s string) error {
	return fmt.Errorf("%s is too long; the longest duration is 292 years", quote(s))
}

func notDuration(s string) error {
	if number, rest := splitNumber(s); number != "" {
		if u := guessUnit(rest); u != "" {
			return fmt.Errorf("%s is not a duration; did you mean %s%s?", quote(s), number, u)
		}
	}
	return fmt.Errorf("%s is not a duration; write for example 250ms, 30s, 1h30m or 7d", quote(s))
}

// guessUnit finds the unit meant by words such as "min" or "seconds"; a bare
// number most often means seconds.
func guessUnit(word string) string {
	for _, guess := range [...]struct{ prefix, unit string }{
		{"ms", "ms"}, {"mil", "ms"}, {"mi", "m"}, {"s", "s"}, {"h", "h"}, {"d", "d"},
	} {
		if strings.HasPrefix(word, guess.prefix) {
			return guess.unit
		}
	}
	if word == "" {
		return "s"
	}
	return ""
}

// String is the shortest exact form with whole days, hours and minutes: "7d",
// "1h30m", "1.5s", "250ms", "0s".
func (d Duration) String() string { return string(d.append(nil)) }

func (d Duration) append(b []byte) []byte {
	b, n := appendSign(b, int64(d))
	if n < uint64(Second) {
		return appendSubsecond(b, n)
	}
	for _, u := range [...]unit{{"d", 86400e9}, {"h", 3600e9}, {"m", 60e9}} {
		if n >= u.size {
			b = append(strconv.AppendUint(b, n/u.size, 10), u.suffix...)
			n %= u.size
		}
	}
	if n > 0 {
		b = append(appendDecimal(b, n, 9), 's')
	}
	return b
}

func appendSubsecond(b []byte, n uint64) []byte {
	switch {
	case n == 0:
		return append(b, "0s"...)
	case n < 1e3:
		return append(strconv.AppendUint(b, n, 10), "ns"...)
	case n < 1e6:
		return append(appendDecimal(b, n, 3), "µs"...)
	}
	return append(appendDecimal(b, n, 6), "ms"...)
}

// Std converts to the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// AppendText implements encoding.TextAppender.
func (d Duration) AppendText(b []byte) ([]byte, error) { return d.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return d.append(nil), nil }

// UnmarshalText is ParseDuration.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// UnmarshalJSON reads a text form. Of numbers only 0 is accepted: 30 does not
// say thirty of what.
func (d *Duration) UnmarshalJSON(b []byte) error { return fromJSON(b, d.UnmarshalText) }

// ParseTime reads an RFC 3339 instant, for example "2026-03-01T12:00:00Z", in
// the years 1678 to 2261. The empty text is the zero Time.
func ParseTime(s string) (Time, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a time; write for example 2026-03-01T12:00:00Z", quote(s))
	}
	if y := t.UTC().Year(); y < 1678 || y > 2261 {
		return 0, fmt.Errorf("%s is out of range; years go from 1678 to 2261", quote(s))
	}
	return Time(t.UnixNano()), nil
}

// String is RFC 3339 in UTC with as many digits of a second as needed; "" when
// t is not set.
func (t Time) String() string { return string(t.append(nil)) }

func (t Time) append(b []byte) []byte {
	if t == 0 {
		return b
	}
	return t.Std().AppendFormat(b, time.RFC3339Nano)
}

// Std converts to the standard library's type, in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// AppendText implements encoding.TextAppender.
func (t Time) AppendText(b []byte) ([]byte, error) { return t.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return t.append(nil), nil }

// UnmarshalText is ParseTime.
func (t *Time) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTime(string(b))
	return err
}
