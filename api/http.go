package api

// What travels over HTTP beside the views: bodies of requests and pages of
// answers. Every read says in the header Drover-Seq at which sequence it stands.

// The headers of Drover's own, and the one of idempotency keys.
const (
	HeaderSeq    = "Drover-Seq"      // sequence of the record that holds a change, or that a read reflects
	HeaderRecord = "Drover-Record"   // number of the last record that a read of the past reflects
	HeaderTime   = "Drover-Time"     // when that record was decided
	HeaderTenant = "Drover-Tenant"   // the tenant of a request, when the query names none
	HeaderKey    = "Idempotency-Key" // the same key gives the first answer again
)

// Limits of requests.
const (
	MaxKey   = 128  // bytes of an idempotency key
	MaxBatch = 1000 // workloads of one submission
	MaxPage  = 1000 // items of one page
)

// EventFinished is the type of the event that ends a workload; its status is
// the final one.
const EventFinished = "workload.finished"

// Batch is a submission of several workloads; each stands for itself.
type Batch struct {
	Workloads []*Workload `json:"workloads"`
}

// BatchItem says what became of one workload of a batch: Status is what a
// submission of it alone would have been answered.
type BatchItem struct {
	Applied
	Status int `json:"status"`
}

// BatchReply answers a Batch, in its order.
type BatchReply struct {
	Items []BatchItem `json:"items"`
}

// Plan is what would be decided now for the tasks of a workload.
type Plan struct {
	Tasks    []Planned    `json:"tasks"`
	Warnings []FieldError `json:"warnings,omitempty"` // as in Applied
}

// WorkloadPage is a page of workloads, the newest first.
type WorkloadPage struct {
	Items []WorkloadView `json:"items"`
	Next  string         `json:"next,omitempty"` // where the next page begins; "" is the end
}

// TaskPage is a page of the elements of a workload.
type TaskPage struct {
	Items []TaskView `json:"items"`
	Next  string     `json:"next,omitempty"`
}

// TaskResult is what an element left behind.
type TaskResult struct {
	Task    string  `json:"task"` // name of the task
	Index   uint32  `json:"index"`
	Name    string  `json:"name"` // "name.task[index]"
	Status  string  `json:"status"`
	Reason  string  `json:"reason,omitempty"`
	Node    string  `json:"node,omitempty"`
	Outcome Outcome `json:"outcome"`
	Exit    int32   `json:"exitCode"`
	Outputs []Value `json:"outputs,omitempty"`

	Took *Footprint `json:"took,omitempty"` // by all attempts that have ended
}

// ResultPage is a page of results, in the order of tasks and indexes.
type ResultPage struct {
	Items []TaskResult `json:"items"`
	Next  string       `json:"next,omitempty"`
}

// NodeList is every node of a cell, by name.
type NodeList struct {
	Items []NodeView `json:"items"`
}

// SiteList is every declared site of a cell, by name.
type SiteList struct {
	Items []Site `json:"items"`
	// Batteries is what those of the sites do that have one, by the site's name.
	Batteries []BatteryView `json:"batteries,omitempty"`
}

// DrainRequest empties a node, or (Off) lets it take work again. Running job
// tasks may go on for Grace before they are moved.
type DrainRequest struct {
	Off   bool     `json:"off,omitempty"`
	Grace Duration `json:"grace,omitempty"`
}

// PowerRequest puts an idle node to sleep, or wakes it.
type PowerRequest struct {
	Sleep bool `json:"sleep"`
}

// RollbackRequest names the revision to go back to; 0 is the last one that was
// healthy before the present.
type RollbackRequest struct {
	Revision uint32 `json:"revision,omitempty"`
}

// SettingsRequest changes settings of a cell; what is zero stays as it is.
type SettingsRequest struct {
	RetainFor Duration `json:"retainFor,omitempty"` // how long finished workloads are kept
	RetainMax int32    `json:"retainMax,omitempty"` // how many of them at most
	Lease     Duration `json:"lease,omitempty"`     // silence after which atMostOnce tasks of a node have been stopped there
	Home      string   `json:"home,omitempty"`      // site of the cell's artifact store and of callers
	Strategy  string   `json:"strategy,omitempty"`  // of the cell: how the queue is ordered, and where tasks go that name none
	// Probation has the change of the strategy watched, and taken back when what comes
	// after it is surely worse than allowed.
	Probation *Probation `json:"probation,omitempty"`
	// Stages has the strategy tried beside the present one, then for a share of the
	// jobs, before it becomes the cell's, which Probation watches then.
	Stages *Stages `json:"stages,omitempty"`
}

// Stored names an artifact that the cell's store holds.
type Stored struct {
	Digest Digest `json:"digest"`
	Size   Bytes  `json:"size"`
}

// The types of problems that say what there is not, so that a program knows where
// to look next. Other problems have no type: their status says it.
const (
	ProblemNoWorkload = "tag:drover.dev,2026:no-workload"
	ProblemNoTask     = "tag:drover.dev,2026:no-task" // of that name or index in the workload
	ProblemNoNode     = "tag:drover.dev,2026:no-node"
	ProblemNoSignal   = "tag:drover.dev,2026:no-signal"
	ProblemNotPlaced  = "tag:drover.dev,2026:not-placed" // the element has no log: it was never on a node
)

// Problem is an error as RFC 9457 writes it (application/problem+json).
type Problem struct {
	Type   string         `json:"type,omitempty"` // one of those above, or ""
	Title  string         `json:"title,omitempty"`
	Status int            `json:"status,omitempty"`
	Detail string         `json:"detail,omitempty"` // what happened, and what to do next
	Errors []ProblemError `json:"errors,omitempty"` // every fault
}

// ProblemError is one fault of a request.
type ProblemError struct {
	Location string `json:"location,omitempty"` // for example body.tasks[1].resources.memory
	Message  string `json:"message,omitempty"`
}
