package api

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unit is a suffix of a quantity and how many of its base units it stands for.
type unit struct {
	suffix string
	size   uint64
}

// quantity describes the text form of a non-negative amount: a decimal number
// and a suffix.
type quantity struct {
	what    string // as it stands in messages: "a size"
	example string // what a right one looks like
	units   []unit // the first has no suffix
	finest  string // base unit, for numbers that are too fine; "" rounds up
	suggest func(number, rest string) string
}

var (
	milliText = quantity{
		what: "an amount", example: "2, 0.5 or 250m", finest: "a thousandth",
		units:   []unit{{"", 1000}, {"m", 1}},
		suggest: suggestMilli,
	}
	bytesText = quantity{
		what: "a size", example: "512, 64Ki, 12Gi or 1.5G",
		units: []unit{
			{"", 1},
			{"k", 1e3},
			{"M", 1e6},
			{"G", 1e9},
			{"T", 1e12},
			{"P", 1e15},
			{"E", 1e18},
			{"Ki", 1 << 10},
			{"Mi", 1 << 20},
			{"Gi", 1 << 30},
			{"Ti", 1 << 40},
			{"Pi", 1 << 50},
			{"Ei", 1 << 60},
		},
		suggest: suggestBytes,
	}
	rateText = quantity{
		what: "a bandwidth", example: "512kbit, 100Mbit or 1Gbit",
		units:   []unit{{"", 1}, {"bit", 1}, {"kbit", 1e3}, {"Mbit", 1e6}, {"Gbit", 1e9}, {"Tbit", 1e12}},
		suggest: suggestRate,
	}
)

// parse reads s. It allocates only for an error.
func (q *quantity) parse(s string) (int64, error) {
	d, rest, ok := cutDecimal(s)
	if !ok {
		return 0, q.refuse(s)
	}
	for _, u := range q.units {
		if u.suffix != rest {
			continue
		}
		n, exact, fits := d.times(u.size)
		if !exact && fits {
			if q.finest != "" {
				return 0, fmt.Errorf("%s is finer than %s", quote(s), q.finest)
			}
			if u.size == 1 {
				return 0, fmt.Errorf("%s is not a whole number; write %s", quote(s), q.example)
			}
			n++
		}
		if !fits || n > math.MaxInt64 {
			return 0, fmt.Errorf("%s is too large for %s", quote(s), q.what)
		}
		return int64(n), nil
	}
	return 0, q.refuse(s)
}

// refuse says what is wrong with s, and what was meant if that can be told.
func (q *quantity) refuse(s string) error {
	if strings.HasPrefix(strings.TrimSpace(s), "-") {
		return fmt.Errorf("%s is negative; %s is at least 0", quote(s), q.what)
	}
	if number, rest := splitNumber(s); number != "" {
		if meant := q.suggest(number, rest); meant != "" {
			return fmt.Errorf("%s is not %s; did you mean %s?", quote(s), q.what, meant)
		}
	}
	return fmt.Errorf("%s is not %s; write for example %s", quote(s), q.what, q.example)
}

// splitNumber cuts a number off s; what follows comes in small letters without
// spaces. number is "" when s does not begin with one.
func splitNumber(s string) (number, rest string) {
	s = strings.TrimSpace(s)
	_, rest, ok := cutDecimal(s)
	if !ok || len(s) > 32 {
		return "", ""
	}
	return s[:len(s)-len(rest)], strings.ToLower(strings.TrimSpace(rest))
}

func suggestMilli(number, rest string) string {
	switch {
	case strings.HasPrefix(rest, "m"):
		return number + "m"
	case rest == "" || strings.HasPrefix(rest, "c"): // "2 cores", "2cpu"
		return number
	}
	return ""
}

func suggestBytes(number, rest string) string {
	if rest == "" || strings.HasPrefix(rest, "b") {
		return number
	}
	i := strings.IndexByte("kmgtpe", rest[0])
	if after := rest[1:]; i >= 0 && (after == "" || after == "b" || after == "i" || after == "ib") {
		return number + "KMGTPE"[i:i+1] + "i"
	}
	return ""
}

func suggestRate(number, rest string) string {
	if rest == "" {
		return number
	}
	if strings.HasPrefix(rest, "b") {
		return number + "bit"
	}
	if i := strings.IndexByte("kmgt", rest[0]); i >= 0 {
		return number + "kMGT"[i:i+1] + "bit"
	}
	return ""
}

// ParseMilli reads a number of cores or devices: "2", "0.5", "250m".
func ParseMilli(s string) (Milli, error) {
	n, err := milliText.parse(s)
	return Milli(n), err
}

// ParseBytes reads a size: "512", "64Ki", "12Gi", "1.5G". A fraction of a byte
// is rounded up.
func ParseBytes(s string) (Bytes, error) {
	n, err := bytesText.parse(s)
	return Bytes(n), err
}

// ParseRate reads a bandwidth: "512", "100Mbit", "1Gbit".
func ParseRate(s string) (Rate, error) {
	n, err := rateText.parse(s)
	return Rate(n), err
}

// String is "250m" below one, "2" or "1.5" from one on.
func (m Milli) String() string { return string(m.append(nil)) }

func (m Milli) append(b []byte) []byte {
	b, n := appendSign(b, int64(m))
	if n > 0 && n < 1000 {
		return append(strconv.AppendUint(b, n, 10), 'm')
	}
	return appendDecimal(b, n, 3)
}

// String uses the unit that leaves the smallest whole number: "12Gi", "1500M".
func (n Bytes) String() string { return string(n.append(nil)) }

func (n Bytes) append(b []byte) []byte {
	b, v := appendSign(b, int64(n))
	best := bytesText.units[0]
	for _, u := range bytesText.units {
		// Equal quotients do not occur: no power of 1000 is one of 1024.
		if v%u.size == 0 && u.size > best.size && v > 0 {
			best = u
		}
	}
	return append(strconv.AppendUint(b, v/best.size, 10), best.suffix...)
}

// String uses the largest unit that leaves a whole number: "100Mbit".
func (r Rate) String() string { return string(r.append(nil)) }

func (r Rate) append(b []byte) []byte {
	b, v := appendSign(b, int64(r))
	best := rateText.units[0]
	for _, u := range rateText.units {
		if v%u.size == 0 && v > 0 {
			best = u
		}
	}
	return append(strconv.AppendUint(b, v/best.size, 10), best.suffix...)
}

// appendSign writes a minus if n is negative and returns its magnitude.
func appendSign(b []byte, n int64) ([]byte, uint64) {
	if n < 0 {
		return append(b, '-'), -uint64(n)
	}
	return b, uint64(n)
}

// AppendText implements encoding.TextAppender.
func (m Milli) AppendText(b []byte) ([]byte, error) { return m.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (m Milli) MarshalText() ([]byte, error) { return m.append(nil), nil }

// UnmarshalText is ParseMilli.
func (m *Milli) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMilli(string(b))
	return err
}

// UnmarshalJSON reads a text form or a number of cores or devices.
func (m *Milli) UnmarshalJSON(b []byte) error { return fromJSON(b, m.UnmarshalText) }

// AppendText implements encoding.TextAppender.
func (n Bytes) AppendText(b []byte) ([]byte, error) { return n.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (n Bytes) MarshalText() ([]byte, error) { return n.append(nil), nil }

// UnmarshalText is ParseBytes.
func (n *Bytes) UnmarshalText(b []byte) (err error) {
	*n, err = ParseBytes(string(b))
	return err
}

// UnmarshalJSON reads a text form or a number of bytes.
func (n *Bytes) UnmarshalJSON(b []byte) error { return fromJSON(b, n.UnmarshalText) }

// AppendText implements encoding.TextAppender.
func (r Rate) AppendText(b []byte) ([]byte, error) { return r.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (r Rate) MarshalText() ([]byte, error) { return r.append(nil), nil }

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRate(string(b))
	return err
}

// UnmarshalJSON reads a text form or a number of bits per second.
func (r *Rate) UnmarshalJSON(b []byte) error { return fromJSON(b, r.UnmarshalText) }

// fromJSON gives the text of a JSON string or number to read. null changes
// nothing, as everywhere in encoding/json.
func fromJSON(b []byte, read func([]byte) error) error {
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	if b[0] != '"' {
		return read(b)
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	return read([]byte(s))
}

// quote shows a value of the user's in a message, not more than 64 bytes of it.
func quote(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
}
