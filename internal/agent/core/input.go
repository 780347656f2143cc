package core

import "drover.dev/api"

// Input is something that happened.
type Input interface{ input() }

// taskInput is an Input about one attempt.
type taskInput interface{ attempt() api.Attempt }

// About names the attempt that an Input is about.
type About struct{ ID api.Attempt }

func (About) input()                 {}
func (a About) attempt() api.Attempt { return a.ID }

// Prepared answers Prepare: everything is in place.
type Prepared struct {
	About
	Ports   []api.Port   // with the numbers that the node chose
	Took    api.Duration // Result.Fetch
	BytesIn api.Bytes    // fetched over the network
}

// Started answers Start: the task runs. A task that ended at once may be
// answered by Ended alone; then its start is not reported on its own.
type Started struct {
	About
	PID  int32
	Took api.Duration // Result.Start
}

// Adopted answers Adopt: the task runs, or has ended and Ended follows.
type Adopted struct {
	About
	PID int32
}

// Ended says that a task ended, or answers Prepare, Start, Adopt or Collect when
// that failed for good. Outputs are not filled in.
type Ended struct {
	About
	Result api.Result
}

// Collected answers Collect: the outputs are where the server can have them.
type Collected struct {
	About
	Outputs  []api.Value
	BytesOut api.Bytes
}

// Retry answers Prepare or Collect when it failed but may succeed later.
type Retry struct {
	About
	Detail string
}

// Probed answers Probe.
type Probed struct {
	About
	Index  int // of the check
	OK     bool
	Detail string // why not
}

// Resume begins the work of a Core that was restored from records.
type Resume struct{}

// Shutdown asks to stop all tasks; Output.Done tells when that is over.
type Shutdown struct{}

// Slept answers FallAsleep: the machine was told, or (not OK) could not be.
type Slept struct {
	OK     bool
	Within api.Duration // it should be asleep by then
}

// LinkUp says that the server can be reached, for the first time or again.
type LinkUp struct{}

// LinkDown says that it cannot.
type LinkDown struct{}

// Hinted says that the server's set may have changed.
type Hinted struct{ Hint api.Hint }

// Welcomed answers SendHello.
type Welcomed struct {
	Ticket  uint64
	Welcome api.Welcome
}

// Set answers SendPull.
type Set struct {
	Ticket uint64
	Set    api.AssignmentSet
}

// Acked answers SendReports.
type Acked struct {
	Ticket uint64
	Ack    api.ReportsAck
}

// Beaten answers SendBeat.
type Beaten struct {
	Ticket uint64
	Hint   api.Hint
}

// Refused answers any Send: no answer came, or an error.
type Refused struct{ Ticket uint64 }

func (Resume) input()   {}
func (Shutdown) input() {}
func (Slept) input()    {}
func (LinkUp) input()   {}
func (LinkDown) input() {}
func (Hinted) input()   {}
func (Welcomed) input() {}
func (Set) input()      {}
func (Acked) input()    {}
func (Beaten) input()   {}
func (Refused) input()  {}
