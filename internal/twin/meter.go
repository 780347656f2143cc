package twin

import (
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/energy"
)

// meter measures what happens in a world.
type meter struct {
	events   int64 // that happened in the world
	decided  int64 // events of the engine
	refused  int64 // workloads that the engine did not accept
	refusal  string
	failed   int64 // elements that ended without success
	failures int64 // of nodes
	cuts     int64 // of links
	missed   int64 // deadlines
	sleeps   int64 // nodes that fell asleep, each time
	moves    int64 // tasks that were moved so that a node could sleep, or was relieved
	done     int64 // workloads
	fault    error

	waits, completions []api.Duration
	stretches          []float64
	first              map[api.TaskRef]api.Time // when elements that run did so first
	unbegun            map[api.TaskRef]struct{} // tried before, and did not run
	last               api.Time                 // when the last workload ended

	sites []*supply
	total use // of the whole fleet

	// Integrals over time: of use, in units times seconds.
	cpu, asked, memory, gpu float64
	jobSeconds              float64 // see Reading
	counted                 api.Time
}

// wattSeconds are in a kWh.
const wattSeconds = 3.6e6

func (m *meter) fleet(cfg *Config) {
	m.unbegun, m.first, m.counted = map[api.TaskRef]struct{}{}, map[api.TaskRef]api.Time{}, cfg.Start
	for i := range cfg.Nodes {
		c := &cfg.Nodes[i].Capacity
		m.total.cpu += c.CPU
		m.total.memory += c.Memory
		for _, a := range c.Accelerators {
			m.total.gpu += a.Count
		}
	}
}

// Draws is what a node draws, in W, beyond what it draws idle, while so much of its
// CPU is used. pue is the site's, in thousandths; 0 is 1000.
func Draws(n *api.Node, pue, cpu api.Milli) float64 {
	if n.Capacity.CPU <= 0 {
		return 0
	}
	p := energy.CurveOf(n)
	return (p.At(float64(cpu)/float64(n.Capacity.CPU)) - p.Idle) * float64(max(pue, 1000)) / 1000
}

// DevicesDraw is what shares of a node's accelerators draw, in W, beyond what they draw idle,
// and what its site takes besides; pue is as in Draws.
func DevicesDraw(n *api.Node, pue api.Milli, list []api.DeviceShare) float64 {
	return float64(devicesOf(n, list)) / 1e6 * float64(max(pue, 1000)) / 1000
}

// elapsed adds what a machine did since it last changed. It may change then.
func (w *meter) elapsed(m *machine, now api.Time) {
	m.site.change(m, now)
	s := now.Sub(m.since).Std().Seconds()
	m.since = now
	if s == 0 || m.down {
		return
	}
	w.cpu += s * float64(m.used.cpu)
	w.asked += s * float64(m.used.asked)
	w.memory += s * float64(m.used.memory)
	w.gpu += s * float64(m.used.gpu)
}

// drew is what all sites took until what was counted last.
func (w *meter) drew() (all Supply) {
	for _, s := range w.sites {
		all.add(&s.Supply)
	}
	return all
}

// waited adds the time that so many jobs have spent since their number last changed.
func (w *meter) waited(jobs int, now api.Time) {
	if now > w.counted {
		w.jobSeconds += float64(jobs) * now.Sub(w.counted).Std().Seconds()
		w.counted = now
	}
}

// started notes how long an element waited for its first run.
func (w *meter) started(a *attempt, now api.Time) {
	if a.ghost {
		return // another attempt waits, or has begun, in its place
	}
	if _, ok := w.first[a.id.TaskRef]; !ok && !a.job.serves {
		w.first[a.id.TaskRef] = now
	}
	if a.id.Try > 1 {
		if _, ok := w.unbegun[a.id.TaskRef]; !ok {
			return
		}
		delete(w.unbegun, a.id.TaskRef)
	}
	w.waits = append(w.waits, now.Sub(a.job.at))
}

// leastRun bounds stretches of what hardly runs (Feitelson et al., 1997, "Theory and
// Practice in Parallel Job Scheduling", whose bounded slowdown has the same 10 s).
const leastRun = 10.0

// ended notes how long an element took from its first run to the end of its last one, for
// each second that it runs alone and undisturbed on a node of speed 1000.
func (w *meter) ended(a *attempt, well bool) {
	begun, ok := w.first[a.id.TaskRef]
	delete(w.first, a.id.TaskRef)
	if ok && well && a.ran {
		took, alone := a.stopped.Sub(begun).Std().Seconds(), a.truth.of(a.id.Index).Std().Seconds()
		w.stretches = append(w.stretches, max(took, leastRun)/max(alone, leastRun))
	}
}

// dropped notes an element that must begin anew.
func (w *meter) dropped(a *attempt) {
	if !a.running {
		w.unbegun[a.id.TaskRef] = struct{}{}
	}
}

// finished notes the end of a job. One that waits when its deadline comes is ended at
// that moment, and has missed it, too.
func (w *meter) finished(j *job, now api.Time, well bool) {
	took := now.Sub(j.at)
	w.done++
	w.last = now
	w.completions = append(w.completions, took)
	if d := j.spec.Deadline; d > 0 && (took > d || took == d && !well) {
		w.missed++
	}
}

// Spread describes many times, in seconds, or many ratios.
type Spread struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
}

// spread describes times.
func spread(times []api.Duration) Spread {
	list := make([]float64, len(times))
	for i, d := range times {
		list[i] = d.Std().Seconds()
	}
	return spreadOf(list)
}

// spreadOf sorts a list. Percentiles are the nearest rank.
func spreadOf(list []float64) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	slices.Sort(list)
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	rank := func(p float64) float64 { return list[int(math.Ceil(p*float64(len(list))))-1] }
	return Spread{Mean: sum / float64(len(list)), P50: rank(0.5), P99: rank(0.99)}
}

// Utilisation is the share of the fleet's capacity that was taken over the
// makespan, from 0 to 1. CPU, Memory and GPU count what tasks asked for, CPUUsed
// what they really used.
type Utilisation struct {
	CPU     float64 `json:"cpu"`
	CPUUsed float64 `json:"cpuUsed"`
	Memory  float64 `json:"memory"`
	GPU     float64 `json:"gpu"`
}

// Result is what a run came to.
type Result struct {
	Workloads  int64  // that ended
	Tasks      int64  // elements that began to run
	Events     int64  // that happened in the world: arrivals, starts, ends, failures
	Decided    int64  // events that the engine decided
	Refused    int64  // workloads that were not accepted
	Refusal    string // why the first of them was not
	Failed     int64  // elements that ended without success
	Unfinished int64  // workloads that had not ended when the run did
	Failures   int64  // of nodes
	Cuts       int64  // of links
	Missed     int64  // deadlines
	Sleeps     int64  // how often a node fell asleep
	Moves      int64  // tasks that were asked to leave a node so that it could sleep
	Makespan   api.Duration
	// Wait is from submission to the first run of each element, Completion from
	// submission to the end of each workload.
	Wait, Completion Spread
	// Stretch is, of each element that succeeded, the time from its first run to the end of
	// its last one by the time that it runs alone on a node of speed 1000, both at least
	// 10 s: slow nodes, being held still and beginning anew lengthen it, waiting does not.
	Stretch     Spread
	Utilisation Utilisation
	Joules      float64  // of all nodes from the start to the end of the makespan
	Own         float64  // of those, what sites made themselves
	Generated   float64  // J that sites made in all
	Carbon      float64  // of that energy, in g CO2e
	Cost        float64  // of what came from the grid, in the units of the price
	Sites       []Supply // those that have a name, in the order of their first nodes
	Links       []Carried
	Shadow      *Shadowed // nil: there was none
}

func (w *World) result() Result {
	m := &w.meter
	end := m.last
	if len(w.jobs) > 0 {
		end = w.now
	}
	for i := range w.nodes {
		m.elapsed(&w.nodes[i], max(end, w.nodes[i].since))
	}
	drew := m.drew()
	r := Result{
		Workloads: m.done, Tasks: int64(len(m.waits)), Events: m.events, Decided: m.decided, Refused: m.refused, Refusal: m.refusal, Failed: m.failed,
		Unfinished: int64(len(w.jobs)), Failures: m.failures, Cuts: m.cuts, Missed: m.missed, Sleeps: m.sleeps, Moves: m.moves, Makespan: max(end.Sub(w.cfg.Start), 0),
		Wait: spread(m.waits), Completion: spread(m.completions), Joules: drew.Joules, Own: drew.Own, Generated: drew.Generated,
		Carbon: drew.Carbon, Cost: drew.Cost,
	}
	for _, s := range m.sites {
		if s.Site != "" {
			r.Sites = append(r.Sites, s.Supply)
		}
	}
	r.Links, r.Stretch = w.net.used(r.Makespan), spreadOf(m.stretches)
	r.Utilisation = m.utilisation(r.Makespan)
	r.Shadow = w.shadow.result()
	return r
}

// utilisation is what of the fleet's capacity was taken over a makespan.
func (m *meter) utilisation(makespan api.Duration) Utilisation {
	s := makespan.Std().Seconds()
	share := func(taken float64, of int64) float64 {
		if of == 0 || s <= 0 {
			return 0
		}
		return taken / s / float64(of)
	}
	return Utilisation{
		CPU: share(m.asked, int64(m.total.cpu)), CPUUsed: share(m.cpu, int64(m.total.cpu)),
		Memory: share(m.memory, int64(m.total.memory)), GPU: share(m.gpu, int64(m.total.gpu)),
	}
}
