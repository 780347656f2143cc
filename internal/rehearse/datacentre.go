package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/energy/hall"
)

// DatacentrePlan is the case of a data centre: what a month takes, zone by zone.
type DatacentrePlan struct {
	// Data is a folder with carbon/ZONE_YEAR.csv.gz, prices/ZONE_YEAR.csv.gz, the use of
	// virtual machines in bitbrains/vms.csv.gz and jobs in gaia/pai-100k.csv.gz.
	Data    string
	Zones   []string // none: all that Data has
	Servers int
	Days    int
	Start   api.Time
	// Batch is the share of the work that may wait, by CPU time used, and Slack by how
	// much it may; Load is the share of the servers' CPU that all of it asks for.
	Batch, Load float64
	Slack       api.Duration
	Objective   string  // of Objectives
	Forecast    string  // of Forecasts
	PUE         float64 // of the site: what the building takes for each kWh of the servers
	Sensitivity bool    // also other shares of batch and other slacks
	Workers     int     // zones at a time
	// Progress, which may be nil, is told how much is done.
	Progress func(percent int64)
}

// Ways to run the month.
type Ways struct {
	Spread  float64 `json:"spread"`  // everything spread over servers that are always on
	BestFit float64 `json:"bestFit"` // packed by what is asked for, servers off after ten idle minutes
	Drover  float64 `json:"drover"`
	// Bound is below what any plan takes that knows all: each hour of work on the most
	// efficient server, which is full, each job at its best start for this sum alone.
	Bound float64 `json:"bound"`
}

// Savings are in per cent of a baseline; of the cost nil where no price is known.
type Savings struct {
	Energy float64  `json:"energy"`
	Carbon float64  `json:"carbon"`
	Cost   *float64 `json:"cost"`
}

// Against holds savings against both baselines.
type Against struct {
	Spread  Savings `json:"spread"`
	BestFit Savings `json:"bestFit"`
}

// Miss is an aim that is not reached against the second baseline, and why.
type Miss struct {
	Aim          string  `json:"aim"` // energy, carbon or cost
	AimPercent   float64 `json:"aimPercent"`
	SavedPercent float64 `json:"savedPercent"`
	BoundPercent float64 `json:"boundPercent"` // what the bound would save
	Why          string  `json:"why"`
}

// ZoneCase is the month in a zone.
type ZoneCase struct {
	Zone         string  `json:"zone"`
	Currency     string  `json:"currency,omitempty"`
	EnergyKWh    Ways    `json:"energyKWh"`
	CarbonKg     Ways    `json:"carbonKg"`
	Cost         *Ways   `json:"cost"`
	SavedPercent Against `json:"savedPercent"`
	BoundPercent Savings `json:"boundPercent"` // of the bound, against BestFit
	// SlowdownPercent is the share of the CPU that services asked for and did not get.
	SlowdownPercent  float64 `json:"slowdownPercent"`
	MeanDelaySeconds float64 `json:"meanDelaySeconds"` // of the starts of jobs, by CPU time
	Late             int     `json:"late"`             // jobs that began later than their slack
	Missed           []Miss  `json:"missed"`
}

// MixCase is a zone with another share of batch, or another slack.
type MixCase struct {
	Zone         string  `json:"zone"`
	BatchPercent float64 `json:"batchPercent"`
	SlackHours   float64 `json:"slackHours"`
	SavedPercent Savings `json:"savedPercent"` // against BestFit
	BoundPercent Savings `json:"boundPercent"`
}

// Aim is how one aim fares over the zones, against BestFit.
type Aim struct {
	Percent float64  `json:"percent"`
	Least   float64  `json:"least"` // saved, of all zones
	Most    float64  `json:"most"`
	Met     []string `json:"met"`
	Allowed []string `json:"allowed"` // zones in which the bound reaches it
}

// Headline is what is reached against the honest baseline.
type Headline struct {
	Against string `json:"against"`
	Energy  Aim    `json:"energy"`
	Carbon  Aim    `json:"carbon"`
	Cost    Aim    `json:"cost"`
}

// Mix says what runs.
type Mix struct {
	BatchPercent    float64 `json:"batchPercent"`    // of the CPU time used
	SlackHours      float64 `json:"slackHours"`      //
	AskedPercent    float64 `json:"askedPercent"`    // of the servers' CPU, in the mean
	UsedPercent     float64 `json:"usedPercent"`     // of the servers' CPU, in the mean
	Services        int     `json:"services"`        //
	ServiceUse      float64 `json:"serviceUse"`      // of what services ask for, the share that they use
	Jobs            int     `json:"jobs"`            //
	AwakeBestFit    float64 `json:"awakeBestFit"`    // servers, in the mean
	SlowdownPercent float64 `json:"slowdownPercent"` // of services, see ZoneCase
}

// DatacentreReport is the case.
type DatacentreReport struct {
	Servers     int        `json:"servers"`
	Days        int        `json:"days"`
	Start       api.Time   `json:"start"`
	PUE         float64    `json:"pue"`
	Objective   string     `json:"objective"`
	Mix         Mix        `json:"mix"`
	Zones       []ZoneCase `json:"zones"`
	Aims        Aims       `json:"aims"`
	Headline    Headline   `json:"headline"`
	Sensitivity []MixCase  `json:"sensitivity,omitempty"`
	Seconds     float64    `json:"seconds"`
}

// Aims are in per cent.
type Aims struct {
	Energy float64 `json:"energy"`
	Carbon float64 `json:"carbon"`
	Cost   float64 `json:"cost"`
}

// DatacentreAims are those that the case is held beside.
func DatacentreAims() Aims { return Aims{30, 60, 40} }

// serverKinds are the medians of SPECpower_ssj2008 results of one node with two
// processors, by generation: throughput and watts at full load and at active idle (12,
// 11, 31 and 24 results of 2014 to 2020, as in cloud-carbon-coefficients). A core here
// is one of 56 of the last kind.
func serverKinds() []hall.Kind {
	const core = 5_812_673.0 / 56 // ssj_ops
	return []hall.Kind{
		{Name: "Haswell", Cores: 3_236_058 / core, Idle: 47.1, Full: 272},
		{Name: "Broadwell", Cores: 3_448_187 / core, Idle: 44.6, Full: 255},
		{Name: "Skylake", Cores: 5_653_296 / core, Idle: 52.4, Full: 432},
		{Name: "Cascade Lake", Cores: 56, Idle: 51.6, Full: 414},
	}
}

// serversOf are so many servers, of the kinds in turn.
func serversOf(n int) []hall.Kind {
	kinds := serverKinds()
	out := make([]hall.Kind, n)
	for i := range out {
		out[i] = kinds[i%len(kinds)]
	}
	return out
}

// Limits of the case.
const (
	minServers, maxServers = 20, 10_000
	maxCaseDays            = 60
	maxCaseSlack           = 72 * api.Hour
	caseTail               = 10 * 24 // hours behind the last day in which the last jobs end
)

func (p *DatacentrePlan) check() error {
	switch {
	case p.Servers < minServers || p.Servers > maxServers:
		return fmt.Errorf("%d servers: there must be %d to %d", p.Servers, minServers, maxServers)
	case p.Days < 1 || p.Days > maxCaseDays:
		return fmt.Errorf("%d days: there must be 1 to %d", p.Days, maxCaseDays)
	case !(p.Batch >= 0.05 && p.Batch <= 0.95) || !(p.Load >= 0.1 && p.Load <= 0.8):
		return fmt.Errorf("%.0f %% of the work may wait and all of it asks for %.0f %% of the servers: these are 5 to 95 %% and 10 to 80 %%", 100*p.Batch, 100*p.Load)
	case p.Slack < 0 || p.Slack > maxCaseSlack:
		return fmt.Errorf("a slack of %s: it is up to %s", p.Slack, maxCaseSlack)
	case !(p.PUE >= 1 && p.PUE <= 3):
		return fmt.Errorf("a PUE of %g: it is 1 to 3", p.PUE)
	case !slices.Contains(Objectives(), p.Objective) || !slices.Contains(Forecasts(), p.Forecast):
		return fmt.Errorf("objective %.40q, forecast %.40q: they are one of %v and of %v", p.Objective, p.Forecast, Objectives(), Forecasts())
	}
	return nil
}

// variants are the shares of batch and the slacks that are looked at, the plan's own
// first.
func (p *DatacentrePlan) variants() (list []variant) {
	list = append(list, variant{p.Batch, p.Slack})
	if !p.Sensitivity {
		return list
	}
	for _, batch := range []float64{0.25, 0.5, 0.75} {
		for _, slack := range []api.Duration{6 * api.Hour, 24 * api.Hour} {
			list = append(list, variant{batch, slack})
		}
	}
	return list
}

type variant struct {
	batch float64
	slack api.Duration
}

// RunDatacentre runs the month in every zone.
func RunDatacentre(ctx context.Context, p DatacentrePlan) (*DatacentreReport, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("the data centre: %w", err)
	}
	zones, err := p.zones()
	if err != nil {
		return nil, fmt.Errorf("the data centre: %w", err)
	}
	list := p.variants()
	var shares []float64
	for _, v := range list {
		if !slices.Contains(shares, v.batch) {
			shares = append(shares, v.batch)
		}
	}
	traces, err := p.traces()
	if err != nil {
		return nil, fmt.Errorf("the data centre: %w", err)
	}
	demands, cases := make([]*caseDemand, len(shares)), make([][]ZoneCase, len(zones))
	tell := func(base int) func(int) {
		return func(n int) {
			if p.Progress != nil {
				p.Progress(int64(100 * (base + n) / (len(shares) + len(zones))))
			}
		}
	}
	err = inParallel(ctx, len(shares), p.Workers, tell(0), func(ctx context.Context, i int) (err error) {
		demands[i], err = p.demand(ctx, traces, shares[i])
		return err
	})
	if err == nil {
		err = inParallel(ctx, len(zones), p.Workers, tell(len(shares)), func(ctx context.Context, i int) (err error) {
			cases[i], err = p.zone(ctx, zones[i], list, func(v variant) *caseDemand { return demands[slices.Index(shares, v.batch)] })
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("the data centre: %w", err)
	}
	return p.report(demands[0], list, cases), nil
}

func (p *DatacentrePlan) report(d *caseDemand, list []variant, cases [][]ZoneCase) *DatacentreReport {
	r := &DatacentreReport{
		Servers: p.Servers, Days: p.Days, Start: p.Start, PUE: p.PUE, Objective: p.Objective, Aims: DatacentreAims(), Mix: d.mix,
	}
	r.Mix.SlackHours = float64(p.Slack) / float64(api.Hour)
	for _, of := range cases {
		r.Zones = append(r.Zones, of[0])
		for i, v := range list[1:] {
			c := of[i+1]
			r.Sensitivity = append(r.Sensitivity, MixCase{c.Zone, 100 * v.batch, float64(v.slack) / float64(api.Hour), c.SavedPercent.BestFit, c.BoundPercent})
		}
	}
	r.Headline = headline(r.Zones, r.Aims)
	return r
}

func headline(zones []ZoneCase, aims Aims) Headline {
	aim := func(percent float64, of func(*Savings) *float64) Aim {
		a := Aim{Percent: percent, Least: math.Inf(1), Most: math.Inf(-1), Met: []string{}, Allowed: []string{}}
		for i := range zones {
			got, best := of(&zones[i].SavedPercent.BestFit), of(&zones[i].BoundPercent)
			if got == nil || best == nil {
				continue
			}
			a.Least, a.Most = min(a.Least, *got), max(a.Most, *got)
			if *got >= percent {
				a.Met = append(a.Met, zones[i].Zone)
			}
			if *best >= percent {
				a.Allowed = append(a.Allowed, zones[i].Zone)
			}
		}
		if a.Least > a.Most {
			a.Least, a.Most = 0, 0
		}
		return a
	}
	return Headline{
		Against: "bestFit",
		Energy:  aim(aims.Energy, func(s *Savings) *float64 { return &s.Energy }),
		Carbon:  aim(aims.Carbon, func(s *Savings) *float64 { return &s.Carbon }),
		Cost:    aim(aims.Cost, func(s *Savings) *float64 { return s.Cost }),
	}
}

// zones lists those that there are signals of, or those that are asked for.
func (p *DatacentrePlan) zones() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(p.Data, "carbon"))
	if err != nil {
		return nil, fmt.Errorf("read the carbon intensities: %w", err)
	}
	var all []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".csv.gz")
		if at := strings.LastIndexByte(name, '_'); ok && at > 0 && !slices.Contains(all, name[:at]) {
			all = append(all, name[:at])
		}
	}
	slices.Sort(all)
	if len(p.Zones) == 0 {
		return all, errIf(len(all) == 0, "there is no carbon/ZONE_YEAR.csv.gz")
	}
	for _, z := range p.Zones {
		if !slices.Contains(all, z) {
			return nil, fmt.Errorf("there is no carbon intensity of zone %.40s; there is of %s", z, strings.Join(all, ", "))
		}
	}
	return p.Zones, nil
}

func errIf(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

// inOrder sorts jobs by their starts.
func inOrder(jobs []hall.Job) []hall.Job {
	slices.SortStableFunc(jobs, func(a, b hall.Job) int { return cmp.Compare(a.Start, b.Start) })
	return jobs
}
