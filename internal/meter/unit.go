package meter

import "fmt"

// unit is what a number of a meter counts: energy, in µJ, or power, in µW.
type unit struct {
	name  string
	power bool
	size  float64
}

// unitNamed finds a unit; units are case sensitive, since mW is not MW.
func unitNamed(name string) (unit, error) {
	for _, u := range [...]unit{
		{"uJ", false, 1},
		{"mJ", false, 1e3},
		{"J", false, 1e6},
		{"Wh", false, 3.6e9},
		{"kWh", false, 3.6e12},
		{"mW", true, 1e3},
		{"W", true, 1e6},
		{"kW", true, 1e9},
	} {
		if u.name == name {
			return u, nil
		}
	}
	return unit{}, fmt.Errorf("%.20q is no unit of a meter: it is uJ, mJ, J, Wh or kWh of a counter, or mW, W or kW of power", name)
}
