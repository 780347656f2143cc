// Package twin is a cell in virtual time: the engine that decides in production,
// with a clock, an event queue and simulated nodes around it. The engine is told
// what it would be told live and nothing more.
package twin

import (
	"fmt"
	"math/rand/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// World is one run. It is not safe for concurrent use.
type World struct {
	cfg    Config
	engine *engine.Engine
	queue  queue
	random *rand.Rand
	net    network
	demand Demand
	next   Arrival // the next one, when more is set
	more   bool
	news   News // the next one, when told is set
	told   bool
	glance api.Time // when the cell is shown to who foresees, or measures; 0 is never
	greedy int      // attempts that use more than they asked for

	now   api.Time
	end   api.Time // of the horizon; 0 is none
	wake  api.Time // when the engine wants to be asked; 0 is never
	nodes []machine
	index map[string]int32   // node by name
	at    map[string][]int32 // nodes by site

	inputs  []engine.Input
	arrived []Arrival // those among inputs, in order
	came    int       // arrivals before those
	jobs    map[uint64]*job
	awaited int // of jobs: without one the run ends
	asked   int // of those that the demand brought
	tasks   map[api.TaskRef]*attempt
	ghosts  map[api.Attempt]*attempt // given up, and running on behind a cut
	meter   meter
	plan    []engine.Input // on its way
	heard   []engine.Input // of batteries, likewise
	shadow  *shadow        // nil: none
}

// job is a workload as the world knows it.
type job struct {
	n     int // among all arrivals
	at    api.Time
	truth []Truth
	spec  *api.Workload
	tasks int

	asked   bool // the demand brought it
	awaited bool // the run goes on until it has ended
	serves  bool // its tasks do not end by themselves
}

// attempt is a task on its way through a machine.
type attempt struct {
	id      api.Attempt
	node    int32
	boot    uint32 // of the machine when it was placed there
	program program
	truth   *Truth
	run     api.Duration // at the machine's speed
	use     api.Milli
	asked   api.Milli
	memory  api.Bytes
	gpu     api.Milli
	devices int64 // what they draw beyond idle while it runs, in µW
	killed  bool  // for its memory
	fails   bool
	timeout bool
	told    bool // its machine knows of it
	cold    bool // its machine does not have its program
	running bool
	ran     bool   // it has run; its outputs are on their way
	done    bool   // they are there, and that is about to be heard
	over    bool   // nothing more is to happen to it
	ghost   bool   // the engine gave it up
	said    uint32 // number of the last report before the world began
	job     *job

	legs    []leg // to fetch before it starts
	fetched api.Bytes
	link    int32     // that moving is on
	moving  *transfer // nil when nothing is on a link
	size    api.Bytes // of what goes onto one next

	// When its machine heard of it, had all inputs, ran it first and last.
	began, ready, started, stopped api.Time

	due   api.Time     // when it ends, if it is not suspended
	still api.Time     // since when it is; 0: it is not
	stood api.Duration // how long it was before
}

// New builds a world.
func New(cfg Config) (*World, error) {
	known := cfg.goOn()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	begin := cfg.From
	if begin == nil {
		begin = state.New()
	}
	w := &World{
		cfg: cfg, engine: engine.New(begin), now: cfg.Start,
		random: rand.New(rand.NewPCG(cfg.Seed, 0x5eed)),
		index:  map[string]int32{}, jobs: map[uint64]*job{}, tasks: map[api.TaskRef]*attempt{}, ghosts: map[api.Attempt]*attempt{},
	}
	if cfg.Horizon > 0 {
		w.end = cfg.Start.Add(cfg.Horizon)
	}
	w.net, w.shadow = newNetwork(&cfg), newShadow(&cfg)
	return w, w.open(known)
}

// open registers the nodes but for the first ones, which are known.
func (w *World) open(known int) error {
	w.inputs = append(w.inputs, &engine.Lead{Epoch: w.State().Epoch + 1, Server: "twin"})
	if w.cfg.Strategy != "" || w.cfg.From == nil && w.cfg.Home != "" {
		w.inputs = append(w.inputs, &engine.PutSettings{Strategy: w.cfg.Strategy, Home: w.cfg.Home})
	}
	w.inputs = append(w.inputs, w.cfg.Settings...)
	if w.cfg.Retain > 0 {
		w.inputs = append(w.inputs, &engine.PutSettings{RetainMax: w.cfg.Retain})
	}
	for i := 0; w.cfg.From == nil && i < len(w.cfg.Sites); i++ {
		w.inputs = append(w.inputs, &engine.PutSite{Site: w.cfg.Sites[i]})
	}
	w.upToDate()
	w.nodes = make([]machine, len(w.cfg.Nodes))
	var sites map[string]*supply
	w.meter.sites, sites = supplies(&w.cfg)
	for i := range w.cfg.Nodes {
		n := &w.cfg.Nodes[i]
		n.Normalize()
		if _, twice := w.index[n.Name]; twice {
			return fmt.Errorf("build a world: two nodes are called %s", n.Name)
		}
		w.index[n.Name] = int32(i)
		w.nodes[i] = newMachine(n, w.cfg.Cache, w.now)
		w.nodes[i].site = sites[n.Site]
		w.nodes[i].site.change(&w.nodes[i], w.now)
		if i >= known {
			w.inputs = append(w.inputs, &engine.Register{Node: *n})
		}
		w.breakLater(int32(i))
	}
	w.meter.fleet(&w.cfg)
	if err := w.cuts(); err != nil {
		return err
	}
	w.resume()
	if w.cfg.Foresee != nil {
		w.glance = w.now.Add(foreseeEvery)
	}
	return w.decide()
}

// State is what the engine knows, for reading.
func (w *World) State() *state.State { return w.engine.State() }

// Run lets the demand come until nothing is left to happen, or until stop says
// so, which is asked now and then. It may be called once.
func (w *World) Run(demand Demand, stop func() bool) (Result, error) {
	if err := w.run(demand, stop); err != nil {
		return Result{}, err
	}
	return w.result(), nil
}

func (w *World) run(demand Demand, stop func() bool) error {
	if err := w.Begin(demand); err != nil {
		return err
	}
	return w.pass(stop)
}

// pass lets happen what happens until nothing is left, or the end has come.
func (w *World) pass(stop func() bool) error {
	for steps := 0; w.advance(); steps++ {
		if err := w.decide(); err != nil {
			return err
		}
		if steps%1024 == 0 && stop != nil && stop() {
			break
		}
	}
	return nil
}

// advance moves the clock to what comes next and collects the inputs of that
// moment. It returns false when nothing comes.
func (w *World) advance() bool {
	at, ok := w.soonest()
	if !ok || w.end != 0 && at > w.end {
		return false
	}
	until := at.Add(w.cfg.Gather)
	w.now = max(w.now, at)
	for {
		at, ok := w.queue.next()
		came := w.more && (!ok || w.next.At < at)
		if came {
			at, ok = w.next.At, true
		}
		heard := w.told && (!ok || w.news.At <= at)
		if heard {
			at, ok = w.news.At, true
		}
		foresees := w.glance != 0 && (!ok || w.glance <= at)
		if foresees {
			at, ok = w.glance, true
		}
		if !ok || at > until {
			break
		}
		w.now = max(w.now, at)
		switch {
		case foresees:
			w.foresee()
		case heard:
			w.tell()
		case came:
			w.arrive()
		default:
			w.happen(w.queue.pop())
		}
	}
	w.now = max(w.now, until)
	return true
}

// soonest is when something happens next. Failures and repairs alone are nothing:
// they would go on for ever.
func (w *World) soonest() (at api.Time, ok bool) {
	busy := w.more || w.awaited > 0
	if !busy && w.cfg.Until == 0 {
		return 0, false
	}
	at, ok = w.queue.next()
	if w.more && (!ok || w.next.At < at) {
		at, ok = w.next.At, true
	}
	if w.wake != 0 && (!ok || w.wake < at) {
		at, ok = w.wake, true
	}
	if w.told && ok { // a world does not go on for news alone
		at = min(at, w.news.At)
	}
	if w.glance != 0 && ok {
		at = min(at, w.glance)
	}
	return at, ok && (busy || at <= w.cfg.Until)
}

func (w *World) arrive() {
	a := w.next
	w.meter.events++
	w.inputs = append(w.inputs, &engine.Submit{
		Caller: engine.Caller{Principal: "twin"}, Workload: a.Workload, Facts: facts(a.Truth),
	})
	w.arrived = append(w.arrived, a)
	if err := w.pull(); err != nil {
		w.meter.fault = err
	}
}

// facts are what a server knows of programs and inputs: their sizes; nil when there
// is nothing to know.
func facts(truth []Truth) (out []engine.Fact) {
	for i := range truth {
		if t := &truth[i]; t.In > 0 || t.Program > 0 {
			if out == nil {
				out = make([]engine.Fact, len(truth))
			}
			out[i] = engine.Fact{Program: t.Program, Inputs: t.In}
		}
	}
	return out
}

// pull gets the next arrival.
func (w *World) pull() error {
	before := w.next.At
	if w.next, w.more = w.demand(); !w.more {
		return nil
	}
	if len(w.next.Truth) != len(w.next.Workload.Tasks) {
		w.more = false
		return fmt.Errorf("workload %s has %d tasks and the truth of %d", w.next.Workload.Name, len(w.next.Workload.Tasks), len(w.next.Truth))
	}
	w.next.At = max(w.next.At, before, w.cfg.Start)
	return nil
}

// decide gives the engine what has happened, and the world what it decided.
func (w *World) decide() error {
	if w.meter.fault != nil {
		return w.meter.fault
	}
	inputs := w.inputs
	for {
		out, err := w.engine.Step(w.now, inputs)
		if err == nil && w.cfg.Check {
			err = engine.Check(w.engine, out)
		}
		if err == nil {
			err = w.shadow.follow(w.now, out.Events)
		}
		if err != nil {
			return fmt.Errorf("at %s: %w", w.now, err)
		}
		if w.cfg.Watch != nil {
			w.cfg.Watch(w.now, out.Events)
		}
		w.answered(inputs, out.Answers)
		w.follow(out.Events)
		w.wake = out.Wake
		if !out.More {
			break
		}
		inputs = nil
	}
	clear(w.inputs)
	w.came += len(w.arrived)
	w.inputs, w.arrived = w.inputs[:0], w.arrived[:0]
	return nil
}

// answered learns which workloads were accepted.
func (w *World) answered(inputs []engine.Input, answers []state.Answer) {
	n := 0
	for i, in := range inputs {
		submit, ok := in.(*engine.Submit)
		if !ok || n == len(w.arrived) || submit.Workload != w.arrived[n].Workload {
			continue // nothing that the demand brought
		}
		a := w.arrived[n]
		n++
		if answers[i].Code != state.CodeOK {
			if w.meter.refused++; w.meter.refused == 1 {
				w.meter.refusal = answers[i].Message
			}
			if w.cfg.Refused != nil {
				w.cfg.Refused(a.Workload, answers[i].Message)
			}
			continue
		}
		j := &job{n: w.came + n - 1, at: a.At, truth: a.Truth, spec: a.Workload, asked: true, awaited: true}
		w.meter.waited(w.awaited, w.now)
		w.awaited++
		w.asked++
		for t := range a.Workload.Tasks {
			j.tasks += int(max(a.Workload.Tasks[t].Count, 1))
		}
		w.jobs[answers[i].ID] = j
	}
}

// follow carries out what was decided.
func (w *World) follow(events []state.Event) {
	w.meter.decided += int64(len(events))
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.WorkloadSubmitted:
			if wl := w.State().Workloads[ev.ID]; wl != nil && w.jobs[ev.ID] == nil {
				w.adopt(wl) // a run of a schedule
			}
		case *state.TaskPlaced:
			w.placed(ev)
		case *state.TaskStop:
			w.stop(ev.Ref)
		case *state.TaskSliced:
			w.wish(ev.Ref)
		case *state.TaskStarted:
			if _, t := w.State().Task(ev.Attempt.TaskRef); t != nil && t.Stands() {
				w.wish(t.Ref)
			}
		case *state.SuspensionPut:
			for i := ev.From; i < ev.To; i++ {
				w.wish(api.TaskRef{Workload: ev.Workload, Task: ev.Task, Index: i})
			}
		case *state.TasksLost:
			for _, ref := range ev.Refs {
				w.drop(ref)
			}
		case *state.TaskEnded:
			w.observe(ev)
			if a := w.tasks[ev.Attempt.TaskRef]; a != nil && ev.Next.Final() {
				w.meter.ended(a, ev.Next == api.TaskSucceeded)
			}
			w.drop(ev.Attempt.TaskRef)
			if ev.Next.Final() && ev.Next != api.TaskSucceeded {
				w.meter.failed++
			}
		case *state.WorkloadFinished:
			w.finished(ev)
		case *state.NodePower:
			w.power(ev)
		case *state.BatterySet:
			w.charge(ev)
		case *state.NodeClearing:
			w.meter.moves += int64(len(ev.Tasks))
		case *state.PlanAsked:
			w.makePlan()
		}
	}
}

// planEffort is how often a planner is told to go on: it stands for the time that it
// has, and is the same on every machine.
const planEffort = 1000

// makePlan has the planner look at the cell as it stands; its answer comes later.
func (w *World) makePlan() {
	q := w.engine.Question()
	if q == nil {
		return
	}
	left := planEffort
	w.plan = q.Answer(0, func() bool { left--; return left < 0 })
	w.queue.push(event{at: w.now.Add(w.cfg.Planning), kind: planned})
}

func (w *World) observe(ev *state.TaskEnded) {
	a := w.tasks[ev.Attempt.TaskRef]
	if old := w.ghosts[ev.Attempt]; old != nil {
		a = old
		delete(w.ghosts, ev.Attempt)
	}
	if w.cfg.Observe == nil || a == nil || !ev.Next.Final() {
		return
	}
	w.cfg.Observe(Ended{
		Arrival: a.job.n, Task: a.id.Task, Index: a.id.Index, Node: w.nodes[a.node].node.Name,
		Submitted: a.job.at, Started: a.started, At: w.now, Status: ev.Next,
	})
}

func (w *World) finished(ev *state.WorkloadFinished) {
	j := w.jobs[ev.ID]
	if j == nil {
		return
	}
	delete(w.jobs, ev.ID)
	if j.awaited {
		w.meter.waited(w.awaited, w.now)
		w.awaited--
	}
	if j.asked {
		w.asked--
	}
	w.meter.finished(j, w.now, ev.Status == api.WorkloadSucceeded)
}
