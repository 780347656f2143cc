package signal

import (
	"fmt"
	"regexp"
	"strings"

	"drover.dev/api"
)

// Unit is what a source counts in.
type Unit struct {
	Kind     api.SignalKind
	Currency string  // of a price
	Factor   float64 // to the unit of a signal's integers
}

// units are those without a currency, as they are written once spaces, dots and the
// names of the gas are gone.
var units = map[string]Unit{
	"g/kwh":  {Kind: api.SignalCarbon, Factor: 1000},
	"kg/mwh": {Kind: api.SignalCarbon, Factor: 1000},
	"t/mwh":  {Kind: api.SignalCarbon, Factor: 1e6},
	"kg/kwh": {Kind: api.SignalCarbon, Factor: 1e6},
	"lb/mwh": {Kind: api.SignalCarbon, Factor: 453.59237},
	"mg/kwh": {Kind: api.SignalCarbon, Factor: 1},
	"°c":     {Kind: api.SignalTemperature, Factor: 1000},
	"c":      {Kind: api.SignalTemperature, Factor: 1000},
	"w":      {Kind: api.SignalGeneration, Factor: 1000},
	"kw":     {Kind: api.SignalGeneration, Factor: 1e6},
	"mw":     {Kind: api.SignalGeneration, Factor: 1e9},
}

// energies are how many kWh the prices are for.
var energies = map[string]float64{"kwh": 1, "mwh": 1000, "wh": 0.001}

var gas = regexp.MustCompile(`(?i)\s+|co[₂2]-?(eq|e)?`)

// ParseUnit reads a unit: gCO2e/kWh, kg/MWh, EUR/MWh, °C, kW and the like.
func ParseUnit(text string) (Unit, error) {
	plain := gas.ReplaceAllString(text, "")
	if u, ok := units[strings.ToLower(plain)]; ok {
		return u, nil
	}
	currency, per, ok := strings.Cut(plain, "/")
	if kwh := energies[strings.ToLower(per)]; ok && kwh > 0 && isCurrency(currency) {
		return Unit{Kind: api.SignalPrice, Currency: currency, Factor: 1e6 / kwh}, nil
	}
	return Unit{}, fmt.Errorf("%.40q is no unit of a signal: write for example g/kWh, EUR/MWh, °C or kW", text)
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

// FindUnit looks for a unit in a text such as the title of a column.
func FindUnit(text string) (Unit, bool) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;()[]=", r) }) {
		if u, err := ParseUnit(word); err == nil && strings.Contains(word, "/") {
			return u, true
		}
	}
	return Unit{}, false
}

// Name is how a kind's values are written for people, and the factor from the
// integers of a signal to it.
func Name(k api.SignalKind, currency string) (name string, factor float64) {
	switch k {
	case api.SignalCarbon:
		return "g/kWh", 1e-3
	case api.SignalPrice:
		return currency + "/MWh", 1e-3
	case api.SignalTemperature:
		return "°C", 1e-3
	}
	return "W", 1e-3
}
