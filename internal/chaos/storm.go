package chaos

import (
	"fmt"
	"math/rand/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// Storm is the same world as an Instance's, but large, and one random history of it
// that a seed decides: the same seed, the same history, to the byte. More goes wrong
// there than an exploration could follow: what lasts (cuts, pauses, full disks),
// disks that lie, machines that lose power, clocks that are set.
type Storm struct {
	Servers int // 1 to 9
	Agents  int // 1 to 26
	Tasks   int // in workloads of five
	Steps   int // moves in which things may fail; then nothing fails any more, and all work must end
	Faults  int // about how many do, at least MinFaults
	Only    []string
	Bug     Bug
}

// DefaultStorm is a world as the tests have it.
func DefaultStorm() Storm { return Storm{Servers: 3, Agents: 20, Tasks: 200, Steps: 2500, Faults: 60} }

// MinFaults is how many faults a storm has at least.
const MinFaults = 10

// Limits of a storm.
const (
	maxServers  = 9
	maxStorm    = 2000 // tasks
	maxSteps    = 1 << 20
	maxLull     = 1 << 15 // moves in which nothing fails, after which all work has ended
	perWorkload = 5
	maxTicks    = 100 // that go by while things fail; the model's time has 200
)

// Validate says what of a storm is out of range.
func (s Storm) Validate() error {
	switch {
	case s.Servers < 1 || s.Servers > maxServers:
		return fmt.Errorf("%d servers: 1 to %d are possible", s.Servers, maxServers)
	case s.Agents < 2 || s.Agents > len(nodeNames):
		return fmt.Errorf("%d agents: 2 to %d are possible", s.Agents, len(nodeNames))
	case s.Tasks < perWorkload || s.Tasks > maxStorm:
		return fmt.Errorf("%d tasks: %d to %d are possible", s.Tasks, perWorkload, maxStorm)
	case s.Steps < 1 || s.Steps > maxSteps:
		return fmt.Errorf("%d steps: 1 to %d are possible", s.Steps, maxSteps)
	case s.Faults < 0 || s.Faults > s.Steps:
		return fmt.Errorf("%d faults: 0 to the number of steps are possible", s.Faults)
	}
	for _, name := range s.Only {
		if kindOf(name) == 0 {
			return fmt.Errorf("%q is no kind of fault; there are %v", name, FaultKinds())
		}
	}
	return nil
}

// History is what a seed came to.
type History struct {
	Seed      uint64
	Steps     int // moves
	Calm      int // of them, those at the end in which nothing fails
	Records   int // in the journal
	Reducers  int // steps of the engine and of agents' cores
	Faults    map[string]int
	Passed    map[string]int // what tasks went through: "pending→placed"
	Happened  map[string]int // what servers and nodes went through
	Violation string         // "" when all held
}

// Run follows the history of a seed.
func (s Storm) Run(seed uint64) History { return s.run(seed, nil) }

// Tell follows it again, and tells it in words, a line each.
func (s Storm) Tell(seed uint64, tell func(line string)) History { return s.run(seed, tell) }

// gale is a history that is being made.
type gale struct {
	in     *Instance
	t      *tables
	w      *world
	rng    *rand.Rand
	lot    lot
	tell   func(string)
	steps  int
	faults counted
}

func (s Storm) run(seed uint64, tell func(string)) History {
	in := &Instance{
		Name: "storm", Servers: s.Servers, Agents: s.Agents, Workloads: s.Tasks / perWorkload, Tasks: perWorkload,
		Beats: true, Skew: 1, Bug: s.Bug, storm: &s, tell: tell != nil,
	}
	g := &gale{in: in, t: in.tables(), rng: rand.New(rand.NewPCG(seed, 2)), tell: tell}
	g.lot.weather = newWeather(&s, g.rng)
	g.lot.extras(&s, rand.New(rand.NewPCG(seed, 3)))
	in.roomy, in.stores, in.naps = g.lot.roomy, g.lot.stores, g.lot.naps
	g.w = in.begin(g.t)
	why := ""
	if g.lot.late {
		why = g.rise()
	}
	if why == "" {
		why = g.blow(&s)
	}
	calm := g.steps
	if why == "" {
		why = g.settle()
	}
	h := History{Seed: seed, Steps: g.steps, Calm: g.steps - calm, Records: int(g.w.tail.mark.N), Reducers: g.t.steps, Violation: why}
	h.Faults, h.Passed, h.Happened = g.faults.named(), g.t.line.passed.named(), g.t.line.happened
	return h
}

// rise lets all go well until tasks run wherever there is room for them.
func (g *gale) rise() string {
	for {
		m, ok := g.in.calm(g.t, g.w)
		if !ok || m.kind == mExit || m.kind == mTick && g.w.running() > 0 || (g.lot.trickle || g.lot.naps) && 2*g.w.answered() > len(g.w.clients) {
			return ""
		}
		if why := g.make(m); why != "" {
			return "when nothing fails yet: " + why
		}
	}
}

// answered counts the clients that have been.
func (w *world) answered() (n int) {
	for _, c := range w.clients {
		n += int(bit(c.done > 0))
	}
	return n
}

// running counts the processes of all nodes.
func (w *world) running() (n int) {
	for _, a := range w.agents {
		for _, p := range a.procs {
			n += int(bit(p.running))
		}
	}
	return n
}

// blow makes the moves of a storm, and says what they violate.
func (g *gale) blow(s *Storm) string {
	for n := 0; g.steps < s.Steps || n < min(MinFaults, s.Faults) && g.steps < 2*s.Steps; {
		x := &run{world: g.w, in: g.in, t: g.t}
		m, ok := g.lot.draw(g.rng, x)
		if !ok {
			return ""
		}
		if m.kind >= mRefuse {
			g.faults[m.kind]++
			n++
		}
		if why := g.make(m); why != "" {
			return why
		}
	}
	return ""
}

// settle lets everything go well from here on; all work has to end then.
func (g *gale) settle() string {
	g.say("     from here on nothing fails")
	x := &run{world: g.w, in: g.in, t: g.t}
	x.mendAll()
	x.lull = true
	for range maxLull {
		if g.w.finished() {
			return ""
		}
		m, ok := g.in.calm(g.t, g.w)
		if !ok {
			return "nothing can happen any more, and the work has not ended"
		}
		if why := g.make(m); why != "" {
			return "when nothing fails any more: " + why
		}
	}
	return fmt.Sprintf("the work does not end within %d moves in which nothing fails", maxLull)
}

func (g *gale) make(m move) string {
	g.steps++
	if g.tell != nil {
		g.say("%5d  %s", g.steps, g.w.describe(m))
	}
	x := g.in.step(g.t, g.w, m)
	for _, line := range x.said {
		g.say("         %s", line)
	}
	g.w = x.world
	return x.fault
}

func (g *gale) say(format string, args ...any) {
	if g.tell != nil {
		g.tell(fmt.Sprintf(format, args...))
	}
}

// submission is what the client of a number wants: arrays, gangs, tasks that must
// not run twice, tasks that follow others, and ones that others make room for.
func (s *Storm) submission(k int) *engine.Submit {
	task := api.Task{
		Name: "t", Driver: "process", Count: perWorkload,
		Resources: api.Resources{CPU: 500, Memory: 1 << 20},
	}
	w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprintf("job%d", k+1), Tenant: "t"}
	switch k % 5 {
	case 1:
		w.Gang = true
	case 0, 2:
		task.AtMostOnce = true
	case 3:
		last := task
		last.Name, last.Count, last.After = "u", 2, []string{"t"}
		task.Count -= last.Count
		w.Tasks = append(w.Tasks, last)
	case 4:
		w.Priority, task.Resources.CPU = 10, 1500
	}
	w.Tasks = append([]api.Task{task}, w.Tasks...)
	w.Normalize()
	return &engine.Submit{Caller: engine.Caller{Principal: "client", Key: w.Name}, Workload: w}
}
