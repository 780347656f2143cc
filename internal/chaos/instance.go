package chaos

import (
	"fmt"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
)

// Instance is a world to explore: who takes part, what they run, and how much may
// go wrong.
type Instance struct {
	Name       string
	Servers    int
	Agents     int
	Workloads  int  // each submitted by a client of its own
	Tasks      int  // of each workload
	AtMostOnce bool // the tasks are marked so
	Gang       bool // the tasks of a workload run together
	Cancels    bool // a client may cancel what it has submitted
	Beats      bool // agents send heartbeats
	Skew       int  // ticks by which each server's clock is ahead of the one before
	// Prompt leaves out what is between a disk and who waits for it: appends and
	// syncs are over at once, and the newest leader decides and looks around at once.
	// What remains is about time: who hears whom, and when.
	Prompt bool
	// Faults is how many of these may happen: a crash, an append that is refused,
	// lost or late, a lost acknowledgement, a call that is given up too early, a
	// clock that runs late. Campaigns and Ticks bound how often a server asks to
	// lead, and how much time goes by. A server that is paused is one whose turn
	// does not come: that needs no fault.
	Faults, Campaigns, Ticks int
	// From is where the exploration begins: an ordinary run leads there. The zero
	// value is an empty journal.
	From  Stage
	Depth int // moves at most; 0: until nothing new is found
	Bug   Bug
	// SafetyOnly leaves out the check that all work can still end.
	SafetyOnly bool

	storm    *Storm     // a line, not an exploration
	commands [][]*thing // by client
	tell     bool
	roomy    bool // nodes have room for more than all the work
	stores   bool // the journal's machines are looked into
	naps     bool // nodes that are idle sleep
}

// Stage is how far an ordinary run has got.
type Stage uint8

// The stages.
const (
	Born       Stage = iota
	Registered       // a leader leads, and every node is registered
	Placed           // the workloads are submitted and placed, nobody has pulled
	Running          // every task runs
)

// Bug is a mistake in the shells around the reducers that is made on purpose, to
// see that it is found.
type Bug uint8

// The mistakes.
const (
	Sound          Bug = iota
	StaleObeyed        // an agent does not look at the epoch of what it is told
	AckBeforeSync      // a leader answers when it has sent its batch, not when that stands
	ReportDropped      // an agent forgets a report when it has sent it
	HintTrusted        // an agent takes a hint for the set that it hints at
	NoGrace            // a new leader counts silence from before it listened
	NeverConfirms      // a leader that has been replaced goes on to renew leases
	SilentServed       // a leader renews the lease of a node that stands as silent
	NoDrift            // the cell's settings allow for less than clocks lose
	NoFence            // the journal takes whatever comes
	UnknownTrusted     // a leader takes an append of which nothing is heard for stored
	AckUnrecorded      // a leader acknowledges reports as they come in
	StartUnsynced      // an agent starts a task before its disk has synced that it will
	LedgerIgnored      // an agent that starts again does not look at its ledger
	WokenOnce          // a node is woken once, by the leader that had it woken
	SleepTaken         // an agent has its machine fall asleep when it is asked, whatever it has to do
	OneDisk            // a record on one of the journal's disks is taken for stored
	FullTrusted        // what a disk without room was given to write is taken for written
	TornUncounted      // a server does not count torn entries, which keep their places in the journal
	DamageSkipped      // a server that comes to a damaged record passes over what follows it
	CutIgnored         // a server that starts does not look how far it knew the journal
	bugs
)

var bugNames = [bugs]string{
	StaleObeyed: "stale-epoch", AckBeforeSync: "ack-before-sync", ReportDropped: "report-dropped", HintTrusted: "hint-trusted",
	NoGrace: "no-grace", NeverConfirms: "replaced-leader", SilentServed: "silent-node", NoDrift: "no-drift",
	NoFence: "no-fence", UnknownTrusted: "unknown-trusted", AckUnrecorded: "ack-unrecorded", StartUnsynced: "start-unsynced",
	LedgerIgnored: "ledger-ignored", WokenOnce: "woken-once", SleepTaken: "sleep-taken", OneDisk: "one-disk", FullTrusted: "full-disk", TornUncounted: "torn-entry",
	DamageSkipped: "damage-skipped", CutIgnored: "cut-ignored",
}

// Bugs lists the names of the mistakes.
func Bugs() []string { return slices.Clone(bugNames[Sound+1:]) }

// BugOf finds a mistake by its name; "" is none.
func BugOf(name string) (Bug, error) {
	if i := slices.Index(bugNames[:], name); i >= 0 {
		return Bug(i), nil
	}
	return Sound, fmt.Errorf("there is no mistake %q", name)
}

// begin makes the world that an exploration starts from.
func (in *Instance) begin(t *tables) *world {
	root := &record{view: in.first(t)}
	w := &world{tail: root, left: budget{uint8(in.Faults), uint8(in.Campaigns), uint8(in.Ticks)}}
	if in.storm != nil {
		w.left = budget{campaigns: math.MaxUint8, ticks: maxTicks}
	}
	if in.stores {
		w.stores = slices.Repeat([]store{{has: root, safe: root}}, stores)
	}
	in.commands = nil
	for k := range in.Workloads {
		list := []*thing{t.thing(in.submission(k))}
		if in.Cancels {
			list = append(list, t.thing(in.cancellation(k)))
		}
		if in.storm != nil {
			list = []*thing{t.thing(in.storm.submission(k))}
		}
		in.commands = append(in.commands, list)
	}
	if in.naps {
		in.commands = append(in.commands, []*thing{t.thing(in.muster())})
	}
	w.clients = make([]client, len(in.commands))
	for i := range in.Servers {
		w.servers = append(w.servers, &server{up: true, ahead: uint8(i * in.Skew), rules: *control.NewLeader(root.mark), at: root, base: versions(root.view)})
	}
	x := &run{world: w, in: in, t: t}
	for j := range in.Agents {
		w.agents = append(w.agents, &agent{boot: firstBoot, disk: t.ledger(nodeNames[j], nil)})
		x.restartAgent(j)
	}
	for !in.reached(w) {
		m, ok := in.calm(t, w)
		if !ok {
			break
		}
		left := w.left
		w = in.step(t, w, m).world
		w.left = left
	}
	return w
}

// reached tells whether a world has got to the stage from which to explore.
func (in *Instance) reached(w *world) bool {
	v := w.tail.view
	placed, running := 0, 0
	for j, n := range v.nodes[:len(w.agents)] {
		if in.From >= Registered && (!n.registered || w.agents[j].mind.tickets[hello] != 0 || w.agents[j].mind.have == 0) {
			return false
		}
		placed += len(n.held)
		for _, p := range w.agents[j].procs {
			running += int(bit(p.running))
		}
	}
	all := in.Workloads * in.Tasks
	return (in.From < Placed || placed == all) && (in.From < Running || running == all && v.running() == all)
}

// node is an agent's machine as it registers.
func (in *Instance) node(j int, boot string) api.Node {
	n := api.Node{
		Name: nodeNames[j], Site: "here", Layer: api.LayerEdge, Drivers: []string{"process"}, Boot: boot,
		Capacity: api.Resources{CPU: 2000, Memory: 1 << 30},
	}
	if in.roomy {
		n.Capacity.CPU *= 6
	}
	if in.naps && canNap(j) {
		n.Sleep = sleep()
	}
	n.Normalize()
	return n
}

// submission is what a client sends, each time the same.
func (in *Instance) submission(k int) *engine.Submit {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "job" + string(rune('1'+k)), Tenant: "t", Gang: in.Gang,
		Tasks: []api.Task{{
			Name: "t", Driver: "process", Count: int32(in.Tasks), AtMostOnce: in.AtMostOnce,
			Resources: api.Resources{CPU: 1000, Memory: 1 << 20},
		}},
	}
	w.Normalize()
	return &engine.Submit{Caller: engine.Caller{Principal: "client", Key: w.Name}, Workload: w}
}

// cancellation is what it may send then.
func (in *Instance) cancellation(k int) *engine.Cancel {
	s := in.submission(k)
	return &engine.Cancel{Caller: engine.Caller{Principal: s.Principal, Key: "cancel " + s.Key}, Tenant: s.Workload.Tenant, Name: s.Workload.Name}
}

// callerOf gives the key under which a command's answer is remembered.
func callerOf(command *thing) string {
	c := engine.Caller{}
	switch v := command.value.(type) {
	case *engine.Submit:
		c = v.Caller
	case *engine.Cancel:
		c = v.Caller
	}
	return c.Principal + "\x00" + c.Key
}
