package main

import (
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
	start           string
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
	f.StringVar(&o.start, "start", "", "moment of the first arrival, such as 2023-06-01T00:00:00Z (default: where the first signal begins)")
	f.Float64Var(&p.Intensity, "carbon-intensity", rehearse.WorldIntensity, "of the grid without --carbon, in g CO2e/kWh; the default is the world's average of 2023")
	f.Float64Var(&p.Price, "price", rehearse.AssumedPrice, "of energy without --prices, in EUR/kWh")
}

// plan puts what the flags say into a plan.
func (o *worldFlags) plan(p *rehearse.Plan) (err error) {
	if p.Startup, err = rehearse.ParseStartup(o.startup); err != nil {
		return usageError{errText("--startup: %v", err), "for example --startup 200ms"}
	}
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
	if err := o.signals(p); err != nil {
		return err
	}
	p.Failures.LinkBetween, p.Failures.LinkRepair = api.Duration(o.apart), api.Duration(o.rejoined)
	p.Failures.Between, p.Failures.Repair = api.Duration(o.between), api.Duration(o.repair)
	return nil
}

// dated reports whether the flags say when the world is, or under which signals.
func (o *worldFlags) dated() bool { return o.start != "" || len(o.carbon)+len(o.prices) > 0 }

// signals reads those that are named, and says when the world begins.
func (o *worldFlags) signals(p *rehearse.Plan) (err error) {
	p.Carbon, p.Prices = map[string]*twin.Signal{}, map[string]*twin.Signal{}
	for _, list := range []struct {
		flag  string
		names []string
		to    map[string]*twin.Signal
	}{{"carbon", o.carbon, p.Carbon}, {"prices", o.prices, p.Prices}} {
		for _, name := range list.names {
			f := rehearse.ParseSignalFile(name)
			signal, err := rehearse.LoadSignal(f)
			if err != nil {
				return usageError{errText("--%s: %v", list.flag, err), "a CSV with a header whose lines begin with a moment"}
			}
			if list.to[f.Place] = signal; p.Start == 0 {
				p.Start = signal.First()
			}
		}
	}
	if o.start != "" {
		if p.Start, err = api.ParseTime(o.start); err != nil {
			return usageError{errText("--start: %v", err), "for example 2023-06-01T00:00:00Z"}
		}
	}
	return nil
}
