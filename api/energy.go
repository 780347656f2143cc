package api

import (
	"fmt"
	"math"
	"strings"
)

// Energy is an amount of energy in µJ that people write: "10 MWh".
type Energy Microjoules

var energyUnits = [...]amountUnit{{"GWh", 3.6e18}, {"MWh", 3.6e15}, {"kWh", 3.6e12}, {"Wh", 3.6e9}, {"J", 1e6}}

// ParseEnergy reads an amount with its unit: GWh, MWh, kWh, Wh or J.
func ParseEnergy(s string) (Energy, error) {
	d, rest, ok := cutDecimal(s)
	rest = strings.TrimPrefix(rest, " ")
	for _, u := range energyUnits {
		if !ok || rest != u.unit {
			continue
		}
		n, exact, fits := d.times(u.size)
		if !exact || !fits || n > math.MaxInt64 {
			return 0, fmt.Errorf("%s is finer than a microjoule, or too large", quote(s))
		}
		return Energy(n), nil
	}
	return 0, fmt.Errorf("%s is not an amount of energy; write for example 500 kWh or 10 MWh", quote(s))
}

// String is the amount in the largest unit in which it is short, to the microjoule.
func (e Energy) String() string {
	if e == 0 {
		return "0 Wh"
	}
	b, n := appendSign(nil, int64(e))
	for _, u := range energyUnits {
		if n < u.size {
			continue
		}
		// 3.6 has no inverse in decimals: what no unit divides evenly is in J.
		if scaled, rest := n/(u.size/1000), n%(u.size/1000); rest == 0 {
			return string(appendDecimal(b, scaled, 3)) + " " + u.unit
		}
	}
	return string(appendDecimal(b, n, 6)) + " J"
}

// MarshalText implements encoding.TextMarshaler.
func (e Energy) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText is ParseEnergy.
func (e *Energy) UnmarshalText(b []byte) (err error) {
	*e, err = ParseEnergy(string(b))
	return err
}
