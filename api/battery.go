package api

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Power is a power in mW that people write: "100 kW".
type Power int64

var powerUnits = [...]amountUnit{{"GW", 1e12}, {"MW", 1e9}, {"kW", 1e6}, {"W", 1e3}, {"mW", 1}}

// ParsePower reads a power with its unit: GW, MW, kW, W or mW. It may be negative.
func ParsePower(s string) (Power, error) {
	digits, negative := strings.CutPrefix(s, "-")
	d, rest, ok := cutDecimal(digits)
	rest = strings.TrimPrefix(rest, " ")
	for _, u := range powerUnits {
		if !ok || rest != u.unit {
			continue
		}
		n, exact, fits := d.times(u.size)
		if !exact || !fits || n > math.MaxInt64 {
			return 0, fmt.Errorf("%s is finer than a milliwatt, or too large", quote(s))
		}
		if negative {
			return -Power(n), nil
		}
		return Power(n), nil
	}
	return 0, fmt.Errorf("%s is not a power; write for example 500 W or 100 kW", quote(s))
}

// String is the power in the largest unit of which there is one.
func (p Power) String() string {
	if p == 0 {
		return "0 W"
	}
	b, n := appendSign(nil, int64(p))
	for _, u := range powerUnits {
		if n >= u.size {
			scale := 0
			for size := u.size; size > 1; size /= 10 {
				scale++
			}
			return string(appendDecimal(b, n, scale)) + " " + u.unit
		}
	}
	return "0 W"
}

// MarshalText implements encoding.TextMarshaler.
func (p Power) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePower.
func (p *Power) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePower(string(b))
	return err
}

// Dispatch says by what a battery is charged and discharged.
type Dispatch string

// What batteries follow.
const (
	DispatchCost   Dispatch = "cost"   // prices of energy: buy when it is cheap
	DispatchCarbon Dispatch = "carbon" // carbon intensities: buy when the grid is clean
	DispatchNone   Dispatch = "none"   // nothing: they stay as they are
)

// Battery is what a site can store and how fast. The efficiency is split evenly: of what
// is bought at the meter √Efficiency reaches the cells, of what is in the cells
// √Efficiency reaches the meter.
type Battery struct {
	Capacity   Energy `json:"capacity" cbor:"1,keyasint"`                    // in the cells
	Charge     Power  `json:"charge" cbor:"2,keyasint"`                      // the most, at the meter
	Discharge  Power  `json:"discharge,omitempty" cbor:"3,keyasint"`         // likewise; 0: as Charge
	Efficiency Milli  `json:"efficiency" cbor:"4,keyasint"`                  // of the round trip, in thousandths
	Wear       *Money `json:"wear,omitempty" cbor:"5,keyasint,omitempty"`    // of each kWh that is taken out of the cells
	Reserve    Milli  `json:"reserve,omitempty" cbor:"6,keyasint,omitempty"` // part of the capacity that is never taken out, in thousandths
	// Dispatch is by what it is used, whatever the cell's strategy says; "" leaves that to it.
	Dispatch Dispatch `json:"dispatch,omitempty" cbor:"7,keyasint,omitempty"`
}

// Limits of batteries. Sums of two amounts stay in range.
const (
	MaxBatteryEnergy     = Energy(1e18) // 278 MWh
	MaxBatteryPower      = Power(1e12)  // 1 GW
	MinBatteryEfficiency = Milli(100)
	MaxBatteryReserve    = Milli(950)
)

func (c *checker) battery(b *Battery) {
	if b == nil {
		return
	}
	c.enter("battery")
	defer c.leave()
	const least = 3_600_000_000 // 1 Wh
	for _, need := range [...]struct {
		field, example string
		missing        bool
	}{{"capacity", "400 kWh", b.Capacity == 0}, {"charge", "100 kW", b.Charge == 0}, {"efficiency", "0.9", b.Efficiency == 0}} {
		if need.missing {
			c.fault(need.field, "is missing; write for example %s", need.example)
		}
	}
	if b.Capacity != 0 {
		within(c, "capacity", b.Capacity, least, MaxBatteryEnergy)
	}
	if b.Charge != 0 {
		within(c, "charge", b.Charge, 1000, MaxBatteryPower)
	}
	if b.Discharge != 0 {
		within(c, "discharge", b.Discharge, 1000, MaxBatteryPower)
	}
	if b.Efficiency != 0 {
		within(c, "efficiency", b.Efficiency, MinBatteryEfficiency, 1000)
	}
	c.price("wear", b.Wear)
	if b.Wear != nil && b.Wear.Micro > maxWear {
		c.fault("wear", "%v a kWh is too much", *b.Wear)
	}
	within(c, "reserve", b.Reserve, 0, MaxBatteryReserve)
	c.dispatch("dispatch", b.Dispatch)
}

// maxWear is a million a kWh, in millionths.
const maxWear = 1_000_000_000_000

// dispatch checks what a battery follows; "" is allowed.
func (c *checker) dispatch(field string, d Dispatch) {
	oneOf(c, field, d, DispatchCost, DispatchCarbon, DispatchNone)
}

// MostDischarge is the most power that it gives, at the meter.
func (b *Battery) MostDischarge() Power {
	if b.Discharge == 0 {
		return b.Charge
	}
	return b.Discharge
}

// Kept is what stays in the cells.
func (b *Battery) Kept() Microjoules {
	return Microjoules(b.Capacity / 1000 * Energy(b.Reserve))
}

// OneWay is √Efficiency in millionths, rounded down.
func (b *Battery) OneWay() int64 {
	square := uint64(min(max(b.Efficiency, MinBatteryEfficiency), 1000)) * 1_000_000_000
	r := uint64(math.Sqrt(float64(square)))
	for r*r > square {
		r--
	}
	return int64(r)
}

// BatteryRun is what a battery did over a stretch of time, in µJ. What was bought is what was
// given, what was lost, and by how much the level rose.
type BatteryRun struct {
	Bought Microjoules // at the meter, into the battery
	Given  Microjoules // at the meter, out of it
	Lost   Microjoules // on the way
	Level  Microjoules // in the cells at the end
}

// After is what a battery does that begins with a level and is charged with so much power
// at the meter, or discharged with it when that is negative. It stops when it is full, or
// at its reserve. All is rounded so that it never gives what it has not got.
func (b *Battery) After(level Microjoules, setpoint Power, d Duration) BatteryRun {
	setpoint, d = min(max(setpoint, -b.MostDischarge()), b.Charge), min(max(d, 0), Day)
	one := b.OneWay()
	s := BatteryRun{Level: level}
	switch {
	case setpoint > 0:
		room := max(Microjoules(b.Capacity)-level, 0)
		s.Bought = Microjoules(mulDiv(int64(setpoint), int64(d), 1_000_000))
		in := Microjoules(mulDiv(int64(s.Bought), one, 1_000_000))
		if in > room {
			in = room
			s.Bought = Microjoules(mulDivUp(int64(room), 1_000_000, one))
		}
		s.Level += in
		s.Lost = s.Bought - in
	case setpoint < 0:
		has := max(level-b.Kept(), 0)
		s.Given = Microjoules(mulDiv(-int64(setpoint), int64(d), 1_000_000))
		out := Microjoules(mulDivUp(int64(s.Given), 1_000_000, one))
		if out > has {
			out = has
			s.Given = Microjoules(mulDiv(int64(has), one, 1_000_000))
		}
		s.Level -= out
		s.Lost = out - s.Given
	}
	return s
}

// BatteryView shows the battery of a site.
type BatteryView struct {
	Site string `json:"site"`
	Battery
	// Level is how full its cells are, as it reported or by what it was asked; nil: it was
	// never asked for anything.
	Level    *Energy  `json:"level,omitempty"`
	Setpoint Power    `json:"setpoint"` // that it is asked for, at the meter: above 0 it charges
	Since    Time     `json:"since,omitempty"`
	Until    Time     `json:"until,omitempty"` // when it is planned anew; without it when there is news
	By       Dispatch `json:"by,omitempty"`
	Why      string   `json:"why,omitempty"`  // it is asked for that
	Idle     string   `json:"idle,omitempty"` // why it does not obey, and counts as doing nothing
	Told     Time     `json:"told,omitempty"` // when it last said how full it is
}

// mulDiv is a·b/c rounded down, mulDivUp rounded up, of numbers that are not negative; what
// does not fit saturates at a quarter of the range. c is positive.
func mulDiv(a, b, c int64) int64 { n, _ := quotient(a, b, c); return n }

func mulDivUp(a, b, c int64) int64 {
	n, rest := quotient(a, b, c)
	if rest > 0 {
		n++
	}
	return n
}

func quotient(a, b, c int64) (n int64, rest uint64) {
	const most = math.MaxInt64 / 4
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return most, 0
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	if q > most {
		return most, 0
	}
	return int64(q), rest
}
