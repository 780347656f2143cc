//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"drover.dev/internal/live"
)

// place is where a soak happens: a cell of two servers and four agents, and its
// child of one server and two agents. All of them talk through wires.
type place struct {
	s      *soak
	hub    *Several
	plant  *Cluster
	actors map[string]*actor
	wires  map[string][]*wire // what is cut together

	closing atomic.Bool
	over    sync.WaitGroup // the supervisors
}

// actor is a process that is started again whenever it ends, as an init system
// would.
type actor struct {
	*Process
	name string
	role string // server or agent
	data string // its directory

	mu   sync.Mutex
	held bool      // a fault keeps it dead
	hit  bool      // a fault has killed it
	up   time.Time // begin of its present life
}

// names of what takes part. The order is that of the choices.
func soakServers() []string { return []string{"alpha", "beta", "plant"} }
func soakAgents() []string  { return []string{"n1", "n2", "n3", "n4", "p1", "p2"} }
func soakWires() []string {
	return []string{"alpha to NATS", "beta to NATS", "agents to alpha", "agents to beta", "agents to plant", "plant to its parent"}
}

func newPlace(s *soak) *place {
	p := &place{s: s, actors: map[string]*actor{}, wires: map[string][]*wire{}}
	p.openHub()
	p.openPlant()
	for _, a := range p.actors {
		p.over.Go(func() { p.supervise(a) })
	}
	s.t.Cleanup(func() { p.closing.Store(true) })
	return p
}

// wire makes one that is cut with others of its group, and returns its address.
func (p *place) wire(group, listen, to string) string {
	p.wires[group] = append(p.wires[group], newWire(p.s.t, listen, to))
	return listen
}

func (p *place) openHub() {
	h := newSeveral(p.s.t, 1)
	p.hub = h
	at := func(port int) string { return fmt.Sprintf("%s:%d", h.host, port) }
	leaves := make([]string, 2)
	for i := range leaves {
		leaves[i] = "nats://" + p.wire("plant to its parent", at(7700+i), at(7600+i))
		p.wire("plant to its parent", at(7720+i), at(7420+i)) // its HTTP
	}
	for i, name := range soakServers()[:2] {
		h.flags = []string{
			"--snapshot-every", "400", "--leaf", at(7600 + i), "--advertise-leaf", strings.Join(leaves, ","),
			"--advertise-bus", "nats://" + p.wire("agents to "+name, at(7740+i), at(4222)),
		}
		p.wire("agents to "+name, at(7760+i), at(7420+i))
		v := h.server(name, program)
		p.wires[name+" to NATS"] = v.wires
		p.add(name, "server", v.dir, v.Process)
	}
	for i, name := range soakAgents()[:4] {
		// Some prefer the one server, some the other.
		servers := []string{"http://" + at(7760+i%2), "http://" + at(7761-i%2)}
		proc := h.process("agent-"+name, "agent", "--server", strings.Join(servers, ","), "--join-token-file",
			filepath.Join(h.servers[0].dir, live.JoinTokenFile), "--data", h.AgentDir(name), "--name", name,
			"--label", "node="+name, "--noop", "--cpu", "4", "--memory", "8Gi")
		h.others = append(h.others, proc)
		proc.Restart()
		p.add(name, "agent", h.AgentDir(name), proc)
	}
}

func (p *place) openPlant() {
	c := newCluster(p.s.t, p.s.t.TempDir())
	p.plant = c
	parents := fmt.Sprintf("http://%s:7720,http://%s:7721", p.hub.host, p.hub.host)
	c.Server = c.process("server", "server", "--data", c.ServerDir(), "--name", "plant", "--cell", "plant", "--http", c.address(7420), "--bus", c.address(7421),
		"--advertise-bus", "nats://"+p.wire("agents to plant", c.address(7741), c.address(7421)),
		"--parent", parents, "--join-token-file", filepath.Join(p.hub.servers[0].dir, live.JoinTokenFile), "--site", "plant", "--snapshot-every", "400")
	c.Server.Restart()
	p.add("plant", "server", c.ServerDir(), c.Server)
	for _, name := range soakAgents()[4:] {
		proc := c.process("agent-"+name, "agent", "--server", "http://"+p.plantDoor(), "--join-token-file", filepath.Join(c.ServerDir(), live.JoinTokenFile),
			"--data", c.AgentDir(name), "--name", name, "--site", "plant", "--layer", "edge", "--noop", "--cpu", "4", "--memory", "8Gi")
		c.others = append(c.others, proc)
		proc.Restart()
		p.add(name, "agent", c.AgentDir(name), proc)
	}
}

// plantDoor is where the plant's agents find its API.
func (p *place) plantDoor() string {
	at := p.plant.address(7760)
	if len(p.wires["agents to plant"]) == 1 {
		p.wire("agents to plant", at, p.plant.address(7420))
	}
	return at
}

func (p *place) add(name, role, data string, proc *Process) {
	p.actors[name] = &actor{Process: proc, name: name, role: role, data: data, up: time.Now()}
}

// supervise starts an actor again when it has ended. One that ends by itself is
// noted: it should not.
func (p *place) supervise(a *actor) {
	for {
		<-a.Ended()
		a.mu.Lock()
		hit := a.hit
		a.hit = false
		a.mu.Unlock()
		if p.closing.Load() {
			return
		}
		if !hit {
			p.s.ended(a)
			time.Sleep(300 * time.Millisecond)
		}
		for a.isHeld() && !p.closing.Load() {
			time.Sleep(20 * time.Millisecond)
		}
		if p.closing.Load() {
			return
		}
		a.Start()
		a.began()
	}
}

// began notes a new life, since tells when that was.
func (a *actor) began() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = time.Now()
}

func (a *actor) since() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.up
}

func (a *actor) isHeld() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held
}

func (a *actor) hold(held bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = held
}

// strike kills it.
func (a *actor) strike() {
	a.mu.Lock()
	a.hit = true
	a.mu.Unlock()
	a.signal(syscall.SIGKILL)
}

// calm waits until everything is there again.
func (p *place) calm() {
	for _, group := range p.wires {
		for _, w := range group {
			w.heal()
		}
	}
	for _, a := range p.actors {
		a.hold(false)
		a.signal(syscall.SIGCONT)
		if _, err := a.ready(2 * time.Minute); err != nil {
			p.s.violated("%s is not back after the last fault: %v", a.name, err)
		}
	}
}

// close ends all processes, as an operator would: agents, then servers.
func (p *place) close() {
	p.closing.Store(true)
	for _, name := range append(soakAgents(), soakServers()...) {
		p.actors[name].Terminate()
	}
	p.over.Wait()
}

// offline runs a command line that asks no server.
func (c *Cluster) offline(args ...string) Result {
	c.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(cleanEnv(), "XDG_CONFIG_HOME="+c.Dir)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code tells
	return Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
}
