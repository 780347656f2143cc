package cron

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// MaxLength is the longest expression in bytes.
const MaxLength = 256

// set has bit n set when n matches.
type set uint64

func (s set) has(n int) bool { return s>>n&1 != 0 }

// from returns the least member that is at least n, or -1.
func (s set) from(n int) int {
	if rest := s >> n; n < 64 && rest != 0 {
		return n + bits.TrailingZeros64(uint64(rest))
	}
	return -1
}

// Expr is a parsed expression. The zero Expr matches nothing.
type Expr struct {
	second, minute, hour, day, month, weekday set

	eitherDay bool // day and weekday are both restricted: one of them must match
	everyHour bool // the clock itself is followed
}

// field describes one field of an expression.
type field struct {
	name   string
	lo, hi int
	names  []string // of lo and the following
}

var fields = [...]field{
	{name: "second", lo: 0, hi: 59},
	{name: "minute", lo: 0, hi: 59},
	{name: "hour", lo: 0, hi: 23},
	{name: "day of month", lo: 1, hi: 31},
	{name: "month", lo: 1, hi: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day of week", lo: 0, hi: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

var shorthands = [...]struct{ name, means string }{
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
}

// Parse reads an expression. It refuses one that can never match, such as the
// 30th of February.
func Parse(text string) (Expr, error) {
	if len(text) > MaxLength {
		return Expr{}, fmt.Errorf("the expression has %d bytes; the limit is %d", len(text), MaxLength)
	}
	parts := strings.Fields(text)
	if strings.HasPrefix(text, "@") {
		means, err := longhand(text)
		if err != nil {
			return Expr{}, err
		}
		parts = strings.Fields(means)
	}
	if len(parts) == 5 {
		parts = slices.Insert(parts, 0, "0")
	}
	if len(parts) != 6 {
		return Expr{}, fmt.Errorf("%q has %d fields; write five (minute, hour, day of month, month, day of week), or six with the second first", text, len(parts))
	}
	var sets [6]set
	for i := range sets {
		s, err := fields[i].parse(parts[i])
		if err != nil {
			return Expr{}, fmt.Errorf("%s: %w", fields[i].name, err)
		}
		sets[i] = s
	}
	e := Expr{second: sets[0], minute: sets[1], hour: sets[2], day: sets[3], month: sets[4], weekday: sets[5]}
	e.weekday = (e.weekday | e.weekday>>7) & (1<<7 - 1) // 7 is Sunday, too
	e.eitherDay = parts[3][0] != '*' && parts[5][0] != '*'
	e.everyHour = e.hour == 1<<24-1
	if !e.possible() {
		return Expr{}, fmt.Errorf("%q never matches: none of its months has such a day", text)
	}
	return e, nil
}

func longhand(text string) (string, error) {
	var names []string
	for _, s := range shorthands {
		if s.name == strings.ToLower(text) {
			return s.means, nil
		}
		names = append(names, s.name)
	}
	return "", fmt.Errorf("%q is not known; choose one of %s, or write five fields", text, strings.Join(names, ", "))
}

// possible reports whether some month has a day that matches.
func (e *Expr) possible() bool {
	if e.eitherDay {
		return true
	}
	longest := [...]int{1: 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for m := 1; m <= 12; m++ {
		if first := e.day.from(1); e.month.has(m) && first >= 0 && first <= longest[m] {
			return true
		}
	}
	return false
}

// parse reads a list such as "1-5,*/15".
func (f *field) parse(text string) (set, error) {
	var s set
	for item := range strings.SplitSeq(text, ",") {
		more, err := f.item(item)
		if err != nil {
			return 0, err
		}
		s |= more
	}
	return s, nil
}

// item reads "*", "a", "a-b", and these with "/step". A single number with a
// step goes on to the end of the field.
func (f *field) item(text string) (set, error) {
	span, stepText, stepped := strings.Cut(text, "/")
	lo, hi, err := f.span(span, stepped)
	if err != nil {
		return 0, err
	}
	step := 1
	if stepped {
		step, err = strconv.Atoi(stepText)
		if err != nil || step < 1 || step > f.hi {
			return 0, fmt.Errorf("%q is not a step from 1 to %d", stepText, f.hi)
		}
	}
	var s set
	for n := lo; n <= hi; n += step {
		s |= 1 << n
	}
	return s, nil
}

func (f *field) span(text string, stepped bool) (lo, hi int, err error) {
	if text == "*" {
		if f.hi == 7 {
			return 0, 6, nil // Sunday once
		}
		return f.lo, f.hi, nil
	}
	from, to, ranged := strings.Cut(text, "-")
	if lo, err = f.number(from); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		hi, err = f.number(to)
		if strings.EqualFold(to, "SUN") {
			hi = 7 // the end of a week
		}
	case stepped:
		hi = f.hi
	default:
		hi = lo
	}
	if err == nil && hi < lo {
		err = fmt.Errorf("the range %q runs backwards", text)
	}
	return lo, hi, err
}

func (f *field) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(name, text) {
			return f.lo + i, nil
		}
	}
	// Two digits are the most that a field has; Atoi would accept a sign.
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || int(n) < f.lo || int(n) > f.hi {
		return 0, fmt.Errorf("%q is not a number from %d to %d%s", text, f.lo, f.hi, f.orName())
	}
	return int(n), nil
}

func (f *field) orName() string {
	if f.names == nil {
		return ""
	}
	return " or a name such as " + f.names[1]
}
