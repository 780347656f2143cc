package main

import (
	"fmt"

	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newEnergyBatteryCmd(a *app) *cobra.Command {
	p := rehearse.BatteryPlan{Forecast: rehearse.ForecastNone, Zone: rehearse.MarketZone}
	p.Battery.Efficiency = 0.9
	cmd := &cobra.Command{
		Use:   "battery --price FILE --load kW --capacity kWh --power kW",
		Short: "Plan a battery beside a load: what it saves at best, and with forecasts",
		Long: `Plans when a battery beside a constant load charges and discharges, so that the
energy bought costs least. It starts and ends empty, sells nothing, and never
charges and discharges at the same time.

The optimum for known prices is exact. With --forecast seasonal or auto the plan
is made day by day: prices are known once published, from 13:00 in the market's
zone for the whole next day; behind them it plans on forecasts.`,
		Example: "  drover energy battery --price DE-LU_2023.csv.gz --load 100 --capacity 400 --power 100 --efficiency 0.9 --forecast auto",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Prices == "" || p.Battery.Capacity == 0 || p.Battery.Power == 0 {
				return usageError{errText("a battery needs --price, --load, --capacity and --power"), "drover energy battery --help has an example"}
			}
			begin := a.now()
			r, err := rehearse.RunBattery(cmd.Context(), p)
			if err != nil {
				return energyFault(err)
			}
			r.Seconds = a.now().Sub(begin).Seconds()
			return a.show(r, func() error { return report.Pairs(a.out, a.style(), batteryPairs(r)) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.Prices, "price", "", "CSV of prices over time, FILE or FILE#COLUMN; a header with /MWh says that they are a MWh, else they are a kWh")
	f.Float64Var(&p.Load, "load", 0, "what the site draws, kW")
	f.Float64Var(&p.Battery.Capacity, "capacity", 0, "of the battery, kWh")
	f.Float64Var(&p.Battery.Power, "power", 0, "of the battery, kW, in and out")
	f.Float64Var(&p.Battery.Efficiency, "efficiency", p.Battery.Efficiency, "of the round trip, split evenly between in and out")
	f.Float64Var(&p.Battery.Ageing, "ageing", 0, "price of each kWh taken out of the cells")
	forecastFlag(cmd, &p.Forecast)
	f.StringVar(&p.Zone, "zone", p.Zone, "IANA time zone of the market, in which prices are published at 13:00 for the next day")
	return cmd
}

func forecastFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "forecast", *to, "none (all is known), seasonal (as a day ago) or auto")
	completeFlag(cmd, "forecast", rehearse.Forecasts()...)
}

func batteryPairs(r *rehearse.BatteryReport) []report.Pair {
	saved := func(cost float64) string {
		if r.CostWithout <= 0 {
			return fmt.Sprintf("%.2f", cost)
		}
		return fmt.Sprintf("%.2f (%.2f %% less)", cost, 100*(r.CostWithout-cost)/r.CostWithout)
	}
	list := []report.Pair{
		{Key: "steps", Value: fmt.Sprintf("%s of %g h", report.Count(int64(r.Steps)), r.StepHours)},
		{Key: "without", Value: fmt.Sprintf("%.2f", r.CostWithout)},
		{Key: "with", Value: saved(r.CostWith)},
		{Key: "optimal", Value: saved(r.CostOptimal)},
		{Key: "gap", Value: fmt.Sprintf("%.2f %% of what could be saved", r.GapPercent)},
		{Key: "cycles", Value: fmt.Sprintf("%.1f", r.Cycles)},
		{Key: "time", Value: fmt.Sprintf("%.3f s", r.Seconds)},
	}
	if r.Held > 0 {
		list = append(list, report.Pair{Key: "held", Value: fmt.Sprintf("%d steps had no price: the one before was taken", r.Held)})
	}
	return list
}
