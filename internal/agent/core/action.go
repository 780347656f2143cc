package core

import "drover.dev/api"

// Output is what one Step decided.
type Output struct {
	Record  Record
	Sync    bool         // Record must be durable before Actions; otherwise it may be written later
	Urgent  []Action     // at once, in order
	Actions []Action     // in order, when Record is durable
	Next    api.Duration // when to Step again at the latest; 0: only when something happens
	Done    bool         // a Shutdown is complete
}

// Action is something to do.
type Action interface{ action() }

// Prepare asks to make the attempt's directory anew and to put its program,
// inputs and secrets in place. Answer: Prepared, Ended or Retry.
type Prepare struct{ Assignment api.Assignment }

// Cancel asks to give up a Prepare or Collect, which still gets its answer. Urgent.
type Cancel struct{ ID api.Attempt }

// Start asks to run the task. Answer: Started and later Ended, or Ended.
type Start struct {
	Assignment api.Assignment
	Ports      []api.Port
}

// Adopt asks to find the task that an earlier agent may have started. Answer:
// Adopted and later Ended, or Ended.
type Adopt struct {
	Assignment api.Assignment
	Ports      []api.Port
}

// Stop asks to end a running task: it gets Grace to end by itself. Urgent; Ended
// will tell.
type Stop struct {
	ID    api.Attempt
	Grace api.Duration
}

// Collect asks to gather and store the task's outputs. Answer: Collected, Ended
// or Retry.
type Collect struct{ Assignment api.Assignment }

// Probe asks to run one check. Answer: Probed, within about Check.Timeout.
type Probe struct {
	Assignment api.Assignment
	Ports      []api.Port
	Index      int
}

// Forget asks to delete the attempt's directory. No answer.
type Forget struct{ ID api.Attempt }

// SendHello asks to register the node. Urgent. Answer: Welcomed or Refused.
type SendHello struct{ Ticket uint64 }

// SendPull asks for the node's assignments. Urgent. Answer: Set or Refused.
type SendPull struct {
	Ticket uint64
	Pull   api.Pull
}

// SendReports asks to deliver reports. Answer: Acked or Refused.
type SendReports struct {
	Ticket  uint64
	Reports []api.Report
}

// SendBeat asks to send a heartbeat; the shell fills in Used. Urgent. Answer:
// Beaten or Refused.
type SendBeat struct {
	Ticket uint64
	Beat   api.Beat
}

// FallAsleep asks to have the machine fall asleep: nothing runs, and the server knows
// all that it needs. Urgent. Answer: Slept.
type FallAsleep struct{}

func (FallAsleep) action()  {}
func (Prepare) action()     {}
func (Cancel) action()      {}
func (Start) action()       {}
func (Adopt) action()       {}
func (Stop) action()        {}
func (Collect) action()     {}
func (Probe) action()       {}
func (Forget) action()      {}
func (SendHello) action()   {}
func (SendPull) action()    {}
func (SendReports) action() {}
func (SendBeat) action()    {}

func (c *Core) do(a Action)     { c.out.Actions = append(c.out.Actions, a) }
func (c *Core) urgent(a Action) { c.out.Urgent = append(c.out.Urgent, a) }
