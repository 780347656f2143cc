package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Bytes formats a size: "512 B", "1.2 MiB", "340 GiB".
func Bytes(n api.Bytes) string {
	v := math.Abs(float64(n))
	if v < 1024 {
		return strconv.FormatInt(int64(n), 10) + " B"
	}
	units := [...]string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for v /= 1024; v >= 1023.5 && i < len(units)-1; i++ {
		v /= 1024
	}
	digits := 1
	if v >= 99.95 {
		digits = 0
	}
	return sign(int64(n)) + strconv.FormatFloat(v, 'f', digits, 64) + " " + units[i]
}

func sign(n int64) string {
	if n < 0 {
		return "-"
	}
	return ""
}

// Duration formats a length of time to three digits or two units: "850 ns",
// "12.3 ms", "1.24 s", "3 min 20 s", "2 h 5 min", "3 d 4 h".
func Duration(d api.Duration) string {
	if d == 0 {
		return "0 s"
	}
	if d < 0 {
		return "-" + Duration(-max(d, -math.MaxInt64))
	}
	for _, u := range [...]struct {
		size api.Duration
		name string
		top  float64
	}{{1, "ns", 999.5}, {api.Microsecond, "µs", 999.5}, {api.Millisecond, "ms", 999.5}, {api.Second, "s", 59.95}} {
		if v := float64(d) / float64(u.size); v < u.top {
			if u.size == 1 {
				return strconv.FormatInt(int64(d), 10) + " " + u.name
			}
			return digits3(v) + " " + u.name
		}
	}
	switch {
	case d < api.Hour-api.Second/2:
		return two(d, api.Minute, "min", api.Second, "s")
	case d < api.Day-api.Minute/2:
		return two(d, api.Hour, "h", api.Minute, "min")
	}
	return two(d, api.Day, "d", api.Hour, "h")
}

// digits3 formats a value below 1000 to three digits.
func digits3(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// two formats a length in two units, rounded to the smaller.
func two(d, big api.Duration, bigName string, small api.Duration, smallName string) string {
	n := int64(d / small)
	if d%small >= small/2 {
		n++
	}
	per := int64(big / small)
	text := strconv.FormatInt(n/per, 10) + " " + bigName
	if rest := n % per; rest > 0 {
		text += " " + strconv.FormatInt(rest, 10) + " " + smallName
	}
	return text
}

// Count formats a number with thousands: "1,234,567".
func Count(n int64) string {
	text := strconv.FormatInt(n, 10)
	head := sign(n)
	text = strings.TrimPrefix(text, "-")
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return head + text
}

// Number formats a figure to about three digits: "0", "0.012", "4.37", "218",
// "1,234,567"; "–" when there is none.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v == 0:
		return "0"
	case a < 0.0995:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case a < 999.5:
		text := digits3(a)
		if v < 0 {
			text = "-" + text
		}
		return text
	}
	return Count(int64(math.Round(math.Max(-1e18, math.Min(v, 1e18)))))
}

// PerSecond formats a rate: "0.50/s", "12.3/s", "5,012/s"; "–" when there is
// none.
func PerSecond(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case math.Abs(v) < 999.5:
		return sign(int64(math.Floor(v))) + digits3(math.Abs(v)) + "/s"
	}
	return Count(int64(math.Round(math.Max(-1e18, math.Min(v, 1e18))))) + "/s"
}

// Bits formats a bandwidth: "100 Mbit/s".
func Bits(r api.Rate) string {
	v := float64(r)
	units := [...]string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"}
	i := 0
	for ; math.Abs(v) >= 999.5 && i < len(units)-1; i++ {
		v /= 1000
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + units[i]
}

// Percent formats a share, 1 being the whole: "79.2 %".
func Percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// CPU formats a processor amount: "0.25", "2", "64".
func CPU(m api.Milli) string { return strconv.FormatFloat(float64(m)/1000, 'f', -1, 64) }

// Ago formats an instant seen from now in one unit: "12 s ago", "in 3 min",
// "now" within a second, "–" when it is not set.
func Ago(t, now api.Time) string {
	if t == 0 {
		return "–"
	}
	d := now.Sub(t)
	future := d < 0
	if future {
		d = max(-d, 0)
	}
	if d < api.Second {
		return "now"
	}
	unit, name := api.Second, "s"
	switch {
	case d >= 2*api.Day:
		unit, name = api.Day, "d"
	case d >= 2*api.Hour:
		unit, name = api.Hour, "h"
	case d >= 2*api.Minute:
		unit, name = api.Minute, "min"
	}
	text := strconv.FormatInt(int64(d/unit), 10) + " " + name
	if future {
		return "in " + text
	}
	return text + " ago"
}
