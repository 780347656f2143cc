package driver

import "time"

// Reason says why a task ended, where its own code does not tell.
type Reason string

// The reasons. Any but None means that the task failed, whatever its code.
const (
	None        Reason = ""              // it ended by itself: see Code and Signal
	OutOfMemory Reason = "out of memory" // it needed more than Limits.Memory
	Timeout     Reason = "timeout"       // it ran longer than Limits.Wall
	OutputLimit Reason = "output limit"  // it wrote more than Limits.Output
	VolumeFull  Reason = "volume full"   // it wrote more than the Size of a Mount
	// ProcessLimit is given only where the machine cannot refuse a new
	// process and the tree had to be killed instead.
	ProcessLimit Reason = "process limit"
	Stopped      Reason = "stopped"      // Stop was called
	StartFailed  Reason = "start failed" // its command or module could not be run
	Lost         Reason = "lost"         // its worker died and nobody knows more
)

// Exit is how a task ended.
type Exit struct {
	Code   int    `json:"code"`             // exit code, -1 when there is none
	Signal string `json:"signal,omitempty"` // of the signal that ended it, such as SIGKILL
	Reason Reason `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"` // for people; at most about 1 KiB

	Started int64         `json:"started"`          // unix nanoseconds, by the node's clock
	Ended   int64         `json:"ended"`            // unix nanoseconds, by the node's clock
	Wall    time.Duration `json:"wall"`             // monotonic time from start to end
	CPU     time.Duration `json:"cpu"`              // of the whole tree
	MaxRSS  int64         `json:"maxRSS,omitempty"` // bytes, of the largest process of the tree

	DroppedLog int64 `json:"droppedLog,omitempty"` // bytes of both streams that were not kept
}

// OK says whether the task did what it should.
func (e Exit) OK() bool { return e.Reason == None && e.Code == 0 && e.Signal == "" }
