package twin

import (
	"errors"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Config describes a world.
type Config struct {
	// Nodes are registered at Start, in this order; Sites before them.
	Nodes []api.Node
	Sites []api.Site
	// From is the state of a cell that the world goes on from, with the nodes and
	// sites of that cell: then Nodes come besides, and Sites and Home are not looked at.
	// The world owns it. A node of it that is silent stays so, and its children are.
	// Give a Horizon, too: not everything that a cell waits for comes.
	From *state.State
	// Guess tells the truth of each workload that the demand does not bring: those of
	// From, and runs of schedules. An element that runs already is told of as a
	// whole, with what has passed. Replicas run until they are stopped.
	Guess func(w *state.Workload) []Truth
	// Until is up to when the world goes on although the demand has ended. Runs of
	// schedules that come before both are waited for like the demand.
	Until api.Time
	// Down are nodes of From that have just been lost.
	Down []string
	// Start is the first moment. Default is 0, the first moment of 1970, and it is never
	// before the last one that From knows of.
	Start api.Time
	// Strategy is the cell's, which also orders the queue; "" is the default.
	Strategy string
	// Shadow is a strategy that decides beside the cell's: for each placement that the
	// cell's strategy scored it is asked what it would do, on the same state, and nothing is
	// done about it. "" is none; a world that goes on From a cell has none.
	Shadow string
	// Settings are given to the engine as a first command; nil keeps its own.
	Settings []engine.Input
	// Retain is how many finished workloads the engine keeps; 0 is its default.
	Retain int32
	// Startup is how long a task takes besides its transfers and its run, by driver.
	// Drivers that are not named take no time for it.
	Startup map[string]Startup
	// Delays, when it is not nil, says that of each task anew, and Startup is not looked
	// at. It is asked in the order in which things happen.
	Delays func(Delay) api.Duration
	// Home is the site of the cell's store and of its callers: programs and inputs
	// come from there, outputs go there. "" is nowhere in particular, and no bytes
	// of theirs cross a link.
	Home string
	// Cache bounds the programs that a node keeps, in bytes. 0 is a tenth of its
	// storage, and no bound where it does not say how much it has.
	Cache api.Bytes
	// Gather is how long the leader gathers inputs before it decides, as it does
	// while the record before is on its way to the disk. 0 decides at once.
	Gather api.Duration
	// Planning is how long a planner takes from the question to its answer, as seen
	// by the world; default 100 ms.
	Planning api.Duration
	// Resume is how much longer a task runs each time that it was held still: cold caches,
	// memory that comes back from where it was swapped to.
	Resume api.Duration
	// Failures are those of nodes and links. The zero value has none.
	Failures Failures
	// Cuts of links come beside those.
	Cuts []Cut
	// Signals are those of the sites, by name; "" is for all that are not named. Where
	// nothing is said of carbon or of a price, that is 0.
	Signals map[string]Signals
	// OwnCarbon is what power emits that a site makes itself, in g CO2e/kWh.
	OwnCarbon float64
	// News, when it is not nil, is what the cell hears at its times. The world does not go
	// on for it alone.
	News Herald
	// Foresee, when it is not nil, is shown the cell every ten seconds, and says what is to
	// be expected of it; nil is nothing. It sees the past alone. The world does not go on for
	// it alone.
	Foresee func(now api.Time, e *engine.Engine) engine.Input
	// Measure, when it is not nil, is shown what is used every ten seconds while a task uses
	// more than it asked for, and says what the cell hears of that.
	Measure func(now api.Time, e *engine.Engine, g Gauge) []engine.Input
	// Seed of all that is random.
	Seed uint64
	// Check has every batch checked for the invariants of engine.Check, which
	// costs about as much as deciding.
	Check bool
	// Watch, when it is not nil, is told what the engine decides, batch by batch.
	Watch func(now api.Time, events []state.Event)
	// Observe, when it is not nil, is told of each element that ended for good.
	Observe func(Ended)
	// Refused, when it is not nil, is told of each arrival that was not accepted, and why.
	Refused func(w *api.Workload, why string)
	// Horizon ends the run so long after Start, although work may be left. 0 runs
	// until nothing is left to happen.
	Horizon api.Duration
}

// Failures of nodes and links: exponential times between them and to repair, each
// node and each link for itself.
type Failures struct {
	Between api.Duration // mean up time of a node; 0: none fail
	Repair  api.Duration // mean down time
	Notice  api.Duration // how long a node is silent before that is noticed; default 6 s

	LinkBetween api.Duration // mean time between the cuts of a link; 0: none is cut
	LinkRepair  api.Duration // mean length of a cut
}

func (c *Config) validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(len(c.Nodes) == 0 && c.From == nil, "no nodes")
	fault(c.Shadow != "" && c.From != nil, "a world that goes on from a cell has no shadow")
	fault(c.Gather < 0 || c.Horizon < 0 || c.Resume < 0, "a time is negative")
	fault(!(c.OwnCarbon >= 0 && c.OwnCarbon <= 3000), "power that a site makes itself cannot emit %g g CO2e/kWh", c.OwnCarbon)
	fault(c.Planning < 0, "the time for a plan is negative")
	fault(c.Failures.Between < 0 || c.Failures.Repair < 0, "a mean time between failures, or to repair, is negative")
	fault(c.Failures.LinkBetween < 0 || c.Failures.LinkRepair < 0, "a mean time between the cuts of a link, or their length, is negative")
	for i := range c.Cuts {
		fault(c.Cuts[i].From < 0 || c.Cuts[i].For < 0, "a cut begins or lasts for less than no time")
	}
	if c.Failures.Notice == 0 {
		c.Failures.Notice = 6 * api.Second
	}
	if c.Planning == 0 {
		c.Planning = 100 * api.Millisecond
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("build a world: %w", err)
	}
	return nil
}

// Truth is what a task really does; the engine is not told.
type Truth struct {
	// Run is how long it runs alone on a node of speed 1000. Each, when it is not
	// nil, says so for every element of an array by itself.
	Run  api.Duration
	Each []api.Duration
	// Waits says that it waits rather than computes: no node is faster at it.
	Waits bool
	// CPU is what it uses on average of its node while it runs; 0 means all that
	// it asked for.
	CPU api.Milli
	// Memory is the most that it holds at once; 0 means within what it asked for. It is
	// killed, halfway, when it asked for some, but less.
	Memory api.Bytes
	// Fails makes it end with an error.
	Fails bool
	// Code names its program; a node that has run it lately has it. "" is the name of
	// the task's artifact, or of its command.
	Code string
	// Program is how many bytes a node without it fetches from the cell's home, In
	// those of the inputs that each element fetches from there, and Out those of the
	// outputs that each leaves behind and sends there.
	Program, In, Out api.Bytes
}

// Arrival is a workload that is submitted. It was normalised and validated.
type Arrival struct {
	At       api.Time
	Workload *api.Workload
	Truth    []Truth // by task
}

// Ended is what became of an element of a task.
type Ended struct {
	Arrival            int // which of the demand's, from 0
	Task               uint16
	Index              uint32
	Node               string
	Submitted, Started api.Time // Started is that of the attempt which ended
	At                 api.Time
	Status             api.TaskStatus
}

// Demand gives the next arrival, in the order of their times; false after the
// last.
type Demand func() (Arrival, bool)
