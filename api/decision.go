package api

import "strconv"

// Term is one summand of a score. Scores are quantised integers; what counts is
// only their order.
type Term struct {
	Name  string `json:"name" cbor:"1,keyasint,omitempty"`
	Value int64  `json:"value" cbor:"2,keyasint,omitempty"`
}

// Candidate is a node with its score; a higher score is better.
type Candidate struct {
	Node  string `json:"node" cbor:"1,keyasint,omitempty"`
	Score int64  `json:"score" cbor:"2,keyasint,omitempty"`
	Terms []Term `json:"terms,omitempty" cbor:"3,keyasint,omitempty"`
}

// ReasonCount says how many nodes failed first on a reason.
type ReasonCount struct {
	Reason string `json:"reason" cbor:"1,keyasint,omitempty"`
	Nodes  int32  `json:"nodes" cbor:"2,keyasint,omitempty"`
}

// Decision is why a task was placed where it was, or why it was not. It takes
// about 512 bytes at most: the chosen node and three runners-up.
type Decision struct {
	Strategy  string        `json:"strategy" cbor:"1,keyasint,omitempty"`
	Chosen    *Candidate    `json:"chosen,omitempty" cbor:"2,keyasint,omitempty"` // nil: refused
	RunnersUp []Candidate   `json:"runnersUp,omitempty" cbor:"3,keyasint,omitempty"`
	Reasons   []ReasonCount `json:"reasons,omitempty" cbor:"4,keyasint,omitempty"` // nodes that could not take it, by first failing reason
	Nodes     int32         `json:"nodes" cbor:"5,keyasint,omitempty"`             // nodes looked at
	At        Time          `json:"at" cbor:"6,keyasint,omitempty"`
	// The latency model's estimate for the chosen node: transfer of inputs,
	// wait, run, return of outputs.
	Transfer Duration `json:"transfer,omitempty" cbor:"7,keyasint,omitempty"`
	Wait     Duration `json:"wait,omitempty" cbor:"8,keyasint,omitempty"`
	Run      Duration `json:"run,omitempty" cbor:"9,keyasint,omitempty"`
	Return   Duration `json:"return,omitempty" cbor:"10,keyasint,omitempty"`
	// Plan is the number of the plan that chose the node, when a planner did.
	Plan uint64 `json:"plan,omitempty" cbor:"11,keyasint,omitempty"`
	// Speed is how fast the task runs on the chosen kind of machine, where runs on
	// several kinds are known. Run counts with it.
	Speed *MachineSpeed `json:"speed,omitempty" cbor:"12,keyasint,omitempty"`
	// Stage is that of the change of strategy under which it was decided: StageShadow,
	// StageCanary or StageControl.
	Stage string `json:"stage,omitempty" cbor:"13,keyasint,omitempty"`
	// Timing is why the task starts now, of a strategy by which it might wait.
	Timing string `json:"timing,omitempty" cbor:"14,keyasint,omitempty"`
	// Moved is why the task left the node that it ran on before, when it was moved.
	Moved string `json:"moved,omitempty" cbor:"15,keyasint,omitempty"`
}

// MaxMachines is how many kinds of machines are told apart in the history of a task.
const MaxMachines = 6

// MaxMachine is the length of a kind's name, in bytes.
const MaxMachine = 48

// LabelCPU is the label of a node that names its kind of processor, for tasks without
// accelerators. With them the kind is that of the accelerator: "gpu a100".
const LabelCPU = "drover.dev/cpu"

// MachineSpeed says how fast earlier runs of a task were on one kind of machine,
// compared with another; differences in the Speed of the nodes are not part of it. A
// difference that few runs show is taken for smaller than it looks.
type MachineSpeed struct {
	Machine string `json:"machine" cbor:"1,keyasint,omitempty"` // "" is any without a name
	Factor  Milli  `json:"factor" cbor:"2,keyasint,omitempty"`  // 2000 is twice as fast
	Runs    int32  `json:"runs" cbor:"3,keyasint,omitempty"`    // on this kind, of those remembered
	Than    string `json:"than,omitempty" cbor:"4,keyasint,omitempty"`
}

// String says it in words: "runs 2.9 times as fast on gpu a100 as on gpu t4, of 14
// runs".
func (v *MachineSpeed) String() string {
	tenths := (v.Factor + 50) / 100
	times := strconv.Itoa(int(tenths/10)) + "." + strconv.Itoa(int(tenths%10))
	if v.Factor < 1000 {
		hundredths := int((v.Factor + 5) / 10)
		times = strconv.FormatFloat(float64(hundredths)/100, 'f', 2, 64)
	}
	runs := " runs"
	if v.Runs == 1 {
		runs = " run"
	}
	return "runs " + times + " times as fast " + machineText(v.Machine) + " as " + machineText(v.Than) + ", of " + strconv.Itoa(int(v.Runs)) + runs
}

func machineText(name string) string {
	if name == "" {
		return "elsewhere"
	}
	return "on " + name
}

// Suggestion is a smallest single change that would admit a pending task now.
type Suggestion struct {
	Change string `json:"change"`       // for example "request 2Gi less memory"
	Nodes  int32  `json:"nodes"`        // nodes that would then fit
	At     Time   `json:"at,omitempty"` // when it is expected to fit without any other change; 0: now
}

// Class is what kind of work a task is.
type Class string

// The classes.
const (
	ClassLatency  Class = "latency-critical"
	ClassCompute  Class = "compute-heavy"
	ClassData     Class = "data-heavy"
	ClassPeriodic Class = "periodic"
	ClassBest     Class = "best-effort"
)

// Profile is what analysis learnt about a task.
type Profile struct {
	Class      Class    `json:"class" cbor:"1,keyasint,omitempty"`
	Run        Duration `json:"run" cbor:"2,keyasint,omitempty"`            // median of the predicted run time on the reference node
	RunLow     Duration `json:"runLow" cbor:"3,keyasint,omitempty"`         // 10 % quantile
	RunHigh    Duration `json:"runHigh" cbor:"4,keyasint,omitempty"`        // 90 % quantile
	Samples    int32    `json:"samples" cbor:"5,keyasint,omitempty"`        // earlier runs it rests on; 0: guessed from the spec
	BytesIn    Bytes    `json:"bytesIn" cbor:"6,keyasint,omitempty"`        // known and expected input
	BytesOut   Bytes    `json:"bytesOut" cbor:"7,keyasint,omitempty"`       // expected output
	Technology string   `json:"technology" cbor:"8,keyasint,omitempty"`     // recommended, for example "edge, wasm-first"
	Strategy   string   `json:"strategy" cbor:"9,keyasint,omitempty"`       // recommended
	Why        []string `json:"why,omitempty" cbor:"10,keyasint,omitempty"` // reasons of the recommendation
	// Speeds compares the kinds of machines that earlier runs were on, when there is
	// more than one. The first is the one that Run, RunLow and RunHigh are of.
	Speeds []MachineSpeed `json:"speeds,omitempty" cbor:"11,keyasint,omitempty"`
}
