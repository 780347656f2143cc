// Package core is the mind of an agent: which attempts its node should run,
// where each of them stands, and which reports the server has not recorded yet.
//
// It is a reducer: [Core.Step] takes the time and what happened, and returns
// what must be written down ([Record]) and what must be done ([Action]). It has
// no clock, goroutine, random source or I/O, so the shell around it
// (internal/agent) and the twin run the same code, and every history of sets,
// crashes, lost answers and duplicates can be tested in microseconds.
//
// The shell keeps three promises:
//
//   - A Step's Record is durable before any of its Actions is carried out, if
//     Output.Sync says so. Output.Urgent may be carried out at once.
//   - Every action that has an answer gets exactly one, as an Input.
//   - Time never goes back within one boot of the machine, and counts sleep:
//     it is nanoseconds since that boot.
//
// The core keeps these:
//
//   - No attempt is started twice, whatever is lost, repeated or restarted;
//     drivers named in Config.Harmless excepted, which have no effect to repeat.
//   - The result of an attempt that ended is sent until the server says that it
//     stands in the journal, or that nobody wants it.
//   - What the server does not want does not keep running.
package core

import "drover.dev/api"

// Config is what a Core must know of its node.
type Config struct {
	// Node is the node's name. It seeds the jitter of waits.
	Node string
	// Boot names the present boot of the machine; recorded times of another
	// boot are not comparable with Step's.
	Boot string
	// Harmless names drivers whose tasks touch nothing outside the agent and
	// die with it. Their starts are not recorded, which saves a disk sync.
	Harmless []string
	// PullEvery is how often to ask for changed assignments even if nothing
	// hints at a change. Zero is one minute.
	PullEvery api.Duration
}

// Limits of what is sent at once, and of what is kept.
const (
	// MaxBatch is the number of reports of one request at most.
	MaxBatch = 256
	// MaxBatchBytes bounds one request's reports by their estimated size; a
	// single larger report is sent alone.
	MaxBatchBytes = 256 << 10
	// MaxDetail is the length of Result.Detail and Report.Detail, in bytes.
	MaxDetail = 512
	// MaxPrepares is how often getting an attempt's inputs is tried before the
	// node rejects it.
	MaxPrepares = 6
)

// Core is the state of a node's attempts. It is not safe for concurrent use.
type Core struct {
	cfg Config
	now api.Duration
	out Output

	attempts map[api.Attempt]*attempt
	list     list // the same attempts, oldest first: maps have no order
	outbox   []*attempt
	timers   timers

	link    link
	set     setState
	lease   lease
	rest    rest
	active  int // attempts that have not ended
	running int // attempts whose task runs
	closing bool
}

// New returns a Core without attempts.
func New(cfg Config) *Core {
	if cfg.PullEvery <= 0 {
		cfg.PullEvery = api.Minute
	}
	return &Core{cfg: cfg, attempts: map[api.Attempt]*attempt{}}
}

// Step takes what happened until now and says what to do. Without inputs it only
// looks at the time; it should be called again no later than Output.Next.
func (c *Core) Step(now api.Duration, inputs ...Input) Output {
	c.now = max(c.now, now)
	c.out = Output{}
	for _, in := range inputs {
		c.take(in)
	}
	c.fire()
	c.guardLease()
	c.fallAsleep()
	c.talk()
	out := c.out
	c.out = Output{}
	out.Next = c.next()
	out.Done = c.closing && c.active == 0 && len(c.outbox) == 0
	return out
}

func (c *Core) take(in Input) {
	switch in := in.(type) {
	case Prepared, Started, Adopted, Ended, Collected, Retry, Probed, Held:
		c.takeTask(in)
	case Resume:
		c.resume()
	case Shutdown:
		c.shutdown()
	case Slept:
		c.slept(in)
	default:
		c.takeLink(in)
	}
}

// takeTask handles what drivers and the file system answered.
func (c *Core) takeTask(in Input) {
	a, ok := c.attempts[in.(taskInput).attempt()]
	if !ok {
		return // forgotten meanwhile
	}
	switch in := in.(type) {
	case Prepared:
		c.prepared(a, in)
	case Started:
		c.started(a, in)
	case Adopted:
		c.adopted(a, in)
	case Ended:
		c.ended(a, in.Result)
	case Collected:
		c.collected(a, in)
	case Retry:
		c.retry(a, in.Detail)
	case Probed:
		c.probed(a, in)
	case Held:
		c.held(a, in)
	}
}

// shutdown stops everything; nothing new is accepted from here on.
func (c *Core) shutdown() {
	c.closing = true
	for a := c.list.first; a != nil; a = a.next {
		c.stop(a, causeShutdown)
	}
}

// Holds tells whether the attempt is known here: its directory is in use.
func (c *Core) Holds(id api.Attempt) bool {
	_, ok := c.attempts[id]
	return ok
}

// Epoch is the highest that was seen: servers of a lower one are not obeyed.
func (c *Core) Epoch() uint64 { return c.link.epoch }

// Len is the number of attempts held, ended ones included.
func (c *Core) Len() int { return len(c.attempts) }

// Running is the number of attempts whose task runs now.
func (c *Core) Running() int { return c.running }

// Unsent is the number of attempts with reports that are not recorded yet.
func (c *Core) Unsent() int { return len(c.outbox) }
