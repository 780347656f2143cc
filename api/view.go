package api

// What reads return: views of the state at one journal sequence.

// Counts says how many elements of a workload stand where.
type Counts struct {
	Waiting   int32 `json:"waiting" cbor:"1,keyasint,omitempty"`
	Pending   int32 `json:"pending" cbor:"2,keyasint,omitempty"` // includes those that wait after a failure
	Placed    int32 `json:"placed" cbor:"3,keyasint,omitempty"`
	Running   int32 `json:"running" cbor:"4,keyasint,omitempty"`
	Succeeded int32 `json:"succeeded" cbor:"5,keyasint,omitempty"`
	Failed    int32 `json:"failed" cbor:"6,keyasint,omitempty"`
	Cancelled int32 `json:"cancelled" cbor:"7,keyasint,omitempty"`
}

// Total is the number of elements.
func (c Counts) Total() int32 {
	return c.Waiting + c.Pending + c.Placed + c.Running + c.Succeeded + c.Failed + c.Cancelled
}

// WorkloadView shows one workload.
type WorkloadView struct {
	ID     uint64 `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	Kind   Kind   `json:"kind"`
	Status string `json:"status"`
	// Reason is why it failed, was cancelled or rolled back; while elements are
	// pending that no node takes, what stands against the first of its tasks, as
	// in TaskView.
	Reason    string `json:"reason,omitempty"`
	Priority  int32  `json:"priority"`
	Submitted Time   `json:"submitted"`
	Finished  Time   `json:"finished,omitempty"`
	NextRun   Time   `json:"nextRun,omitempty"`
	Parent    uint64 `json:"parent,omitempty"` // the scheduled job that this is a run of
	// Handover says to which cell the workload was handed over, and Origin from
	// which cell it came.
	Handover *HandoverView `json:"handover,omitempty"`
	Origin   *HandoverView `json:"origin,omitempty"`
	Revision uint32        `json:"revision"`
	Replicas int32         `json:"replicas,omitempty"`
	Healthy  int32         `json:"healthy,omitempty"`
	Counts   Counts        `json:"counts"`
	// Scale says why a service that scales has as many replicas as it has.
	Scale *ScaleView `json:"scale,omitempty"`
	// Sizes say what tasks ask for where that is not what the file says.
	Sizes []SizeView `json:"sizes,omitempty"`
	Spec  *Workload  `json:"spec,omitempty"` // on show only
}

// TaskView shows one element of a task.
type TaskView struct {
	TaskRef
	Name     string `json:"name"` // "name.task[index]"
	TaskName string `json:"taskName"`
	Status   string `json:"status"`
	Node     string `json:"node,omitempty"`
	Site     string `json:"site,omitempty"`
	Layer    Layer  `json:"layer,omitempty"`
	Try      uint32 `json:"try"`
	Revision uint32 `json:"revision"`
	Healthy  bool   `json:"healthy,omitempty"`
	// Reason is why the last attempt ended, or why it is to stop. Of a pending
	// element that no node takes it is the refusal in a phrase, the most frequent
	// reason first: "3 of 5 nodes: memory 4Gi is not free; 2: taint
	// gpu:noSchedule". In very large cells the counts may be those of when the set
	// of reasons last changed; an Explanation counts anew.
	Reason    string `json:"reason,omitempty"`
	Ready     Time   `json:"ready,omitempty"` // when it could first be placed
	Placed    Time   `json:"placed,omitempty"`
	Started   Time   `json:"started,omitempty"`
	Ended     Time   `json:"ended,omitempty"`
	NotBefore Time   `json:"notBefore,omitempty"` // in back-off
	Ports     []Port `json:"ports,omitempty"`
	PID       int32  `json:"pid,omitempty"`
	// Suspensions are until when it is not to run, as its owner and the cell's operator asked.
	Suspensions []Suspension `json:"suspensions,omitempty"`
	// Suspendable is until when a suspension of an element that holds a place may last, as its
	// deadline allows; 0: it cannot be suspended.
	Suspendable Time       `json:"suspendable,omitempty"`
	Result      *Result    `json:"result,omitempty"`
	Took        *Footprint `json:"took,omitempty"`     // by all attempts that have ended
	Decision    *Decision  `json:"decision,omitempty"` // the last one, on show and explain
}

// NodeView shows one node.
type NodeView struct {
	Node
	Status     string    `json:"status"`         // "ready", "silent", "draining", "drained", "emptying", "overloaded", "sleeping", "waking"
	Used       Resources `json:"used"`           // promised to placed tasks
	Tasks      int32     `json:"tasks"`          // placed or running
	Still      Resources `json:"still,omitzero"` // of Used, CPU and accelerators of tasks that stand still
	Registered Time      `json:"registered"`
	LastSeen   Time      `json:"lastSeen,omitempty"`   // leader's memory, not journalled
	PowerSince Time      `json:"powerSince,omitempty"` // since when it is to sleep, or to wake
	Awake      string    `json:"awake,omitempty"`      // why it is awake, or is being woken, that can sleep and holds nothing
	Drained    bool      `json:"drained,omitempty"`    // takes no work, also while it sleeps
	Strain     string    `json:"strain,omitempty"`     // what of it is used to near what it has, and for how long
}

// Explanation answers why a task is where it is, or why it is not yet anywhere.
type Explanation struct {
	Task        TaskView     `json:"task"`
	Profile     Profile      `json:"profile"`
	Decision    *Decision    `json:"decision,omitempty"`
	Probation   *Trial       `json:"probation,omitempty"`   // of the strategy of Decision, when it was on one
	Suggestions []Suggestion `json:"suggestions,omitempty"` // pending only: smallest single changes that would admit it now
	WaitsFor    []string     `json:"waitsFor,omitempty"`    // names of tasks that must end first
	// Reservation is the room that is promised to a pending task, and from when.
	Reservation *Reservation `json:"reservation,omitempty"`
	// ExpectedStart is when a pending task is expected to be placed; nil when nothing is
	// known of that.
	ExpectedStart *ExpectedStart `json:"expectedStart,omitempty"`
	// Handover says to which cell the workload was handed over, or why it was not.
	Handover *HandoverView `json:"handover,omitempty"`
	// Options are what it takes as decided, on the next best nodes, and later on the same
	// one, as far as power, prices or signals are known.
	Options []Option `json:"options,omitempty"`
	// Scale says why a service that scales has as many replicas as it has.
	Scale *ScaleView `json:"scale,omitempty"`
	// Deferral is until when a pending task waits for better hours.
	Deferral *Deferral `json:"deferral,omitempty"`
	// Size says why the task asks for what it asks for, where that is not what the file says.
	Size *SizeView `json:"size,omitempty"`
}

// ExpectedStart is when a pending task is expected to be placed, from predicted run
// times.
type ExpectedStart struct {
	At Time `json:"at"`
	// Promised says that room is reserved from then on. Otherwise it is the first
	// expected end that leaves it room, if nobody else takes that.
	Promised bool `json:"promised"`
}

// Planned is the decision that would be taken now for one task of a workload.
type Planned struct {
	Task        string       `json:"task"`
	Count       int32        `json:"count"` // elements that the decision stands for
	Fits        int32        `json:"fits"`  // elements of them that would be placed at once
	Profile     Profile      `json:"profile"`
	Decision    Decision     `json:"decision"`
	Suggestions []Suggestion `json:"suggestions,omitempty"`
	Options     []Option     `json:"options,omitempty"` // what the first element takes: as decided, on the next best nodes, later
	// Deferral is until when it would wait for better hours; nil: it would start now.
	Deferral *Deferral `json:"deferral,omitempty"`
}

// Applied says what a submission did.
type Applied struct {
	ID       uint64       `json:"id,omitempty"`
	Name     string       `json:"name"`
	Tenant   string       `json:"tenant"`
	Revision uint32       `json:"revision,omitempty"`
	Action   string       `json:"action,omitempty"` // "created", "updated", "unchanged"
	Errors   []FieldError `json:"errors,omitempty"` // refused: every fault with its path
	// Warnings tell of what was accepted but is probably not meant, such as a
	// driver that no registered node has.
	Warnings []FieldError `json:"warnings,omitempty"`
}

// FieldError is one fault of a submitted document.
type FieldError struct {
	Path    string `json:"path"`           // for example tasks[1].resources.memory; "" is the whole document
	Message string `json:"message"`        // what is wrong and what would be right
	Line    int    `json:"line,omitempty"` // 1-based, when the source is known
	Column  int    `json:"column,omitempty"`
}

// CellStatus shows a server and its cell.
type CellStatus struct {
	Version  string `json:"version"`
	Cell     string `json:"cell"`
	Leader   bool   `json:"leader"`
	Epoch    uint64 `json:"epoch"`
	Seq      uint64 `json:"seq"`   // of the last record that reads reflect
	Nodes    int32  `json:"nodes"` // registered
	Silent   int32  `json:"silent"`
	Pending  int32  `json:"pending"` // task elements that wait for a place
	Running  int32  `json:"running"`
	Finished int64  `json:"finished"` // task elements since the cell began
	// Role is what the server does: "leader", "follower", or "waiting" for either.
	Role string `json:"role"`
	// Servers are those of the cell as this one knows them, the leader first; none
	// when there can be only one.
	Servers []ServerView `json:"servers,omitempty"`
	Record  uint64       `json:"record"` // number of that record, by which --at and drover verify name it
	// Losses are the pieces of the journal that operators gave up, oldest first.
	Losses []AcceptedLoss `json:"losses,omitempty"`
	// Probation is the last change of the cell's strategy that was watched.
	Probation *ProbationView `json:"probation,omitempty"`
	// Rollout is the last change of the cell's strategy that was made in stages.
	Rollout *RolloutView `json:"rollout,omitempty"`
}

// The roles of a server.
const (
	RoleLeader   = "leader"
	RoleFollower = "follower"
	RoleWaiting  = "waiting" // nobody is known to lead
	RoleSilent   = "silent"  // not heard of
)

// ServerView shows a server of the cell as another one hears of it.
type ServerView struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"` // of its API
	Version string `json:"version,omitempty"`
	Role    string `json:"role"`
	Epoch   uint64 `json:"epoch"` // the highest that it knows
	Seq     uint64 `json:"seq"`   // of the journal that it has read
	Seen    Time   `json:"seen,omitempty"`
}

// AcceptedLoss is a piece of the journal that an operator gave up.
type AcceptedLoss struct {
	From    uint64 `json:"from"`    // number of the first record that was given up
	Entries uint64 `json:"entries"` // how many stored entries were dropped
	Epoch   uint64 `json:"epoch"`   // that went on without them
	At      Time   `json:"at"`
}

// WatchEvent is one line of a watch: what changed at which sequence.
type WatchEvent struct {
	Seq      uint64 `json:"seq"`
	At       Time   `json:"at"`
	Type     string `json:"type"` // for example "task.ended"
	Workload string `json:"workload,omitempty"`
	Tenant   string `json:"tenant,omitempty"`
	Task     string `json:"task,omitempty"`
	Node     string `json:"node,omitempty"`
	Status   string `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// JoinRequest asks for a node's credentials; the join token travels in the
// Authorization header.
type JoinRequest struct {
	Node string `json:"node"`
	// Token is the node's own, of an earlier JoinReply. A name that is registered
	// is given to nobody without it.
	Token string `json:"token,omitempty"`
	// Cell asks for the credentials of a child cell of that name.
	Cell bool `json:"cell,omitempty"`
}

// JoinReply gives a node what it needs to talk to its cell.
type JoinReply struct {
	NATS     string `json:"nats"` // URL
	User     string `json:"user"`
	Password string `json:"password"` // valid for this node's subjects only
	Token    string `json:"token"`    // bearer token for artifacts over HTTP
	Cell     string `json:"cell"`
}
