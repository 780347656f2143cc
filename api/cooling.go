package api

import (
	"sort"
	"strings"
)

// MilliCelsius is a temperature in thousandths of °C.
type MilliCelsius int64

// String is the temperature in °C: "-2.5".
func (t MilliCelsius) String() string {
	b, n := appendSign(nil, int64(t))
	return string(appendDecimal(b, n, 3))
}

// MarshalText implements encoding.TextMarshaler.
func (t MilliCelsius) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads °C, which may be below 0.
func (t *MilliCelsius) UnmarshalText(b []byte) error {
	text, below := strings.CutPrefix(string(b), "-")
	m, err := ParseMilli(text)
	if below {
		m = -m
	}
	*t = MilliCelsius(m)
	return err
}

// UnmarshalJSON reads a text form or a number of °C.
func (t *MilliCelsius) UnmarshalJSON(b []byte) error { return fromJSON(b, t.UnmarshalText) }

// CoolingPoint is a power usage effectiveness at a temperature outside.
type CoolingPoint struct {
	Celsius MilliCelsius `json:"celsius" cbor:"1,keyasint,omitempty"`
	PUE     Milli        `json:"pue" cbor:"2,keyasint"`
}

// MaxCooling bounds the points of a site's curve.
const MaxCooling = 32

// PUEAt is the power usage effectiveness at a temperature in thousandths of °C: linear
// between the points of a curve, which are in order, and that of the nearest beyond them.
func PUEAt(curve []CoolingPoint, at int64) Milli {
	if len(curve) == 0 {
		return 1000
	}
	i := sort.Search(len(curve), func(i int) bool { return int64(curve[i].Celsius) >= at })
	switch i {
	case 0:
		return curve[0].PUE
	case len(curve):
		return curve[i-1].PUE
	}
	a, b := curve[i-1], curve[i]
	return a.PUE + (b.PUE-a.PUE)*Milli(at-int64(a.Celsius))/Milli(b.Celsius-a.Celsius)
}

// cooling checks a site's curve.
func (c *checker) cooling(curve []CoolingPoint) {
	c.atMost("cooling", len(curve), MaxCooling)
	for i := range curve[:min(len(curve), MaxCooling)] {
		c.enterAt("cooling", i)
		within(c, "celsius", curve[i].Celsius, -80_000, 80_000)
		within(c, "pue", curve[i].PUE, 1000, 10_000)
		if i > 0 && curve[i].Celsius <= curve[i-1].Celsius {
			c.fault("celsius", "%s is not above %s of the point before", curve[i].Celsius, curve[i-1].Celsius)
		}
		c.leave()
	}
}

// devicePower checks what the accelerators of a node draw.
func (c *checker) devicePower(list []DevicePower) {
	const most = 100_000_000 // 100 kW
	c.atMost("devices", len(list), MaxItems)
	for i := range list[:min(len(list), MaxItems)] {
		d := &list[i]
		c.enterAt("devices", i)
		if d.Kind == "" {
			c.fault("kind", "is missing")
		}
		c.text("kind", d.Kind, 64)
		c.text("model", d.Model, 64)
		within(c, "idleMilliwatts", d.Idle, 0, most)
		within(c, "fullMilliwatts", d.Full, 0, most)
		if d.Full < d.Idle {
			c.fault("fullMilliwatts", "%d is below idleMilliwatts, %d", d.Full, d.Idle)
		}
		c.leave()
	}
}
