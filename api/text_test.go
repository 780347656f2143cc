package api_test

import (
	"encoding/json"
	"math"
	"testing"

	"drover.dev/api"
	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]api.Bytes{
		"0": 0, "512": 512, "64Ki": 64 << 10, "12Gi": 12 << 30, "1.5G": 15e8, "1.5Gi": 3 << 29,
		"1k": 1000, "0.1Ki": 103, "8191Pi": 8191 << 50, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := api.ParseBytes(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestTextErrors(t *testing.T) {
	size := func(s string) error { _, err := api.ParseBytes(s); return err }
	milli := func(s string) error { _, err := api.ParseMilli(s); return err }
	rate := func(s string) error { _, err := api.ParseRate(s); return err }
	duration := func(s string) error { _, err := api.ParseDuration(s); return err }
	instant := func(s string) error { _, err := api.ParseTime(s); return err }
	money := func(s string) error { _, err := api.ParseMoney(s); return err }
	digest := func(s string) error { _, err := api.ParseDigest(s); return err }
	for _, c := range []struct {
		parse      func(string) error
		text, want string
	}{
		{size, "12Gb", `"12Gb" is not a size; did you mean 12Gi?`},
		{size, "12 GB", `"12 GB" is not a size; did you mean 12Gi?`},
		{size, "64K", `"64K" is not a size; did you mean 64Ki?`},
		{size, "100 bytes", `"100 bytes" is not a size; did you mean 100?`},
		{size, "lots", `"lots" is not a size; write for example 512, 64Ki, 12Gi or 1.5G`},
		{size, "", `"" is not a size; write for example 512, 64Ki, 12Gi or 1.5G`},
		{size, "1.", `"1." is not a size; write for example 512, 64Ki, 12Gi or 1.5G`},
		{size, "1e9", `"1e9" is not a size; write for example 512, 64Ki, 12Gi or 1.5G`},
		{size, "-5Gi", `"-5Gi" is negative; a size is at least 0`},
		{size, "1.5", `"1.5" is not a whole number; write 512, 64Ki, 12Gi or 1.5G`},
		{size, "8Ei", `"8Ei" is too large for a size`},
		{size, "99999999999999999999", `"99999999999999999999" is not a size; write for example 512, 64Ki, 12Gi or 1.5G`},
		{milli, "0.0005", `"0.0005" is finer than a thousandth`},
		{milli, "2 cores", `"2 cores" is not an amount; did you mean 2?`},
		{milli, "250mcpu", `"250mcpu" is not an amount; did you mean 250m?`},
		{milli, "half", `"half" is not an amount; write for example 2, 0.5 or 250m`},
		{milli, "9999999999999999999", `"9999999999999999999" is too large for an amount`},
		{rate, "100Mbps", `"100Mbps" is not a bandwidth; did you mean 100Mbit?`},
		{rate, "1Gbit/s", `"1Gbit/s" is not a bandwidth; did you mean 1Gbit?`},
		{duration, "30", `"30" is not a duration; did you mean 30s?`},
		{duration, "5 min", `"5 min" is not a duration; did you mean 5m?`},
		{duration, "2weeks", `"2weeks" is not a duration; write for example 250ms, 30s, 1h30m or 7d`},
		{duration, "", `"" is not a duration; write for example 250ms, 30s, 1h30m or 7d`},
		{duration, "0.1ns", `"0.1ns" is finer than a nanosecond`},
		{duration, "300000h300000h300000h300000h300000h300000h300000h300000h300000h300000h", `"300000h300000h300000h300000h300000h300000h300000h300000h300000h3"… is too long; the longest duration is 292 years`},
		{duration, "200000d", `"200000d" is too long; the longest duration is 292 years`},
		{instant, "tomorrow", `"tomorrow" is not a time; write for example 2026-03-01T12:00:00Z`},
		{instant, "2400-01-01T00:00:00Z", `"2400-01-01T00:00:00Z" is out of range; years go from 1678 to 2261`},
		{money, "0.12", `"0.12" has no currency; write an ISO 4217 code after the amount: 0.12 EUR`},
		{money, "€5", `"€5" is not an amount of money; write for example 0.12 EUR`},
		{money, "0.0000001 EUR", `"0.0000001 EUR" is finer than a millionth`},
		{digest, "sha256:abc", `"sha256:abc" is not a digest; write sha256: and 64 hexadecimal digits in small letters`},
	} {
		if err := c.parse(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestCanonicalText(t *testing.T) {
	for want, v := range map[string]interface{ String() string }{
		"250m": api.Milli(250), "1.5": api.Milli(1500), "2": api.Milli(2000), "0": api.Milli(0), "-250m": api.Milli(-250),
		"12Gi": 12 * api.GiB, "1536Mi": 3 * api.GiB / 2, "1500M": api.Bytes(15e8), "513": api.Bytes(513),
		"100Mbit": api.Rate(1e8), "1500Mbit": api.Rate(15e8), "7bit": api.Rate(7),
		"7d": 7 * api.Day, "1h30m": 90 * api.Minute, "1.5s": 1500 * api.Millisecond, "1m0.5s": 60500 * api.Millisecond,
		"250ms": 250 * api.Millisecond, "1.5µs": api.Duration(1500), "3ns": api.Duration(3), "0s": api.Duration(0), "-5s": -5 * api.Second,
		"2026-03-01T12:00:00.5Z": api.Time(1772366400500000000), "": api.Time(0),
		"0.12 EUR": api.Money{Micro: 120000, Currency: "EUR"}, "-3 USD": api.Money{Micro: -3e6, Currency: "USD"},
	} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Small numbers of large units and arbitrary ones.
		n := rapid.OneOf(rapid.Int64Range(0, math.MaxInt64), rapid.Int64Range(0, 1e6),
			rapid.Map(rapid.IntRange(0, 62), func(s int) int64 { return 1 << s })).Draw(t, "n")
		if got, err := api.ParseMilli(api.Milli(n).String()); err != nil || int64(got) != n {
			t.Fatalf("milli %d: %d, %v", n, got, err)
		}
		if got, err := api.ParseBytes(api.Bytes(n).String()); err != nil || int64(got) != n {
			t.Fatalf("bytes %d: %d, %v", n, got, err)
		}
		if got, err := api.ParseRate(api.Rate(n).String()); err != nil || int64(got) != n {
			t.Fatalf("rate %d: %d, %v", n, got, err)
		}
		s := n
		if rapid.Bool().Draw(t, "negative") {
			s = -n - 1
		}
		if got, err := api.ParseDuration(api.Duration(s).String()); err != nil || int64(got) != s {
			t.Fatalf("duration %d: %d, %v", s, got, err)
		}
		at := min(n, 9.2e18) // in 2261
		if got, err := api.ParseTime(api.Time(at).String()); err != nil || int64(got) != at {
			t.Fatalf("time %d: %d, %v", at, got, err)
		}
		m := api.Money{Micro: max(s, -math.MaxInt64), Currency: "EUR"}
		if got, err := api.ParseMoney(m.String()); err != nil || got != m {
			t.Fatalf("money %v: %v, %v", m, got, err)
		}
	})
}

// amounts has one field of every type with a text form.
type amounts struct {
	CPU      api.Milli          `json:"cpu" cbor:"1,keyasint"`
	Memory   api.Bytes          `json:"memory" cbor:"2,keyasint"`
	Link     api.Rate           `json:"link" cbor:"3,keyasint"`
	Wait     api.Duration       `json:"wait" cbor:"4,keyasint"`
	At       api.Time           `json:"at" cbor:"5,keyasint"`
	Task     api.TaskStatus     `json:"task" cbor:"6,keyasint"`
	Workload api.WorkloadStatus `json:"workload" cbor:"7,keyasint"`
	Outcome  api.Outcome        `json:"outcome" cbor:"8,keyasint"`
	Desire   api.Desire         `json:"desire" cbor:"9,keyasint"`
	Report   api.ReportKind     `json:"report" cbor:"10,keyasint"`
	Price    api.Money          `json:"price" cbor:"11,keyasint"`
}

var someAmounts = amounts{
	1500, 12 << 30, 1e9, 90 * api.Second, 1772366400e9, api.TaskRunning, api.WorkloadDegraded, api.OutcomeLost, api.DesireStop, api.ReportHealthy,
	api.Money{Micro: 120000, Currency: "EUR"},
}

func TestJSONHasText(t *testing.T) {
	b, err := json.Marshal(someAmounts)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cpu":"1.5","memory":"12Gi","link":"1Gbit","wait":"1m30s","at":"2026-03-01T12:00:00Z","task":"running",` +
		`"workload":"degraded","outcome":"lost","desire":"stop","report":"healthy","price":"0.12 EUR"}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back amounts
	if err := json.Unmarshal(b, &back); err != nil || back != someAmounts {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestJSONNumbers(t *testing.T) {
	var a amounts
	if err := json.Unmarshal([]byte(`{"cpu":2,"memory":1073741824,"link":1e3,"wait":0}`), &a); err == nil {
		t.Error("1e3 was read as a bandwidth")
	}
	if err := json.Unmarshal([]byte(`{"cpu":2,"memory":1073741824,"link":1000,"wait":0,"at":null}`), &a); err != nil {
		t.Fatal(err)
	}
	if want := (amounts{CPU: 2000, Memory: api.GiB, Link: 1000}); a != want {
		t.Errorf("got %+v, want %+v", a, want)
	}
	for _, bad := range []string{`{"wait":30}`, `{"cpu":true}`, `{"cpu":[]}`, `{"memory":-1}`, `{"task":"runing"}`, `{"task":3}`} {
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// The journal holds integers: text forms may change, records may not.
func TestCBORHasIntegers(t *testing.T) {
	mode, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(someAmounts)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[int]any
	if err := cbor.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	for key := 1; key <= 10; key++ {
		if _, ok := raw[key].(uint64); !ok {
			t.Errorf("field %d is written as %T", key, raw[key])
		}
	}
	var back amounts
	if err := cbor.Unmarshal(b, &back); err != nil || back != someAmounts {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestDigest(t *testing.T) {
	const hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	d, err := api.ParseDigest("sha256:" + hex)
	if err != nil || d.Hex() != hex {
		t.Errorf("got %q, %v", d.Hex(), err)
	}
	for _, bad := range []string{"", hex, "sha256:" + hex[1:], "sha256:" + hex[1:] + "G", "sha512:" + hex} {
		if d := api.Digest(bad); d.Valid() || d.Hex() != "" {
			t.Errorf("%q is valid", bad)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"memory", "cpu", "storage", "bandwidth"}
	for name, want := range map[string]string{
		"memroy": "memory", "Memory": "memory", "mem": "memory", "me": "", "gpu": "cpu", "": "", "bandwith": "bandwidth", "xyz": "",
	} {
		if got := api.Nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"12Gi", "0.5", "250m", "1h30m", "-5s", "7d", "100Mbit", "0.12 EUR", "2026-03-01T12:00:00Z", "1.", "..", "9999999999999999999Ei"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := api.ParseMilli(s); err == nil {
			again(t, v, api.ParseMilli)
		}
		if v, err := api.ParseBytes(s); err == nil {
			again(t, v, api.ParseBytes)
		}
		if v, err := api.ParseRate(s); err == nil {
			again(t, v, api.ParseRate)
		}
		if v, err := api.ParseDuration(s); err == nil {
			again(t, v, api.ParseDuration)
		}
		if v, err := api.ParseTime(s); err == nil {
			again(t, v, api.ParseTime)
		}
		if v, err := api.ParseMoney(s); err == nil {
			again(t, v, api.ParseMoney)
		}
	})
}

// again requires that the canonical text of v is read as v.
func again[T interface {
	comparable
	String() string
}](t *testing.T, v T, parse func(string) (T, error)) {
	t.Helper()
	if got, err := parse(v.String()); err != nil || got != v {
		t.Fatalf("%v is read back as %v, %v", v, got, err)
	}
}
