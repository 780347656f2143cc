package api

// TaskRef names one element of one task of one workload in a cell. The numbers
// are stable; the display form is "name.task[index]".
type TaskRef struct {
	Workload uint64 `json:"workload" cbor:"1,keyasint,omitempty"` // the cell's number for the workload
	Task     uint16 `json:"task" cbor:"2,keyasint,omitempty"`     // position in Workload.Tasks
	Index    uint32 `json:"index" cbor:"3,keyasint,omitempty"`    // array element, replica or per-node number
}

// Attempt names one try at running a task; the first is 1.
type Attempt struct {
	TaskRef `cbor:"1,keyasint"`
	Try     uint32 `json:"try" cbor:"2,keyasint,omitempty"`
}

// TaskStatus is where a task element stands.
type TaskStatus uint8

// The statuses of a task. Suspended and Checkpointed are reserved.
const (
	TaskWaiting   TaskStatus = iota // earlier tasks have not succeeded yet
	TaskPending                     // may be placed
	TaskBackoff                     // failed; may be placed again later
	TaskPlaced                      // bound to a node, not reported as started
	TaskRunning                     //
	TaskSucceeded                   // final
	TaskFailed                      // final
	TaskCancelled                   // final
	TaskSuspended
	TaskCheckpointed
)

// Final reports whether no later status can follow.
func (s TaskStatus) Final() bool {
	return s == TaskSucceeded || s == TaskFailed || s == TaskCancelled
}

// Holds reports whether a task in this status occupies its node's capacity.
func (s TaskStatus) Holds() bool { return s == TaskPlaced || s == TaskRunning || s == TaskSuspended }

// WorkloadStatus is where a workload stands.
type WorkloadStatus uint8

// The statuses of a workload.
const (
	WorkloadPending   WorkloadStatus = iota // nothing has been placed yet
	WorkloadRunning                         // at least one element was placed; a service: all replicas healthy
	WorkloadUpdating                        // service: a revision is being rolled out
	WorkloadDegraded                        // service: fewer healthy replicas than wished for
	WorkloadScheduled                       // job with a schedule: waits for its next time
	WorkloadSucceeded                       // final
	WorkloadFailed                          // final
	WorkloadCancelled                       // final
)

// Final reports whether no later status can follow.
func (s WorkloadStatus) Final() bool { return s >= WorkloadSucceeded }

var taskStatusNames = [...]string{
	"waiting", "pending", "backoff", "placed", "running", "succeeded", "failed", "cancelled", "suspended", "checkpointed",
}

var workloadStatusNames = [...]string{
	"pending", "running", "updating", "degraded", "scheduled", "succeeded", "failed", "cancelled",
}

func (s TaskStatus) String() string     { return nameOf(taskStatusNames[:], int(s)) }
func (s WorkloadStatus) String() string { return nameOf(workloadStatusNames[:], int(s)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// Outcome is how an attempt ended.
type Outcome uint8

// The outcomes.
const (
	OutcomeSucceeded Outcome = iota
	OutcomeFailed            // the program, its limits or its outputs
	OutcomeStopped           // on the server's request
	OutcomeLost              // its worker vanished without a result
	OutcomeRejected          // the node could not start it: missing artifact, driver or secret
)

// ReasonLease is the reason of an attempt that is lost because its node's lease
// ended: nobody knew whether the cell still counted on it.
const ReasonLease = "lease ended"

// ReasonMemory is the reason of an attempt that was killed for its memory.
const ReasonMemory = "out of memory"

var outcomeNames = [...]string{"succeeded", "failed", "stopped", "lost", "rejected"}

func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

// MaxInline is the size up to which an output travels inside a report.
const MaxInline = 4 << 10

// Value is one output of a finished attempt.
type Value struct {
	Name   string `json:"name" cbor:"1,keyasint,omitempty"`
	File   string `json:"file,omitempty" cbor:"2,keyasint,omitempty"` // base name
	Size   Bytes  `json:"size" cbor:"3,keyasint,omitempty"`
	Digest Digest `json:"digest,omitempty" cbor:"4,keyasint,omitempty"` // when larger than MaxInline
	Inline []byte `json:"inline,omitempty" cbor:"5,keyasint,omitempty"` // when not
}

// Result is the end of an attempt as its agent reports it.
type Result struct {
	Outcome  Outcome     `json:"outcome" cbor:"1,keyasint,omitempty"`
	ExitCode int32       `json:"exitCode" cbor:"2,keyasint,omitempty"`
	Signal   string      `json:"signal,omitempty" cbor:"3,keyasint,omitempty"`
	Reason   string      `json:"reason,omitempty" cbor:"4,keyasint,omitempty"` // for example "out of memory", "timeout", "output limit"
	Detail   string      `json:"detail,omitempty" cbor:"5,keyasint,omitempty"` // at most 512 bytes
	Wall     Duration    `json:"wall" cbor:"6,keyasint,omitempty"`             // on the agent's monotonic clock, without the time that it was suspended
	CPU      Duration    `json:"cpu" cbor:"7,keyasint,omitempty"`
	MaxRSS   Bytes       `json:"maxRSS" cbor:"8,keyasint,omitempty"`
	Fetch    Duration    `json:"fetch" cbor:"9,keyasint,omitempty"`    // getting artifacts and inputs
	Start    Duration    `json:"start" cbor:"10,keyasint,omitempty"`   // from inputs ready to first instruction
	BytesIn  Bytes       `json:"bytesIn" cbor:"11,keyasint,omitempty"` // fetched over the network, cache hits apart
	BytesOut Bytes       `json:"bytesOut" cbor:"12,keyasint,omitempty"`
	Outputs  []Value     `json:"outputs,omitempty" cbor:"13,keyasint,omitempty"`
	Energy   Microjoules `json:"energy,omitempty" cbor:"14,keyasint,omitempty"`
}
