package rehearse

import (
	"testing"

	"drover.dev/api"
)

// A file of carbon intensity is no file of prices: its figures would be money.
func TestAHeaderOfTheOtherKindIsRefused(t *testing.T) {
	for _, tc := range []struct {
		title         string
		carbon, price bool // may be taken for
	}{
		{"utc,price,unit=EUR/MWh", false, true},
		{"time,EUR / MWh", false, true},
		{"Datetime (UTC),Country,Carbon Intensity gCO₂eq/kWh (direct)", true, false},
		{"time,kg/MWh", true, false},
		{"time,g/kWh", true, false},
		{"time,gCO2/kWh,EUR/MWh", true, true},
		{"time,value", true, true},
	} {
		if got := !otherKind(tc.title, api.SignalCarbon); got != tc.carbon {
			t.Errorf("%q as carbon: %v", tc.title, got)
		}
		if got := !otherKind(tc.title, api.SignalPrice); got != tc.price {
			t.Errorf("%q as prices: %v", tc.title, got)
		}
	}
}
