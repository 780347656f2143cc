package rehearse

import (
	"context"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/energy/storage"
)

// BatteryPlan is what to find out about a battery beside a constant load.
type BatteryPlan struct {
	Prices   string // file of prices, FILE or FILE#COLUMN
	Load     float64
	Battery  storage.Battery
	Forecast string // one of Forecasts; "" is none
	Zone     string // of the market; "" is MarketZone
}

// BatteryReport is the bill without and with a battery, in the prices' currency.
type BatteryReport struct {
	CostWithout float64 `json:"costWithout"`
	CostWith    float64 `json:"costWith"`
	CostOptimal float64 `json:"costOptimal"`
	GapPercent  float64 `json:"gapPercent"` // of the optimal saving that was missed
	Cycles      float64 `json:"cycles"`
	Seconds     float64 `json:"seconds"`
	Steps       int     `json:"-"`
	StepHours   float64 `json:"-"`
	Held        int     `json:"-"` // steps without a price of their own
}

// batteryAhead is how many days behind the published prices a plan looks; a second day changes nothing.
const batteryAhead = 1

// RunBattery plans a battery, with all prices known and, with a forecast, day by day.
func RunBattery(ctx context.Context, p BatteryPlan) (*BatteryReport, error) {
	g, err := gridOf(p.Prices, 0, api.SignalPrice)
	if err != nil {
		return nil, err
	}
	steps := make([]storage.Step, len(g.Values))
	hours := float64(g.Step) / float64(api.Hour)
	for i, v := range g.Values {
		steps[i] = storage.Step{Hours: hours, Price: v, Load: p.Load}
	}
	best, err := storage.Optimal(p.Battery, steps)
	if err != nil {
		return nil, err
	}
	with := best
	if p.Forecast != "" && p.Forecast != ForecastNone {
		day := int(24 * api.Hour / g.Step)
		predict, err := newPredictor(p.Forecast, day, batteryAhead*day)
		if err != nil {
			return nil, err
		}
		zone := p.Zone
		if zone == "" {
			zone = MarketZone
		}
		known, err := knownPrices(g, zone)
		if err != nil {
			return nil, err
		}
		seen := 0
		with, err = storage.Roll(p.Battery, steps, storage.Forecasts{Known: known, Ahead: batteryAhead * day, Predict: func(from, to int) []float64 {
			for ; seen < from; seen++ {
				predict.Observe(g.Values[seen])
			}
			out := make([]float64, to-from)
			predict.Predict(out)
			return out
		}})
		if err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("plan the battery: %w", err)
	}
	return batteryReport(best, with, len(steps), hours, g.Held), nil
}

func batteryReport(best, with storage.Outcome, steps int, hours float64, held int) *BatteryReport {
	r := &BatteryReport{
		CostWithout: best.Without, CostWith: with.With, CostOptimal: best.With, Cycles: with.Cycles,
		Steps: steps, StepHours: hours, Held: held,
	}
	if saved := best.Without - best.With; saved > 0 {
		r.GapPercent = 100 * (with.With - best.With) / saved
	}
	return r
}
