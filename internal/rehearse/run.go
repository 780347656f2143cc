package rehearse

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/twin"
)

// What is assumed of the grid until signals say more.
const (
	// WorldIntensity is the average carbon intensity of the world's electricity
	// in 2023, in g CO2e/kWh (Ember, 2024, Global Electricity Review).
	WorldIntensity = 480
	// AssumedPrice is a round price of electricity, in EUR/kWh. It is nobody's
	// tariff: give your own.
	AssumedPrice = 0.20
)

// Plan is one run of a trace on a fleet.
type Plan struct {
	Fleet    Fleet
	Trace    io.Reader
	Options  Options
	Strategy string // of the cell and of every job; "" is the default
	Seed     uint64
	Start    api.Time
	Startup  map[string]twin.Startup // by driver
	Cache    api.Bytes               // see twin.Config
	Gather   api.Duration            // see twin.Config
	Horizon  api.Duration            // 0: to the end
	Shadow   string                  // strategy that decides beside; "" is none, see twin.Config
	Cells    int                     // that share out nodes and jobs; 0 and 1 are a single one
	// Declared are strategies besides the built-in ones, one of which Strategy may be.
	Declared []api.Strategy
	// Tenants are declared before the first arrival, after those of Opening.
	Tenants []api.Tenant
	// Opening is what the cell is told before the first arrival.
	Opening []engine.Input
	// News is what was recorded of signals, at its times. Without any, the cell is told of
	// the signals below as it would be of a live source; see heralds.
	News     []twin.News
	Failures twin.Failures
	Cuts     []twin.Cut
	Check    bool
	// Exact tells the engine how long each job really runs. Otherwise it knows what
	// the trace says of that, and what it learns.
	Exact bool
	// Slack gives jobs without a deadline one.
	Slack Slack
	// Suspend lets single tasks be held still where their driver, noop, could not: they are
	// taken for processes, which run Resume longer each time.
	Suspend bool
	Resume  api.Duration
	// Objective is that of jobs; "" keeps their own.
	Objective api.Objective
	// Intensity in g CO2e/kWh and Price in EUR/kWh hold where no signal is given. Carbon
	// and Prices are signals in those units, by the name or the zone of a site; "" is
	// for all other sites.
	Intensity, Price float64
	Carbon, Prices   map[string]*twin.Signal
	// Temperature outside in °C, and Generation on site in W, are signals by the same
	// names. OwnCarbon is what generation emits, in g CO2e/kWh.
	Temperature, Generation map[string]*twin.Signal
	OwnCarbon               float64
	// Progress is told now and then how many workloads have come.
	Progress func(arrived int64)
}

// Report is what a run came to. Times are in seconds of the world, but for
// WallSeconds.
type Report struct {
	Strategy          string           `json:"strategy"`
	Workloads         int64            `json:"workloads"`
	Tasks             int64            `json:"tasks"` // that began to run: elements of arrays count each
	Events            int64            `json:"events"`
	Decided           int64            `json:"decidedEvents"`
	EventsPerSecond   float64          `json:"eventsPerSecond"`
	TasksPerSecond    float64          `json:"tasksPerSecond"`
	WallSeconds       float64          `json:"wallSeconds"`
	MakespanSeconds   float64          `json:"makespanSeconds"`
	WaitSeconds       twin.Spread      `json:"waitSeconds"`
	CompletionSeconds twin.Spread      `json:"completionSeconds"`
	Stretch           twin.Spread      `json:"stretch"` // of the run itself, see twin.Result
	Utilisation       twin.Utilisation `json:"utilisation"`
	EnergyKWh         float64          `json:"energyKWh"`
	CarbonKg          float64          `json:"carbonKg"`
	Cost              float64          `json:"cost"`                   // of the energy that the grid gave, in EUR
	OwnKWh            float64          `json:"ownKWh,omitempty"`       // of the energy, what sites made themselves
	GeneratedKWh      float64          `json:"generatedKWh,omitempty"` // what they made in all
	Sites             []SiteReport     `json:"sites,omitempty"`
	Missed            int64            `json:"missed"`
	Sleeps            int64            `json:"sleeps"` // how often a node fell asleep
	Moves             int64            `json:"moves"`  // tasks that were moved so that a node could sleep
	Failed            int64            `json:"failed"`
	Refused           int64            `json:"refused"`
	Unfinished        int64            `json:"unfinished"`
	NodeFailures      int64            `json:"nodeFailures"`
	LinkCuts          int64            `json:"linkCuts"`
	Links             []twin.Carried   `json:"links,omitempty"`     // those that carried anything
	BytesOver         map[string]int64 `json:"bytesOver,omitempty"` // by the layers that links join: "cloud-edge"
	Skipped           int              `json:"skippedRows"`
	SkippedWhy        string           `json:"skippedWhy,omitempty"`
	Nodes             int              `json:"nodes"`
	Seed              uint64           `json:"seed"`
	Shadow            *Beside          `json:"shadow,omitempty"`
	Budgets           []BudgetReport   `json:"budgets,omitempty"` // of carbon, of declared tenants
}

// SiteReport is what a site took over a run. The nodes' own energy times PUE is EnergyKWh.
type SiteReport struct {
	Site         string  `json:"site"`
	EnergyKWh    float64 `json:"energyKWh"`
	PUE          float64 `json:"pue"` // in the mean, by the energy of the nodes
	OwnKWh       float64 `json:"ownKWh,omitempty"`
	GeneratedKWh float64 `json:"generatedKWh,omitempty"`
	CarbonKg     float64 `json:"carbonKg"`
	Cost         float64 `json:"cost"`
	// Battery is what the site's did; EnergyKWh is with it.
	Battery *StoreReport `json:"battery,omitempty"`
}

func siteReports(list []twin.Supply) (out []SiteReport) {
	const kWh = 3.6e6 // in J
	for _, s := range list {
		r := SiteReport{
			Site: s.Site, EnergyKWh: s.Joules / kWh, OwnKWh: s.Own / kWh, GeneratedKWh: s.Generated / kWh, CarbonKg: s.Carbon / 1000, Cost: s.Cost,
		}
		load := s.Joules
		if b := s.Battery; b != nil {
			r.Battery = storeReport(b, s.Cost)
			load -= float64(b.Bought-b.Given) / 1e6
		}
		if s.Nodes > 0 {
			r.PUE = load / s.Nodes
		}
		out = append(out, r)
	}
	return out
}

// retained is how many finished workloads the engine keeps in a run: nobody asks
// for them.
const retained = 1000

// Run runs a plan.
func Run(ctx context.Context, p Plan) (*Report, error) {
	if p.Cells > 1 {
		return runCells(ctx, p)
	}
	t, err := OpenTrace(p.Trace, p.Options)
	if err != nil {
		return nil, err
	}
	w, err := p.world()
	if err != nil {
		return nil, err
	}
	demand := p.told(t.Demand(p.Start, p.Strategy))
	if p.Progress != nil {
		demand = counted(demand, p.Progress)
	}
	began := time.Now()
	got, err := w.Run(demand, func() bool { return ctx.Err() != nil })
	if err == nil {
		err = t.Err()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("run the twin: %w", err)
	}
	r := p.report(&got, time.Since(began))
	if n, why := t.Skipped(); n > 0 {
		r.Skipped, r.SkippedWhy = n, why.Error()
	}
	return r, nil
}

// WorldError says what of a plan no world can be built of.
type WorldError struct{ Err error }

// Error gives the cause.
func (e *WorldError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *WorldError) Unwrap() error { return e.Err }

func (p *Plan) world() (*twin.World, error) {
	w, err := twin.New(p.config())
	if err != nil {
		return nil, &WorldError{err}
	}
	return w, nil
}

func (p *Plan) config() twin.Config {
	cfg := twin.Config{
		Sites: p.Fleet.Sites, Strategy: p.Strategy, Start: p.Start, Seed: p.Seed, Retain: retained,
		Gather: p.Gather, Horizon: p.Horizon, Failures: p.Failures, Cuts: p.Cuts, Check: p.Check,
		Signals: p.signals(), OwnCarbon: p.OwnCarbon, News: p.heralds(),
		Resume: p.Resume, Startup: p.Startup, Cache: p.Cache, Home: p.Fleet.Home, Settings: p.Opening, Shadow: p.Shadow,
	}
	if len(p.Declared) > 0 {
		cfg.Strategy, cfg.Settings = "", p.declare()
	}
	if p.looksAhead() {
		cfg.Foresee = newForeseer().look
	}
	cfg.Measure = newGauger()
	for i := range p.Tenants {
		cfg.Settings = append(cfg.Settings, &engine.PutTenant{Tenant: p.Tenants[i]})
	}
	cfg.Nodes = p.Fleet.Runnable()
	for i := 0; p.Suspend && i < len(cfg.Nodes); i++ {
		if n := &cfg.Nodes[i]; !slices.Contains(n.Drivers, api.DriverProcess) {
			n.Drivers = append(slices.Clone(n.Drivers), api.DriverProcess)
		}
	}
	return cfg
}

// Runnable gives the nodes such that they run the tasks of a trace, which are of no
// technology.
func (f *Fleet) Runnable() []api.Node {
	nodes := slices.Clone(f.Nodes)
	for i := range nodes {
		if n := &nodes[i]; !slices.Contains(n.Drivers, api.DriverNoop) {
			n.Drivers = append(slices.Clone(n.Drivers), api.DriverNoop)
		}
	}
	return nodes
}

// declare tells the cell of the declared strategies before it tells which is its own.
func (p *Plan) declare() (in []engine.Input) {
	for i := range p.Declared {
		in = append(in, &engine.PutStrategy{Strategy: p.Declared[i]})
	}
	if p.Strategy != "" {
		in = append(in, &engine.PutSettings{Strategy: p.Strategy})
	}
	return append(in, p.Opening...)
}

func counted(d twin.Demand, progress func(int64)) twin.Demand {
	n := int64(0)
	return func() (twin.Arrival, bool) {
		if n++; n%1024 == 0 {
			progress(n)
		}
		return d()
	}
}

func (p *Plan) report(r *twin.Result, took time.Duration) *Report {
	s := max(took.Seconds(), 1e-9)
	return &Report{
		Links: r.Links, BytesOver: bytesOver(r.Links),
		Strategy: p.Strategy, Workloads: r.Workloads, Tasks: r.Tasks, Events: r.Events, Decided: r.Decided,
		EventsPerSecond: float64(r.Events) / s, TasksPerSecond: float64(r.Tasks) / s, WallSeconds: s,
		MakespanSeconds: r.Makespan.Std().Seconds(), WaitSeconds: r.Wait, CompletionSeconds: r.Completion, Stretch: r.Stretch, Utilisation: r.Utilisation,
		EnergyKWh: r.Joules / 3.6e6, CarbonKg: r.Carbon / 1000, Cost: r.Cost,
		OwnKWh: r.Own / 3.6e6, GeneratedKWh: r.Generated / 3.6e6, Sites: siteReports(r.Sites),
		Missed: r.Missed, Sleeps: r.Sleeps, Moves: r.Moves, Failed: r.Failed, Refused: r.Refused, Unfinished: r.Unfinished, NodeFailures: r.Failures, LinkCuts: r.Cuts,
		Nodes: len(p.Fleet.Nodes), Seed: p.Seed,
	}
}

// bytesOver sums what links carried by the layers that they join.
func bytesOver(links []twin.Carried) map[string]int64 {
	if len(links) == 0 {
		return nil
	}
	out := map[string]int64{}
	for _, l := range links {
		out[l.Kind] += int64(l.Bytes)
	}
	return out
}

// gigabytes is what went over the links of a kind, both ways, in 10^9 bytes; "" is
// all of them.
func (r *Report) gigabytes(kind string) (sum float64) {
	for i := range r.Links {
		if l := &r.Links[i]; kind == "" || l.Kind == kind {
			sum += float64(l.Bytes) / 1e9
		}
	}
	return sum
}
