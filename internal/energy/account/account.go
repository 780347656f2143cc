// Package account makes reports of what the books say: the Software Carbon Intensity
// (Green Software Foundation, ISO/IEC 21031:2024) and the two methods of scope 2 (World
// Resources Institute, 2015, "GHG Protocol Scope 2 Guidance").
//
// Amounts stay the integers of the books: µJ, µg. Only quotients are rounded.
package account

import (
	"math"
	"math/bits"

	"drover.dev/api"
)

// Period is the days from the one that begins at From to before To; zero bounds are open.
type Period struct {
	From api.Time `json:"from,omitempty"`
	To   api.Time `json:"to,omitempty"`
}

func (p Period) holds(t api.Time) bool { return t >= p.From && (p.To == 0 || t < p.To) }

// Energy is an amount by what it rests on.
type Energy struct {
	Total    api.Microjoules `json:"total"`
	Measured api.Microjoules `json:"measured"`
	Modelled api.Microjoules `json:"modelled"`
	Assumed  api.Microjoules `json:"assumed"`
	// Generated is what of Total sites made themselves, whatever it rests on.
	Generated api.Microjoules `json:"generated,omitempty"`
}

func energyOf(b *api.BookView) Energy {
	return Energy{Total: b.Energy(), Measured: b.Measured, Modelled: b.Modelled, Assumed: b.Assumed, Generated: b.Generated}
}

// Carbon is an amount by what it rests on.
type Carbon struct {
	Total    api.Micrograms `json:"total"`
	Measured api.Micrograms `json:"measured"`
	Modelled api.Micrograms `json:"modelled"`
	Assumed  api.Micrograms `json:"assumed"`
}

func carbonOf(b *api.BookView) Carbon {
	return Carbon{Total: b.Carbon, Measured: b.CarbonMeasured, Modelled: b.CarbonModelled, Assumed: b.CarbonAssumed}
}

// sumOf adds up the rows of a period.
func sumOf(rows []api.BookView, p Period) (sum api.BookView) {
	for i := range rows {
		if p.holds(rows[i].Day) {
			sum.Add(&rows[i], 1)
		}
	}
	return sum
}

// part is amount·of/whole, rounded down; all of it where of is the whole.
func part(amount api.Micrograms, of, whole api.Microjoules) api.Micrograms {
	if of >= whole || amount <= 0 || of <= 0 {
		if of >= whole && whole > 0 {
			return amount
		}
		return 0
	}
	hi, lo := bits.Mul64(uint64(amount), uint64(of))
	q, _ := bits.Div64(hi, lo, uint64(whole)) // below amount, since of < whole
	return api.Micrograms(q)
}

// perKWh is an amount of carbon by an amount of energy, in g/kWh; 0 without energy.
func perKWh(c api.Micrograms, e api.Microjoules) float64 {
	if e <= 0 {
		return 0
	}
	return math.Round(float64(c)/1e6/(float64(e)/3.6e12)*1e3) / 1e3
}
