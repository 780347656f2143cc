package main

import (
	"math"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/twin"
	"github.com/spf13/cobra"
)

// worldFlags describe what a rehearsal takes of the world beside demand and fleet.
type worldFlags struct {
	startup, cache  string
	between, repair time.Duration
	apart, rejoined time.Duration // of links
	cuts            []string
	carbon, prices  []string
	outside, made   []string
	batteries       []string
	start           string
	slack           string
	objective       string
	resume          time.Duration
}

func (o *worldFlags) flags(cmd *cobra.Command, p *rehearse.Plan) {
	f := cmd.Flags()
	f.StringVar(&o.startup, "startup", "", "from when a task's inputs are there to its first instruction: TIME, COLD/WARM, or by driver: wasm=50ms/5ms,process=20ms")
	f.StringVar(&o.cache, "cache", "", "what programs may take on a node, such as 10Gi (default: a tenth of its storage)")
	f.DurationVar(&o.between, "mtbf", 0, "mean time between the failures of a node (default: none fails)")
	f.DurationVar(&o.repair, "mttr", 10*time.Minute, "mean time to its repair")
	f.DurationVar(&o.apart, "link-mtbf", 0, "mean time between the cuts of a link between sites (default: none is cut)")
	f.DurationVar(&o.rejoined, "link-mttr", time.Minute, "mean length of such a cut")
	f.StringArrayVar(&o.cuts, "cut", nil, "cut the link between two sites: SITE:SITE@FROM+FOR, from the start; may be repeated")
	f.StringArrayVar(&o.carbon, "carbon", nil, "carbon intensity over time, [SITE or ZONE=]FILE[#COLUMN] in g CO2e/kWh; may be repeated")
	f.StringArrayVar(&o.prices, "prices", nil, "price of energy over time, [SITE or ZONE=]FILE[#COLUMN], a kWh or, where the header says so, a MWh; may be repeated")
	f.StringArrayVar(&o.outside, "temperature", nil, "outside over time, [SITE or ZONE=]FILE[#COLUMN] in °C, for sites that declare a cooling curve; may be repeated")
	f.StringArrayVar(&o.made, "generation", nil, "power made on site over time, [SITE=]FILE[#COLUMN] in W, kW or MW as the header says, or FILE#COLUMN@PEAK, such as sun.csv#SUN@50kW, for a highest value; may be repeated")
	f.StringArrayVar(&o.batteries, "battery", nil, "a battery of a site: [SITE=]CAPACITY,POWER,EFFICIENCY[,WEAR], such as bonn=400kWh,100kW,0.9,0.03 EUR, the wear a kWh; may be repeated")
	f.Float64Var(&p.OwnCarbon, "generation-carbon", 0, "what power emits that is made on site, in g CO2e/kWh")
	f.StringVar(&o.start, "start", "", "moment of the first arrival, such as 2023-06-01T00:00:00Z (default: where the first signal begins)")
	f.StringVar(&o.slack, "slack", "", "gives jobs without a deadline one: so much later than they would end at once, such as 24h, or so many times their run, such as 0.5x")
	f.BoolVar(&p.Suspend, "suspend", false, "single tasks of a trace may be held still for better hours, as processes may")
	f.DurationVar(&o.resume, "suspend-cost", time.Minute, "how much longer a task runs each time that it was held still")
	f.StringVar(&o.objective, "objective", "", "of all jobs: latency, cost, energy, carbon or balanced (default: their own)")
	completeFlag(cmd, "objective", string(api.ObjectiveLatency), string(api.ObjectiveCost), string(api.ObjectiveEnergy), string(api.ObjectiveCarbon), string(api.ObjectiveBalanced))
	f.Float64Var(&p.Intensity, "carbon-intensity", rehearse.WorldIntensity, "of the grid without --carbon, in g CO2e/kWh; the default is the world's average of 2023")
	f.Float64Var(&p.Price, "price", rehearse.AssumedPrice, "of energy without --prices, in EUR/kWh")
}

// plan puts what the flags say into a plan.
func (o *worldFlags) plan(p *rehearse.Plan) (err error) {
	if p.Startup, err = rehearse.ParseStartup(o.startup); err != nil {
		return usageError{errText("--startup: %v", err), "for example --startup 200ms"}
	}
	if p.Slack, err = rehearse.ParseSlack(o.slack); err != nil {
		return usageError{errText("--slack: %v", err), "for example --slack 24h"}
	}
	if p.Objective, err = objectiveOf(o.objective); err != nil {
		return err
	}
	if err := o.numbers(p); err != nil {
		return err
	}
	p.Resume = api.Duration(o.resume)
	if o.cache != "" {
		if p.Cache, err = api.ParseBytes(o.cache); err != nil || p.Cache < 0 {
			return usageError{errText("--cache: %.40q is no size", o.cache), "for example --cache 10Gi"}
		}
	}
	for _, text := range o.cuts {
		c, err := rehearse.ParseCut(text)
		if err != nil {
			return usageError{errText("--cut: %v", err), "for example --cut plant:dc@1h+10m"}
		}
		p.Cuts = append(p.Cuts, c)
	}
	for _, text := range o.batteries {
		b, err := rehearse.ParseSiteBattery(text)
		if err == nil {
			err = p.Fleet.Equip(b)
		}
		if err != nil {
			return usageError{errText("--battery: %v", err), "for example --battery bonn=400kWh,100kW,0.9"}
		}
	}
	if err := o.signals(p); err != nil {
		return err
	}
	p.Failures.LinkBetween, p.Failures.LinkRepair = api.Duration(o.apart), api.Duration(o.rejoined)
	p.Failures.Between, p.Failures.Repair = api.Duration(o.between), api.Duration(o.repair)
	return nil
}

// numbers refuses those that no world can be computed with.
func (o *worldFlags) numbers(p *rehearse.Plan) error {
	switch {
	case !(p.Intensity >= 0 && p.Intensity <= 3000):
		return usageError{errText("--carbon-intensity %g is not from 0 to 3000 g CO2e/kWh", p.Intensity), "leave it out for the world's average"}
	case !(math.Abs(p.Price) <= 1e6):
		return usageError{errText("--price %g is no price of a kWh", p.Price), "for example --price 0.25"}
	case o.resume < 0 || o.resume > 24*time.Hour:
		return usageError{errText("--suspend-cost %v is not from 0 to 24 h", o.resume), "for example --suspend-cost 2m"}
	}
	return nil
}

// objectiveOf checks an objective; "" is that of each job.
func objectiveOf(text string) (api.Objective, error) {
	switch o := api.Objective(text); o {
	case "", api.ObjectiveLatency, api.ObjectiveCost, api.ObjectiveEnergy, api.ObjectiveCarbon, api.ObjectiveBalanced:
		return o, nil
	}
	return "", usageError{errText("--objective: there is no objective %.40q", text), "it is latency, cost, energy, carbon or balanced"}
}

// dated reports whether the flags say when the world is, or under which signals.
func (o *worldFlags) dated() bool {
	return o.start != "" || len(o.carbon)+len(o.prices)+len(o.outside)+len(o.made) > 0
}

// signals reads those that are named, and says when the world begins.
func (o *worldFlags) signals(p *rehearse.Plan) (err error) {
	p.Carbon, p.Prices = map[string]*twin.Signal{}, map[string]*twin.Signal{}
	p.Temperature, p.Generation = map[string]*twin.Signal{}, map[string]*twin.Signal{}
	for _, list := range []struct {
		flag  string
		kind  api.SignalKind
		names []string
		to    map[string]*twin.Signal
	}{
		{"carbon", api.SignalCarbon, o.carbon, p.Carbon},
		{"prices", api.SignalPrice, o.prices, p.Prices},
		{"temperature", api.SignalTemperature, o.outside, p.Temperature},
		{"generation", api.SignalGeneration, o.made, p.Generation},
	} {
		for _, name := range list.names {
			f := rehearse.ParseSignalFile(name)
			signal, err := rehearse.LoadSignal(f, list.kind)
			if err != nil {
				return usageError{errText("--%s: %v", list.flag, err), "a CSV with a header whose lines begin with a moment"}
			}
			if list.to[f.Place] = signal; p.Start == 0 {
				p.Start = signal.First()
			}
		}
	}
	if err := p.Misplaced(); err != nil {
		return usageError{err, "name a site of the fleet, or its grid zone; docs/twin.md says how a fleet is described"}
	}
	if o.start != "" {
		if p.Start, err = api.ParseTime(o.start); err != nil {
			return usageError{errText("--start: %v", err), "for example 2023-06-01T00:00:00Z"}
		}
	}
	return nil
}
