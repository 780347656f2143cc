package report

import (
	"math"
	"testing"

	"drover.dev/api"
)

func TestFormats(t *testing.T) {
	const now = api.Time(1_800_000_000_000_000_000)
	for _, c := range []struct{ got, want string }{
		{Bytes(0), "0 B"},
		{Bytes(1023), "1023 B"},
		{Bytes(1024), "1.0 KiB"},
		{Bytes(1_258_291), "1.2 MiB"},
		{Bytes(340 << 30), "340 GiB"},
		{Bytes(1<<20 - 1), "1.0 MiB"},
		{Bytes(-2048), "-2.0 KiB"},
		{Bytes(math.MaxInt64), "8.0 EiB"},

		{Duration(0), "0 s"},
		{Duration(850), "850 ns"},
		{Duration(12_345), "12.3 µs"},
		{Duration(999_600), "1.00 ms"},
		{Duration(850 * api.Millisecond), "850 ms"},
		{Duration(1240 * api.Millisecond), "1.24 s"},
		{Duration(59_940 * api.Millisecond), "59.9 s"},
		{Duration(59_960 * api.Millisecond), "1 min"},
		{Duration(200 * api.Second), "3 min 20 s"},
		{Duration(api.Hour - api.Millisecond), "1 h"},
		{Duration(2*api.Hour + 5*api.Minute), "2 h 5 min"},
		{Duration(api.Day - api.Second), "1 d"},
		{Duration(76 * api.Hour), "3 d 4 h"},
		{Duration(-api.Second), "-1.00 s"},
		{Duration(math.MaxInt64), "106752 d"},
		{Duration(math.MinInt64), "-106752 d"},

		{Count(0), "0"},
		{Count(999), "999"},
		{Count(-1234567), "-1,234,567"},
		{Count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{PerSecond(0.5), "0.50/s"},
		{PerSecond(-0.5), "-0.50/s"},
		{PerSecond(12.34), "12.3/s"},
		{PerSecond(5012.4), "5,012/s"},
		{PerSecond(math.NaN()), "–"},
		{PerSecond(1e300), "1,000,000,000,000,000,000/s"},
		{Bits(100_000_000), "100 Mbit/s"},
		{Bits(2_500_000_000), "2.5 Gbit/s"},
		{Bits(0), "0 bit/s"},
		{Percent(0.792), "79.2 %"},
		{Percent(math.Inf(1)), "–"},
		{CPU(250), "0.25"},
		{CPU(64000), "64"},

		{Ago(0, now), "–"},
		{Ago(now.Add(-12*api.Second), now), "12 s ago"},
		{Ago(now.Add(-90*api.Second), now), "90 s ago"},
		{Ago(now.Add(-3*api.Hour), now), "3 h ago"},
		{Ago(now.Add(-50*api.Day), now), "50 d ago"},
		{Ago(now.Add(3*api.Minute), now), "in 3 min"},
		{Ago(now.Add(3*api.Millisecond), now), "now"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
