package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy/hall"
	"drover.dev/internal/energy/shift"
	"drover.dev/internal/trace"
)

// learnt is how many hours before the month forecasts learn from.
const learnt = 364 * 24

// zoneSignals are a zone's hours from learnt before the month on.
type zoneSignals struct {
	carbon, price []float64 // in g/kWh and in Currency/kWh; no price is nil
	known         []int     // see shift.Signal, of price
	currency      string
}

var perMWh = regexp.MustCompile(`([A-Z]{3})/[kM]Wh`)

func (p *DatacentrePlan) signals(zone string) (*zoneSignals, error) {
	from := p.Start.Add(-learnt * api.Hour)
	to := p.Start.Add(api.Duration(24*p.Days+caseTail) * api.Hour)
	read := func(folder string, kind api.SignalKind) (trace.Grid, string, error) {
		var names []string
		for year := time.Unix(0, int64(from)).UTC().Year(); year <= time.Unix(0, int64(to)).UTC().Year(); year++ {
			names = append(names, filepath.Join(p.Data, folder, fmt.Sprintf("%s_%d.csv.gz", zone, year)))
		}
		g, err := gridOf(strings.Join(names, ","), api.Hour, kind)
		if err != nil {
			return g, "", err
		}
		title, err := titleOf(names[0])
		if err == nil && (g.From > from || g.End() < to) {
			err = fmt.Errorf("%s of %s is known from %s to %s, and %s to %s is needed: a year to learn from, the month, and %d days in which the last jobs end", kind, zone, g.From, g.End(), from, to, caseTail/24)
		}
		return g.Cut(from, to), title, err
	}
	g, _, err := read("carbon", api.SignalCarbon)
	if err != nil {
		return nil, err
	}
	s := &zoneSignals{carbon: g.Values}
	g, title, err := read("prices", api.SignalPrice)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, errIf(p.Objective == ObjectiveCost, "the objective is cost, and there is no price of zone "+zone)
	case err != nil:
		return nil, err
	}
	s.price = g.Values
	if m := perMWh.FindStringSubmatch(title); m != nil {
		s.currency = m[1]
	}
	s.known, err = knownPrices(g, MarketZone)
	return s, err
}

// titleOf is the header of a file's column of values.
func titleOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, title, err := trace.Samples(f, "")
	return title, err
}

// outlook is what is expected of what is to be saved, hour by hour of the month.
func (p *DatacentrePlan) outlook(s *zoneSignals, slack api.Duration, longest float64) ([][]float64, error) {
	waits := int(slack / api.Hour)
	var list []shift.Signal
	add := func(values []float64, known []int) error {
		predict, err := newPredictor(p.Forecast, 24, min(waits+2, 96))
		if err != nil {
			return err
		}
		list = append(list, shift.Signal{Values: values, Scale: 1 / meanSize(values[:learnt]), Known: known, Predict: predict})
		return nil
	}
	if p.Objective != ObjectiveCost {
		if err := add(s.carbon, nil); err != nil {
			return nil, err
		}
	}
	if p.Objective != ObjectiveCarbon && s.price != nil {
		if err := add(s.price, s.known); err != nil {
			return nil, err
		}
	}
	if p.Forecast == ForecastNone {
		for i := range list {
			list[i].Known = slices.Repeat([]int{len(list[i].Values)}, len(list[i].Values))
		}
	}
	return shift.Outlook(list, learnt, learnt+24*p.Days+waits+1, waits+int(math.Ceil(longest))+2)
}

// zone runs the month in a zone, in each variant.
func (p *DatacentrePlan) zone(ctx context.Context, zone string, list []variant, of func(variant) *caseDemand) ([]ZoneCase, error) {
	s, err := p.signals(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", zone, err)
	}
	slack, longest := api.Duration(0), 0.0
	for _, v := range list {
		slack = max(slack, v.slack)
		for _, j := range of(v).jobs {
			longest = max(longest, j.Hours)
		}
	}
	outlook, err := p.outlook(s, slack, longest)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", zone, err)
	}
	var out []ZoneCase
	for _, v := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := p.variant(s, of(v), v.slack, outlook)
		if err != nil {
			return nil, fmt.Errorf("zone %s: %w", zone, err)
		}
		c.Zone, c.Currency = zone, s.currency
		c.Missed = c.missed(DatacentreAims())
		out = append(out, *c)
	}
	return out, nil
}

// filled is how much of its servers' CPU jobs may take together by plan: the rest is
// lost between pieces.
const filled = 0.92

// variant starts the jobs by what is expected, and books what comes of it.
func (p *DatacentrePlan) variant(s *zoneSignals, d *caseDemand, slack api.Duration, outlook [][]float64) (*ZoneCase, error) {
	jobs := slices.Clone(d.jobs)
	for i := range jobs {
		jobs[i].Slack = float64(slack) / float64(api.Hour)
	}
	room := 0.0
	for i := range d.pool {
		room += filled * d.pool[i].Cores
	}
	held := make([]float64, 24*p.Days+caseTail+int(maxCaseSlack/api.Hour))
	starts := shift.Online(jobs, outlook, func(i int, start float64) bool {
		j := &jobs[i]
		from, to := int(start), min(int(math.Ceil(start+j.Hours)), len(held))
		if start+1 < j.Submit+j.Slack && slices.Max(held[from:to])+j.Weight > room {
			return false
		}
		for h := from; h < to; h++ {
			held[h] += j.Weight
		}
		return true
	})
	out, err := hall.Run(hall.Case{Servers: d.pool, Jobs: d.at(starts), Hours: 24 * p.Days, Sleep: caseSleep, Wake: caseWake, Rule: hall.LeastPower})
	if err != nil {
		return nil, err
	}
	kw := append(out.KW, make([]float64, max(len(d.together)-len(out.KW), 0))...)
	for h, v := range d.together {
		kw[h] += v
	}
	c := &ZoneCase{SlowdownPercent: d.mix.SlowdownPercent}
	delay, weight := 0.0, 0.0
	for i, j := range jobs {
		delay += (starts[i] - j.Submit) * j.Weight * j.Hours
		weight += j.Weight * j.Hours
		if starts[i] > j.Submit+j.Slack+1e-6 {
			c.Late++
		}
	}
	if weight > 0 {
		c.MeanDelaySeconds = 3600 * delay / weight
	}
	return c, p.book(c, s, d, jobs, kw)
}

// book fills in what the month takes each way.
func (p *DatacentrePlan) book(c *ZoneCase, s *zoneSignals, d *caseDemand, jobs []shift.Job, drover []float64) error {
	if n := len(s.carbon) - learnt; max(len(drover), len(d.best), len(d.spread)) > n {
		return fmt.Errorf("the last job ends behind hour %d, up to which the signals are known: the servers cannot hold the jobs", n)
	}
	ways := func(signal []float64, unit float64) Ways {
		of := func(kw []float64) (total float64) {
			for h, v := range kw {
				total += v * p.PUE * unit * at(signal, h)
			}
			return total
		}
		return Ways{of(d.spread), of(d.best), of(drover), p.bound(signal, d, jobs) * unit}
	}
	c.EnergyKWh, c.CarbonKg = ways(nil, 1), ways(s.carbon, 1e-3)
	if s.price != nil {
		w := ways(s.price, 1)
		c.Cost = &w
	}
	saved := func(of func(Ways) (base, got float64)) Savings {
		v := Savings{Energy: saving(of(c.EnergyKWh)), Carbon: saving(of(c.CarbonKg))}
		if c.Cost != nil && c.Cost.BestFit > 0 && c.Cost.Spread > 0 {
			x := saving(of(*c.Cost))
			v.Cost = &x
		}
		return v
	}
	c.SavedPercent = Against{
		saved(func(w Ways) (float64, float64) { return w.Spread, w.Drover }),
		saved(func(w Ways) (float64, float64) { return w.BestFit, w.Drover }),
	}
	c.BoundPercent = saved(func(w Ways) (float64, float64) { return w.BestFit, w.Bound })
	return nil
}

// at is the value of a signal in an hour of the month; without a signal 1.
func at(signal []float64, hour int) float64 {
	if signal == nil {
		return 1
	}
	return signal[learnt+hour]
}

func saving(base, got float64) float64 { return 100 * (1 - got/base) }

// bound is what the work takes at the least when all is known: each core at the watts
// of the most efficient server when that is full, whether there are enough of them or
// not, services when they run, and each job at its best start, whether others take the
// same hours or not. Energy is not wasted to earn at negative prices.
func (p *DatacentrePlan) bound(signal []float64, d *caseDemand, jobs []shift.Job) float64 {
	total := 0.0
	for h, cores := range d.use {
		total += cores * at(signal, h)
	}
	hours := make([]float64, 24*p.Days+caseTail)
	for h := range hours {
		hours[h] = at(signal, h)
	}
	curve := shift.NewCurve(hours)
	total += shift.Total(jobs, curve, shift.Optimal(jobs, curve))
	return total * hall.Least(serverKinds()) / 1000 * p.PUE
}

// missed says which aims are not reached against the honest baseline.
func (c *ZoneCase) missed(aims Aims) []Miss {
	out := []Miss{}
	look := func(name string, aim float64, got, bound *float64) {
		if got == nil || bound == nil || *got >= aim {
			return
		}
		why := "the bound reaches it: what is missing is lost to servers that are not full, or not the best ones"
		if name != "energy" {
			why += ", to forecasts, to hours in which all servers are full, and to weighing several aims at once"
		}
		if *bound < aim {
			why = fmt.Sprintf("no plan can: even if every hour were known and every server in use were the best one and full, it would be %.1f %%", *bound)
		}
		out = append(out, Miss{name, aim, *got, *bound, why})
	}
	got, bound := &c.SavedPercent.BestFit, &c.BoundPercent
	look("energy", aims.Energy, &got.Energy, &bound.Energy)
	look("carbon", aims.Carbon, &got.Carbon, &bound.Carbon)
	look("cost", aims.Cost, got.Cost, bound.Cost)
	return out
}
