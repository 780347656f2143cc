package twin

import (
	"math"
	"slices"

	"drover.dev/api"
)

// What a core draws when a node says nothing of its power, in W a core: the
// averages over AWS instances of the Cloud Carbon Footprint methodology (0.74
// idle, 3.5 at full load).
const (
	assumedIdle = 0.74
	assumedFull = 3.5
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
	done     int64 // workloads
	fault    error

	waits, completions []api.Duration
	unbegun            map[api.TaskRef]struct{} // tried before, and did not run
	last               api.Time                 // when the last workload ended

	watts []power // by node
	total use     // of the whole fleet

	// Integrals over time: of use, in units times seconds, and of power in J.
	cpu, asked, memory, gpu float64
	joules                  float64
	carbon, cost            float64 // W times signal times s
	jobSeconds              float64 // see Reading
	counted                 api.Time
}

type power struct{ idle, full, pue float64 } // in W, with what the site takes besides (PUE)

// wattSeconds are in a kWh.
const wattSeconds = 3.6e6

func (m *meter) fleet(cfg *Config) {
	m.unbegun, m.counted = map[api.TaskRef]struct{}{}, cfg.Start
	effectiveness := map[string]float64{}
	for i := range cfg.Sites {
		effectiveness[cfg.Sites[i].Name] = float64(max(cfg.Sites[i].PUE, 1000)) / 1000
	}
	nodes := cfg.Nodes
	for i := range nodes {
		c := &nodes[i].Capacity
		m.total.cpu += c.CPU
		m.total.memory += c.Memory
		for _, a := range c.Accelerators {
			m.total.gpu += a.Count
		}
		p := powerOf(&nodes[i])
		p.pue = 1
		if pue := effectiveness[nodes[i].Site]; pue > 1 {
			p.pue = pue
			p.idle, p.full = float64(p.idle*pue), float64(p.full*pue)
		}
		m.watts = append(m.watts, p)
	}
}

func powerOf(n *api.Node) power {
	if given := n.Power; given != nil {
		return power{idle: float64(given.Idle) / 1000, full: float64(given.Full) / 1000}
	}
	cores := float64(n.Capacity.CPU) / 1000
	return power{idle: assumedIdle * cores, full: assumedFull * cores}
}

// Draws is what a node draws, in W, beyond what it draws idle, while so much of its
// CPU is used. pue is the site's, in thousandths; 0 is 1000.
func Draws(n *api.Node, pue, cpu api.Milli) float64 {
	if n.Capacity.CPU <= 0 {
		return 0
	}
	p := powerOf(n)
	share := min(float64(cpu)/float64(n.Capacity.CPU), 1)
	return (p.full - p.idle) * share * float64(max(pue, 1000)) / 1000
}

// elapsed adds what a machine did since it last changed.
func (w *meter) elapsed(m *machine, at int32, now api.Time) {
	s := now.Sub(m.since).Std().Seconds()
	m.since = now
	if s == 0 {
		return
	}
	before := m.at
	m.at = m.feed.until(now)
	if m.down {
		return
	}
	w.cpu += s * float64(m.used.cpu)
	w.asked += s * float64(m.used.asked)
	w.memory += s * float64(m.used.memory)
	w.gpu += s * float64(m.used.gpu)
	p := w.watts[at]
	u := 0.0
	if c := m.node.Capacity.CPU; c > 0 {
		u = min(float64(m.used.cpu)/float64(c), 1)
	}
	watts := p.idle + (p.full-p.idle)*u
	if m.nap.off {
		watts = m.nap.watts * p.pue
	}
	w.joules += s * watts
	w.carbon += float64(watts * (m.at.carbon - before.carbon))
	w.cost += float64(watts * (m.at.price - before.price))
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
	if a.id.Try > 1 {
		if _, ok := w.unbegun[a.id.TaskRef]; !ok {
			return
		}
		delete(w.unbegun, a.id.TaskRef)
	}
	w.waits = append(w.waits, now.Sub(a.job.at))
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

// Spread describes many times, in seconds.
type Spread struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
}

// spread sorts the times. Percentiles are the nearest rank.
func spread(times []api.Duration) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	slices.Sort(times)
	sum := 0.0
	for _, d := range times {
		sum += d.Std().Seconds()
	}
	rank := func(p float64) float64 {
		return times[int(math.Ceil(p*float64(len(times))))-1].Std().Seconds()
	}
	return Spread{Mean: sum / float64(len(times)), P50: rank(0.5), P99: rank(0.99)}
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
	Makespan   api.Duration
	// Wait is from submission to the first run of each element, Completion from
	// submission to the end of each workload.
	Wait, Completion Spread
	Utilisation      Utilisation
	Joules           float64 // of all nodes from the start to the end of the makespan
	Carbon           float64 // of that energy, in g CO2e
	Cost             float64 // of that energy, in the units of the price
	Links            []Carried
}

func (w *World) result() Result {
	m := &w.meter
	end := m.last
	if len(w.jobs) > 0 {
		end = w.now
	}
	for i := range w.nodes {
		m.elapsed(&w.nodes[i], int32(i), max(end, w.nodes[i].since))
	}
	r := Result{
		Workloads: m.done, Tasks: int64(len(m.waits)), Events: m.events, Decided: m.decided, Refused: m.refused, Refusal: m.refusal, Failed: m.failed,
		Unfinished: int64(len(w.jobs)), Failures: m.failures, Cuts: m.cuts, Missed: m.missed, Makespan: max(end.Sub(w.cfg.Start), 0),
		Wait: spread(m.waits), Completion: spread(m.completions), Joules: m.joules, Carbon: m.carbon / wattSeconds, Cost: m.cost / wattSeconds,
	}
	r.Links = w.net.used(r.Makespan)
	r.Utilisation = m.utilisation(r.Makespan)
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
