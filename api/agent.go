package api

// What a server and its agents say to each other. Agents are level-triggered:
// the server keeps one versioned set of assignments a node, messages are only
// hints that the set has changed, and the agent pulls and reconciles.

// Desire is what the server wants of an assignment.
type Desire uint8

// The desires.
const (
	DesireRun Desire = iota
	DesireStop
	DesireSuspend // to be held still while it runs; those that run go on with DesireRun
)

// Assignment is one attempt that a node should run, or stop.
type Assignment struct {
	Attempt  `cbor:"1,keyasint"`
	Epoch    uint64   `json:"epoch" cbor:"2,keyasint,omitempty"`   // of the leader that decided; an older one is refused
	Version  uint64   `json:"version" cbor:"3,keyasint,omitempty"` // of the node's set when this assignment last changed
	Desire   Desire   `json:"desire" cbor:"4,keyasint,omitempty"`
	Name     string   `json:"name" cbor:"5,keyasint,omitempty"` // display form, "name.task[index]"
	Tenant   string   `json:"tenant" cbor:"6,keyasint,omitempty"`
	Task     *Task    `json:"task,omitempty" cbor:"7,keyasint,omitempty"` // nil when Desire is DesireStop
	Count    int32    `json:"count" cbor:"8,keyasint,omitempty"`          // size of the array, number of replicas
	Inputs   []Supply `json:"inputs,omitempty" cbor:"9,keyasint,omitempty"`
	Revision uint32   `json:"revision,omitempty" cbor:"10,keyasint,omitempty"`
}

// Supply is an input that is ready to be put into place.
type Supply struct {
	Path   string `json:"path" cbor:"1,keyasint,omitempty"` // relative to the input directory
	Digest Digest `json:"digest,omitempty" cbor:"2,keyasint,omitempty"`
	Size   Bytes  `json:"size" cbor:"3,keyasint,omitempty"`
	Inline []byte `json:"inline,omitempty" cbor:"4,keyasint,omitempty"`
}

// AssignmentSet answers a Pull: everything (Full), or what changed after From.
type AssignmentSet struct {
	Epoch   uint64       `json:"epoch" cbor:"1,keyasint,omitempty"`
	From    uint64       `json:"from" cbor:"2,keyasint,omitempty"`
	Version uint64       `json:"version" cbor:"3,keyasint,omitempty"`
	Full    bool         `json:"full" cbor:"4,keyasint,omitempty"`
	Items   []Assignment `json:"items,omitempty" cbor:"5,keyasint,omitempty"`
	Gone    []Attempt    `json:"gone,omitempty" cbor:"6,keyasint,omitempty"` // no longer wanted; their results are recorded
	Again   bool         `json:"again" cbor:"7,keyasint,omitempty"`          // more has changed than fits: pull again from Version
}

// Pull asks for the node's assignments.
type Pull struct {
	Epoch uint64 `json:"epoch" cbor:"1,keyasint,omitempty"` // of the set that the agent has
	Have  uint64 `json:"have" cbor:"2,keyasint,omitempty"`  // its version; 0 asks for everything
}

// Hello registers a node. It is sent on start and after each change of leader.
type Hello struct {
	Node Node `json:"node" cbor:"1,keyasint,omitempty"`
}

// Welcome answers a Hello once the registration stands in the journal.
type Welcome struct {
	Epoch       uint64   `json:"epoch" cbor:"1,keyasint,omitempty"`
	Heartbeat   Duration `json:"heartbeat" cbor:"2,keyasint,omitempty"`   // how often to send a Beat
	SilentAfter Duration `json:"silentAfter" cbor:"3,keyasint,omitempty"` // also the lease of tasks marked atMostOnce
}

// Beat is a heartbeat with the node's present use. It never enters the journal.
type Beat struct {
	Epoch   uint64    `json:"epoch" cbor:"1,keyasint,omitempty"`
	Version uint64    `json:"version" cbor:"2,keyasint,omitempty"` // of the assignments that the agent has: the leader hints when it is behind
	Used    Resources `json:"used" cbor:"3,keyasint,omitempty"`
	Running int32     `json:"running" cbor:"4,keyasint,omitempty"`
	Tasks   []TaskUse `json:"tasks,omitempty" cbor:"5,keyasint,omitempty"` // some of the running attempts, in turn; at most MaxTaskUses
	Busy    *Busy     `json:"busy,omitempty" cbor:"6,keyasint,omitempty"`  // every ten seconds; nil: not measured just now
}

// Busy is how much of what a node's tasks share with all else there is used: of the
// machine, or of a control group that limits the agent, whichever is fuller.
type Busy struct {
	CPU      Milli `json:"cpu" cbor:"1,keyasint,omitempty"`      // mean since the measurement before
	OfCPU    Milli `json:"ofCpu" cbor:"2,keyasint,omitempty"`    // 0: not known
	Memory   Bytes `json:"memory" cbor:"3,keyasint,omitempty"`   // that nobody else can have: without what is easily given back
	OfMemory Bytes `json:"ofMemory" cbor:"4,keyasint,omitempty"` // 0: not known
}

// MaxTaskUses bounds the samples in one Beat.
const MaxTaskUses = 24

// TaskUse is what one running attempt uses.
type TaskUse struct {
	Attempt `cbor:"1,keyasint"`
	CPU     Milli `json:"cpu" cbor:"2,keyasint,omitempty"`    // mean since the sample before
	Memory  Bytes `json:"memory" cbor:"3,keyasint,omitempty"` // resident now
}

// Hint says that a node's set has changed.
type Hint struct {
	Epoch   uint64   `json:"epoch" cbor:"1,keyasint,omitempty"`
	Version uint64   `json:"version" cbor:"2,keyasint,omitempty"`
	Power   PowerAsk `json:"power,omitempty" cbor:"3,keyasint,omitempty"`
}

// PowerAsk is what the server asks of a node beside its assignments.
type PowerAsk uint8

// The asks.
const (
	AskNothing PowerAsk = iota
	AskSleep            // fall asleep, once nothing is left to do
	AskHello            // the server takes the node to be asleep: say that it is not
)

// ReportKind says what a Report is about.
type ReportKind uint8

// The kinds of reports.
const (
	ReportStarted ReportKind = iota
	ReportEnded
	ReportHealthy   // all checks of the attempt pass
	ReportUnhealthy // a check failed Failures times in a row
	ReportSuspended // it stands still, as was desired
	ReportResumed   // it goes on
)

// Report is a fact about an attempt. Reports of one attempt are numbered from 1
// and stay in the agent's outbox until the leader says that they are journalled.
type Report struct {
	Attempt `cbor:"1,keyasint"`
	N       uint32     `json:"n" cbor:"2,keyasint,omitempty"`
	Kind    ReportKind `json:"kind" cbor:"3,keyasint,omitempty"`
	Result  *Result    `json:"result,omitempty" cbor:"4,keyasint,omitempty"` // ReportEnded
	Detail  string     `json:"detail,omitempty" cbor:"5,keyasint,omitempty"`
	Ports   []Port     `json:"ports,omitempty" cbor:"6,keyasint,omitempty"` // ReportStarted: the ports that the node chose
	PID     int32      `json:"pid,omitempty" cbor:"7,keyasint,omitempty"`   // ReportStarted
}

// Reports is a batch from one node's outbox.
type Reports struct {
	Reports []Report `json:"reports" cbor:"1,keyasint,omitempty"`
}

// ReportsAck says at which journal sequence a batch of reports stands.
type ReportsAck struct {
	Epoch uint64 `json:"epoch" cbor:"1,keyasint,omitempty"`
	Seq   uint64 `json:"seq" cbor:"2,keyasint,omitempty"`
	Error string `json:"error,omitempty" cbor:"3,keyasint,omitempty"` // why nothing was recorded; the agent keeps the reports and retries
}

// LogRequest asks an agent for a part of a log file.
type LogRequest struct {
	Attempt `cbor:"1,keyasint"`
	Stream  string `json:"stream" cbor:"2,keyasint,omitempty"` // "stdout" or "stderr"
	Offset  int64  `json:"offset" cbor:"3,keyasint,omitempty"` // from the start; negative counts from the end
	Limit   int32  `json:"limit" cbor:"4,keyasint,omitempty"`  // at most 256 KiB
}

// LogChunk answers a LogRequest.
type LogChunk struct {
	Data   []byte `json:"data,omitempty" cbor:"1,keyasint,omitempty"`
	Offset int64  `json:"offset" cbor:"2,keyasint,omitempty"` // of the first byte of Data
	Next   int64  `json:"next" cbor:"3,keyasint,omitempty"`   // where to read on
	Final  bool   `json:"final" cbor:"4,keyasint,omitempty"`  // the attempt has ended and Data reaches the end
	Error  string `json:"error,omitempty" cbor:"5,keyasint,omitempty"`
}
