package api

// Version is the apiVersion that this build reads and writes.
const Version = "drover/v1"

// Kind says how a workload lives.
type Kind string

// The kinds of documents that a user applies.
const (
	KindJob     Kind = "job"     // runs to completion: one task, arrays, a DAG
	KindService Kind = "service" // a number of replicas, kept running
	KindSystem  Kind = "system"  // one task on every matching node
	KindSite    Kind = "site"    // not a workload: declares a Site
)

// Objective names what a placement should be good at. Strategies read it.
type Objective string

// The objectives.
const (
	ObjectiveLatency  Objective = "latency"
	ObjectiveCost     Objective = "cost"
	ObjectiveEnergy   Objective = "energy"
	ObjectiveCarbon   Objective = "carbon"
	ObjectiveBalanced Objective = "balanced"
)

// Preemption says whether a task may be stopped, and go back to the queue, so that
// one of a higher priority of the same tenant can have its place.
type Preemption string

// The choices. The empty one is PreemptLower.
const (
	PreemptLower Preemption = "lower" // displaces lower priorities, and is displaced by higher ones
	PreemptNever Preemption = "never" // neither displaces others nor is displaced
)

// Workload is what a user submits. After Normalize every optional field has its
// default; after Validate the rest of Drover may rely on it.
type Workload struct {
	APIVersion string            `json:"apiVersion" cbor:"1,keyasint,omitempty"`
	Kind       Kind              `json:"kind" cbor:"2,keyasint,omitempty"`
	Name       string            `json:"name" cbor:"3,keyasint,omitempty"`             // [a-z0-9-], unique in its tenant
	Tenant     string            `json:"tenant,omitempty" cbor:"4,keyasint,omitempty"` // default "default"
	Labels     map[string]string `json:"labels,omitempty" cbor:"5,keyasint,omitempty"`
	Priority   int32             `json:"priority,omitempty" cbor:"6,keyasint,omitempty"`    // -1000 to 1000, higher first, default 0
	Deadline   Duration          `json:"deadline,omitempty" cbor:"7,keyasint,omitempty"`    // from submission; 0 is none
	Strategy   string            `json:"strategy,omitempty" cbor:"8,keyasint,omitempty"`    // "" is the cell's strategy
	Objective  Objective         `json:"objective,omitempty" cbor:"9,keyasint,omitempty"`   // default balanced
	Latency    Duration          `json:"latency,omitempty" cbor:"10,keyasint,omitempty"`    // how quickly an answer is needed; 0 is no need
	Replicas   int32             `json:"replicas,omitempty" cbor:"11,keyasint,omitempty"`   // services only, default 1
	Update     *Update           `json:"update,omitempty" cbor:"12,keyasint,omitempty"`     // services only
	Schedule   *Schedule         `json:"schedule,omitempty" cbor:"13,keyasint,omitempty"`   // jobs only: run again and again
	Gang       bool              `json:"gang,omitempty" cbor:"14,keyasint,omitempty"`       // jobs only: the elements of each task are placed together or not at all
	GangWithin string            `json:"gangWithin,omitempty" cbor:"16,keyasint,omitempty"` // gangs only: all elements of a task share the node, the site or the value of this node label
	Preemption Preemption        `json:"preemption,omitempty" cbor:"17,keyasint,omitempty"` // whether its tasks displace others and are displaced
	Scale      *Scale            `json:"scale,omitempty" cbor:"18,keyasint,omitempty"`      // services only: the number of replicas follows what is expected of them
	Resize     *Resize           `json:"resize,omitempty" cbor:"19,keyasint,omitempty"`     // what tasks ask for follows what they use
	Tasks      []Task            `json:"tasks" cbor:"15,keyasint,omitempty"`                // services and systems have exactly one
}

// Task is the schedulable unit of a workload; with Count above one it is an
// array of equal elements that know their index (environment DROVER_INDEX).
type Task struct {
	Name      string            `json:"name" cbor:"1,keyasint,omitempty"`
	Driver    string            `json:"driver" cbor:"2,keyasint,omitempty"`             // "wasm", "process", "noop"
	Count     int32             `json:"count,omitempty" cbor:"3,keyasint,omitempty"`    // array size, default 1, at most MaxArray
	After     []string          `json:"after,omitempty" cbor:"4,keyasint,omitempty"`    // names of tasks that must have succeeded
	Artifact  *Source           `json:"artifact,omitempty" cbor:"5,keyasint,omitempty"` // the program: a WASM module or an executable
	Command   []string          `json:"command,omitempty" cbor:"6,keyasint,omitempty"`  // process: program and arguments on the node; with an artifact: unused
	Args      []string          `json:"args,omitempty" cbor:"7,keyasint,omitempty"`     // arguments after the program or module
	Env       map[string]string `json:"env,omitempty" cbor:"8,keyasint,omitempty"`
	Secrets   []Secret          `json:"secrets,omitempty" cbor:"9,keyasint,omitempty"`
	Resources Resources         `json:"resources,omitempty" cbor:"10,keyasint,omitempty"`
	Requires  Requirements      `json:"requires,omitempty" cbor:"11,keyasint,omitempty"`
	Inputs    []Input           `json:"inputs,omitempty" cbor:"12,keyasint,omitempty"`
	Outputs   []Output          `json:"outputs,omitempty" cbor:"13,keyasint,omitempty"`
	Volumes   []Volume          `json:"volumes,omitempty" cbor:"14,keyasint,omitempty"`
	Ports     []Port            `json:"ports,omitempty" cbor:"15,keyasint,omitempty"`
	Checks    []Check           `json:"checks,omitempty" cbor:"16,keyasint,omitempty"`
	Restart   *Restart          `json:"restart,omitempty" cbor:"17,keyasint,omitempty"`
	Timeout   Duration          `json:"timeout,omitempty" cbor:"18,keyasint,omitempty"` // of one attempt's run; 0 is none
	Grace     Duration          `json:"grace,omitempty" cbor:"19,keyasint,omitempty"`   // between TERM and KILL, default 5s
	OnLost    OnLost            `json:"onLost,omitempty" cbor:"20,keyasint,omitempty"`  // default replace
	// AtMostOnce keeps two attempts from running at the same time: the task is
	// stopped by its agent when its lease ends, and placed again only after lease
	// plus drift. An attempt that failed is not followed by another; one that was
	// lost is.
	AtMostOnce bool     `json:"atMostOnce,omitempty" cbor:"21,keyasint,omitempty"`
	MaxLog     Bytes    `json:"maxLog,omitempty" cbor:"22,keyasint,omitempty"`   // kept per stream, default 10Mi
	Duration   Duration `json:"duration,omitempty" cbor:"23,keyasint,omitempty"` // the user's own guess of the run time; 0 is none
	// Residency says at which sites the task's inputs and outputs may be: where it
	// runs, and where the cell keeps them. Tasks that take its outputs inherit it.
	// nil is anywhere.
	Residency *Residency `json:"residency,omitempty" cbor:"24,keyasint,omitempty"`
}

// Resources is what a task needs, or a node has.
type Resources struct {
	CPU          Milli         `json:"cpu,omitempty" cbor:"1,keyasint,omitempty"`
	Memory       Bytes         `json:"memory,omitempty" cbor:"2,keyasint,omitempty"`
	Storage      Bytes         `json:"storage,omitempty" cbor:"3,keyasint,omitempty"`
	Bandwidth    Rate          `json:"bandwidth,omitempty" cbor:"4,keyasint,omitempty"`
	Accelerators []Accelerator `json:"accelerators,omitempty" cbor:"5,keyasint,omitempty"`
}

// Accelerator asks for (in a task) or offers (in a node) accelerators of a kind.
// A request below 1000 is a share of one device; above, it is a multiple of
// 1000: whole devices. A node lists one entry per kind and model.
type Accelerator struct {
	Kind   string   `json:"kind" cbor:"1,keyasint,omitempty"`             // "gpu", "fpga", "qpu"
	Models []string `json:"models,omitempty" cbor:"2,keyasint,omitempty"` // request: any of these, empty is any; node: exactly one
	Count  Milli    `json:"count" cbor:"3,keyasint,omitempty"`            // text "0.5", "2"
}

// Layer is the tier that a site belongs to.
type Layer string

// The layers, from the largest machines to the smallest.
const (
	LayerCloud  Layer = "cloud"
	LayerEdge   Layer = "edge"
	LayerDevice Layer = "device"
)

// Requirements restrict the nodes that a task may run on. All of them must hold,
// but for those that are soft: they are wishes.
type Requirements struct {
	Layers       []Layer           `json:"layers,omitempty" cbor:"1,keyasint,omitempty"` // any of these
	Sites        []string          `json:"sites,omitempty" cbor:"2,keyasint,omitempty"`  // any of these
	Labels       map[string]string `json:"labels,omitempty" cbor:"3,keyasint,omitempty"` // each must be equal on the node
	Affinity     []Expression      `json:"affinity,omitempty" cbor:"4,keyasint,omitempty"`
	AntiAffinity []Expression      `json:"antiAffinity,omitempty" cbor:"5,keyasint,omitempty"` // none may match
	Tolerations  []Toleration      `json:"tolerations,omitempty" cbor:"6,keyasint,omitempty"`
	Near         []Relation        `json:"near,omitempty" cbor:"7,keyasint,omitempty"`   // where one of these tasks is
	Apart        []Relation        `json:"apart,omitempty" cbor:"8,keyasint,omitempty"`  // where none of these tasks is
	Spread       []Spread          `json:"spread,omitempty" cbor:"9,keyasint,omitempty"` // alike many everywhere
}

// Operator compares a node label with the values of an Expression.
type Operator string

// The operators. Above and Below compare decimal integers.
const (
	OpIn     Operator = "in"
	OpNotIn  Operator = "notIn"
	OpExists Operator = "exists"
	OpAbsent Operator = "absent"
	OpAbove  Operator = "above"
	OpBelow  Operator = "below"
)

// Expression is one condition on a node's labels.
type Expression struct {
	Key    string   `json:"key" cbor:"1,keyasint,omitempty"`
	Op     Operator `json:"op" cbor:"2,keyasint,omitempty"`
	Values []string `json:"values,omitempty" cbor:"3,keyasint,omitempty"`
	Soft   bool     `json:"soft,omitempty" cbor:"4,keyasint,omitempty"` // a wish: other nodes are worse, not forbidden
}

// Effect is what a taint does to tasks that do not tolerate it.
type Effect string

// The effects.
const (
	NoSchedule Effect = "noSchedule" // nothing new is placed
	Avoid      Effect = "avoid"      // placed only when no better node fits
	NoExecute  Effect = "noExecute"  // running tasks are moved away, too
)

// Taint keeps tasks off a node unless they tolerate it.
type Taint struct {
	Key    string `json:"key" cbor:"1,keyasint,omitempty"`
	Value  string `json:"value,omitempty" cbor:"2,keyasint,omitempty"`
	Effect Effect `json:"effect" cbor:"3,keyasint,omitempty"`
}

// Toleration lets a task onto nodes with a matching taint. An empty Value
// matches every value, an empty Effect every effect.
type Toleration struct {
	Key    string `json:"key" cbor:"1,keyasint,omitempty"`
	Value  string `json:"value,omitempty" cbor:"2,keyasint,omitempty"`
	Effect Effect `json:"effect,omitempty" cbor:"3,keyasint,omitempty"`
}

// Source names bytes: a file beside the manifest, which the client uploads and
// replaces by its digest before submission, or an artifact by digest.
type Source struct {
	File   string `json:"file,omitempty" cbor:"1,keyasint,omitempty"`
	Digest Digest `json:"digest,omitempty" cbor:"2,keyasint,omitempty"`
	Size   Bytes  `json:"size,omitempty" cbor:"3,keyasint,omitempty"` // filled by the server
}

// Digest is the content address "sha256:" + 64 hexadecimal digits.
type Digest string

// Input is something that must be in the task's input directory before it
// starts: an artifact (Source) or an output of an earlier task.
type Input struct {
	Path   string `json:"path" cbor:"1,keyasint,omitempty"` // relative to the input directory; "." is the directory itself
	Source `cbor:"2,keyasint,omitempty"`
	Task   string `json:"task,omitempty" cbor:"3,keyasint,omitempty"`   // implies After
	Output string `json:"output,omitempty" cbor:"4,keyasint,omitempty"` // name of an output of Task
	// Each says which elements of an array Task are meant: "all" (default) puts
	// them at PATH/<index>/<base name>, "same" takes the element of equal index.
	Each string `json:"each,omitempty" cbor:"5,keyasint,omitempty"`
}

// Output is something that a task leaves behind: a file of its output
// directory, or its standard output. Missing files fail the task.
type Output struct {
	Name     string `json:"name" cbor:"1,keyasint,omitempty"`
	Path     string `json:"path,omitempty" cbor:"2,keyasint,omitempty"` // relative to the output directory
	Stdout   bool   `json:"stdout,omitempty" cbor:"3,keyasint,omitempty"`
	Optional bool   `json:"optional,omitempty" cbor:"4,keyasint,omitempty"`
	Expect   Bytes  `json:"expect,omitempty" cbor:"5,keyasint,omitempty"` // the user's guess of its size, for the latency model
}

// Secret puts a secret of the node's secret store into the environment or into a
// file below /secrets. The value never enters the journal, logs or arguments.
type Secret struct {
	Ref  string `json:"ref" cbor:"1,keyasint,omitempty"`
	Env  string `json:"env,omitempty" cbor:"2,keyasint,omitempty"`
	File string `json:"file,omitempty" cbor:"3,keyasint,omitempty"`
}

// Volume is a directory inside the task: scratch space that dies with it, or a
// path of the node that its operator has allowed.
type Volume struct {
	Target   string `json:"target" cbor:"1,keyasint,omitempty"`
	HostPath string `json:"hostPath,omitempty" cbor:"2,keyasint,omitempty"`
	Scratch  Bytes  `json:"scratch,omitempty" cbor:"3,keyasint,omitempty"` // size limit of scratch space
	ReadOnly bool   `json:"readOnly,omitempty" cbor:"4,keyasint,omitempty"`
}

// ScratchSize is the sum of the task's scratch volumes, in bytes.
func (t *Task) ScratchSize() (sum Bytes) {
	for i := range t.Volumes {
		sum += min(max(t.Volumes[i].Scratch, 0), MaxStorage-sum)
	}
	return sum
}

// Port is a TCP port that a task listens on. Port 0 is chosen by the node; the
// task learns it from DROVER_PORT_<NAME>.
type Port struct {
	Name string `json:"name" cbor:"1,keyasint,omitempty"`
	Port int32  `json:"port,omitempty" cbor:"2,keyasint,omitempty"`
}

// Check decides whether a replica is healthy.
type Check struct {
	Type     string   `json:"type" cbor:"1,keyasint,omitempty"`               // "tcp", "http", "exec"
	Port     string   `json:"port,omitempty" cbor:"2,keyasint,omitempty"`     // name of a Port
	Path     string   `json:"path,omitempty" cbor:"3,keyasint,omitempty"`     // http
	Command  []string `json:"command,omitempty" cbor:"4,keyasint,omitempty"`  // exec: exit code 0 is healthy
	Interval Duration `json:"interval,omitempty" cbor:"5,keyasint,omitempty"` // default 5s
	Timeout  Duration `json:"timeout,omitempty" cbor:"6,keyasint,omitempty"`  // default 2s
	Failures int32    `json:"failures,omitempty" cbor:"7,keyasint,omitempty"` // in a row until unhealthy, default 3

	// StartAfter is how long after the start of the task failures do not count;
	// the first success ends that time. Default 0.
	StartAfter Duration `json:"startAfter,omitempty" cbor:"8,keyasint,omitempty"`
}

// RestartPolicy says after which ends a task is started again.
type RestartPolicy string

// The restart policies.
const (
	RestartNever     RestartPolicy = "never"
	RestartOnFailure RestartPolicy = "onFailure"
	RestartAlways    RestartPolicy = "always"
)

// Restart bounds the attempts after a failed one. The wait doubles from Backoff
// to MaxBackoff. Losing a node is not a failure and does not count.
type Restart struct {
	Policy     RestartPolicy `json:"policy,omitempty" cbor:"1,keyasint,omitempty"`     // default onFailure for jobs, always otherwise
	Attempts   int32         `json:"attempts,omitempty" cbor:"2,keyasint,omitempty"`   // further attempts; jobs default to 2, services are unlimited (-1)
	Backoff    Duration      `json:"backoff,omitempty" cbor:"3,keyasint,omitempty"`    // default 1s
	MaxBackoff Duration      `json:"maxBackoff,omitempty" cbor:"4,keyasint,omitempty"` // default 1m
}

// OnLost says what happens to a task whose node fell silent.
type OnLost string

// The choices for lost tasks.
const (
	LostReplace OnLost = "replace" // place it again elsewhere
	LostWait    OnLost = "wait"    // wait for the node to come back
	LostFail    OnLost = "fail"    // the task has failed
)

// Update bounds a rolling update of a service. At no time are fewer than
// MinHealthy replicas healthy through the update's own doing.
type Update struct {
	MaxSurge         int32    `json:"maxSurge,omitempty" cbor:"1,keyasint,omitempty"`         // replicas above Replicas during an update, default 1
	MinHealthy       int32    `json:"minHealthy,omitempty" cbor:"2,keyasint,omitempty"`       // default Replicas - 1, at least 1 when Replicas is 1 and MaxSurge > 0
	HealthyAfter     Duration `json:"healthyAfter,omitempty" cbor:"3,keyasint,omitempty"`     // how long a replica must be healthy to count, default 0
	ProgressDeadline Duration `json:"progressDeadline,omitempty" cbor:"4,keyasint,omitempty"` // without progress for so long the update rolls back, default 2m and the longest StartAfter
	Manual           bool     `json:"manual,omitempty" cbor:"5,keyasint,omitempty"`           // do not roll back by itself
}

// Overlap says what a schedule does while the run before is still going on.
type Overlap string

// The overlap policies.
const (
	OverlapAllow   Overlap = "allow"
	OverlapSkip    Overlap = "skip"
	OverlapReplace Overlap = "replace"
)

// Schedule runs a job at the times of a cron expression. A local time that a
// clock change skips fires at the first instant after the gap; one that is
// doubled fires once, at its first occurrence.
type Schedule struct {
	Cron    string  `json:"cron" cbor:"1,keyasint,omitempty"`           // five fields, or six with seconds first, or @hourly …
	Zone    string  `json:"zone,omitempty" cbor:"2,keyasint,omitempty"` // IANA name, default UTC
	Overlap Overlap `json:"overlap,omitempty" cbor:"3,keyasint,omitempty"`
	Keep    int32   `json:"keep,omitempty" cbor:"4,keyasint,omitempty"` // finished runs kept, default 10
}
