package api

// Milli counts thousandths: 1000 is one CPU core or one whole accelerator.
// Text forms are "250m", "2", "0.5".
type Milli int64

// Bytes is a size in bytes. Text forms are "512", "64Ki", "12Gi", "1.5G".
type Bytes int64

// Rate is a bandwidth in bits per second. Text forms are "100Mbit", "1Gbit".
type Rate int64

// Duration is a length of time in nanoseconds. Text forms are those of Go
// ("1h30m", "250ms") and whole days ("7d").
type Duration int64

// Time is an instant in Unix nanoseconds, UTC. Zero means "not set". Its text
// form is RFC 3339.
type Time int64

// Microjoules is an amount of energy: 3.6e12 are one kilowatt-hour.
type Microjoules int64

// Micrograms is an amount of carbon dioxide equivalent.
type Micrograms int64

// Money is an amount in millionths of a currency unit. Amounts of different
// currencies are never added.
type Money struct {
	Micro    int64  `json:"micro" cbor:"1,keyasint,omitempty"`
	Currency string `json:"currency" cbor:"2,keyasint,omitempty"` // ISO 4217, for example "EUR"
}

// Durations in nanoseconds.
const (
	Microsecond Duration = 1e3
	Millisecond Duration = 1e6
	Second      Duration = 1e9
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
)

// Sizes in bytes.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// Add returns t moved by d; a sum beyond the range of Time saturates.
func (t Time) Add(d Duration) Time {
	s := t + Time(d)
	if d > 0 && s < t {
		return Time(1<<63 - 1)
	}
	return s
}

// Sub returns the time from u to t.
func (t Time) Sub(u Time) Duration { return Duration(t - u) }
