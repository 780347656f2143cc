// Package storage plans a battery beside a load: when to charge and to discharge
// so that the energy bought costs least.
//
// Energy is in kWh, power in kW, a price in a currency's unit a kWh. Nothing is
// sold to the grid, and the battery never charges and discharges at the same time.
package storage

import (
	"errors"
	"fmt"
	"math"
)

// Battery is what can be stored and how fast. The efficiency is split evenly: of
// a kWh bought √Efficiency reaches the cells, of a kWh in the cells √Efficiency
// reaches the load.
type Battery struct {
	Capacity   float64 // kWh in the cells, > 0
	Power      float64 // kW at the meter, the most in either direction, > 0
	Discharge  float64 // kW at the meter, the most out of it where that is not Power; 0: it is
	Efficiency float64 // of the round trip, over 0, at most 1
	Ageing     float64 // price of each kWh that is taken out of the cells, ≥ 0
}

// Check says what is wrong with a battery.
func (b Battery) Check() error {
	switch {
	case !(b.Capacity > 0 && b.Capacity <= most):
		return fmt.Errorf("a battery cannot hold %g kWh: it must be over 0 and at most %g", b.Capacity, float64(most))
	case !(b.Power > 0 && b.Power <= most):
		return fmt.Errorf("a battery cannot have a power of %g kW: it must be over 0 and at most %g", b.Power, float64(most))
	case !(b.Discharge >= 0 && b.Discharge <= most):
		return fmt.Errorf("a battery cannot be discharged with %g kW: it must be at least 0 and at most %g", b.Discharge, float64(most))
	case !(b.Efficiency > 0 && b.Efficiency <= 1):
		return fmt.Errorf("a battery cannot have an efficiency of %g: it must be over 0 and at most 1", b.Efficiency)
	case !(b.Ageing >= 0 && b.Ageing <= most):
		return fmt.Errorf("the price of ageing cannot be %g a kWh: it must be 0 or more", b.Ageing)
	}
	return nil
}

// Step is a stretch of time with one price and one load.
type Step struct {
	Hours float64
	Price float64 // a kWh; it may be negative
	Load  float64 // kW
}

const (
	most     = 1e9       // kWh, kW and price: what is larger is a mistake
	maxSteps = 2_000_000 // of one plan: 19 years of 5 minutes
)

func check(b Battery, steps []Step) error {
	if err := b.Check(); err != nil {
		return err
	}
	if len(steps) == 0 || len(steps) > maxSteps {
		return fmt.Errorf("a plan has 1 to %d steps, not %d", maxSteps, len(steps))
	}
	for i, s := range steps {
		if !(s.Hours > 0 && s.Hours <= 24*366) || !(s.Load >= 0 && s.Load <= most) || !(math.Abs(s.Price) <= most) {
			return fmt.Errorf("step %d lasts %g hours at a price of %g and a load of %g kW: one of them cannot be", i+1, s.Hours, s.Price, s.Load)
		}
	}
	return nil
}

// limits are the most kWh that a step can put into the cells and take out of them. Products
// are rounded, so that none is fused with a sum that it goes into, see [First].
func (b Battery) limits(s Step) (in, out float64) {
	r := math.Sqrt(b.Efficiency)
	give := b.Power
	if b.Discharge > 0 {
		give = b.Discharge
	}
	return float64(r * b.Power * s.Hours), min(give, s.Load) * s.Hours / r
}

// rates are what a kWh more in the cells costs, and what a kWh less saves.
func (b Battery) rates(s Step) (charge, discharge float64) {
	r := math.Sqrt(b.Efficiency)
	return s.Price / r, float64(s.Price*r) - b.Ageing
}

// flow is what a step does to get from one level to another: kWh into the cells
// and out of them. Where buying is paid for so well that a kWh lost on the round
// trip earns something, the step is divided: a part of it charges at full power,
// the rest discharges at full power. Everywhere else one of the two is 0.
func (b Battery) flow(s Step, from, to float64) (in, out float64) {
	charge, discharge := b.rates(s)
	most, least := b.limits(s)
	change := to - from
	if charge >= discharge || most+least == 0 {
		return max(change, 0), max(-change, 0)
	}
	share := min(max((change+least)/(most+least), 0), 1)
	return float64(share * most), float64((1 - share) * least)
}

// cost is what a step adds to the bill of the load alone.
func (b Battery) cost(s Step, in, out float64) float64 {
	charge, discharge := b.rates(s)
	return float64(in*charge) - float64(out*discharge)
}

// Outcome is a battery's work over some steps.
type Outcome struct {
	Without float64   // the bill of the load alone
	With    float64   // the bill with the battery, ageing included
	Cycles  float64   // kWh taken out of the cells, in capacities
	Levels  []float64 // kWh in the cells at the end of each step
}

func (o *Outcome) add(b Battery, s Step, from, to float64) {
	in, out := b.flow(s, from, to)
	bill := float64(s.Price * s.Load * s.Hours)
	o.Without += bill
	o.With += bill + b.cost(s, in, out)
	o.Cycles += out / b.Capacity
	o.Levels = append(o.Levels, to)
}

// errEnd cannot happen for checked input; it guards the sums.
var errEnd = errors.New("the battery does not end empty")
