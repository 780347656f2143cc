package api

// Resize has what the tasks of a workload ask for follow what their runs use: the next
// attempts ask for more or less CPU and memory than the file says, within limits. What
// the file does not ask for is not asked for, and nothing that runs is disturbed.
type Resize struct {
	Mode string `json:"mode" cbor:"1,keyasint,omitempty"` // "auto", the default
	// Min and Max bound the CPU and the memory of every task; what they leave out is an
	// eighth of, and four times, what the task asks for in the file.
	Min *Resources `json:"min,omitempty" cbor:"2,keyasint,omitempty"`
	Max *Resources `json:"max,omitempty" cbor:"3,keyasint,omitempty"`
}

// ResizeAuto is the mode of a Resize: what is recommended is applied.
const ResizeAuto = "auto"

// The limits of a Resize that gives none: parts and times of what a task asks for.
const (
	resizeDown = 8
	resizeUp   = 4
)

// Bounds brings CPU and memory within the limits of a task that asks for asked in the
// file. What the file does not ask for stays 0.
func (r *Resize) Bounds(asked *Resources, cpu Milli, memory Bytes) (Milli, Bytes) {
	low, high := r.limits(asked)
	if asked.CPU == 0 {
		cpu = 0
	}
	if asked.Memory == 0 {
		memory = 0
	}
	return min(max(cpu, low.CPU), high.CPU), min(max(memory, low.Memory), high.Memory)
}

func (r *Resize) limits(asked *Resources) (low, high Resources) {
	low = Resources{CPU: (asked.CPU + resizeDown - 1) / resizeDown, Memory: (asked.Memory + resizeDown - 1) / resizeDown}
	high = Resources{CPU: min(asked.CPU*resizeUp, MaxCPU), Memory: min(asked.Memory*resizeUp, MaxMemory)}
	if r.Min != nil {
		bound(&low.CPU, asked.CPU, r.Min.CPU)
		bound(&low.Memory, asked.Memory, r.Min.Memory)
	}
	if r.Max != nil {
		bound(&high.CPU, asked.CPU, r.Max.CPU)
		bound(&high.Memory, asked.Memory, r.Max.Memory)
	}
	return low, high
}

// bound takes a limit over where one is given of something that is asked for.
func bound[T ~int64](limit *T, asked, given T) {
	if asked > 0 && given > 0 {
		*limit = given
	}
}

// Sound reports whether a Resize can be followed for every task of a workload.
func (r *Resize) Sound(w *Workload) bool {
	if r.Mode != ResizeAuto {
		return false
	}
	for i := range w.Tasks {
		a := &w.Tasks[i].Resources
		low, high := r.limits(a)
		if low.CPU > a.CPU || high.CPU < a.CPU || low.Memory > a.Memory || high.Memory < a.Memory || high.CPU > MaxCPU || high.Memory > MaxMemory {
			return false
		}
	}
	return true
}

func (c *checker) resize(w *Workload) {
	if w.Resize == nil {
		return
	}
	c.enter("resize")
	defer c.leave()
	oneOf(c, "mode", w.Resize.Mode, ResizeAuto)
	c.resizeLimit(w, "min", w.Resize.Min, func(limit, asked int64) bool { return limit > asked }, "above")
	c.resizeLimit(w, "max", w.Resize.Max, func(limit, asked int64) bool { return limit < asked }, "below")
}

// resizeLimit checks one limit: in range, and on the right side of what tasks ask for.
func (c *checker) resizeLimit(w *Workload, field string, r *Resources, wrong func(limit, asked int64) bool, side string) {
	if r == nil {
		return
	}
	c.enter(field)
	defer c.leave()
	within(c, "cpu", r.CPU, 0, MaxCPU)
	within(c, "memory", r.Memory, 0, MaxMemory)
	c.misfit(r.Storage != 0 || r.Bandwidth != 0 || len(r.Accelerators) > 0, "", "only cpu and memory follow what is used")
	for i := range w.Tasks {
		a := &w.Tasks[i].Resources
		if r.CPU > 0 && a.CPU > 0 && wrong(int64(r.CPU), int64(a.CPU)) {
			c.fault("cpu", "is %v, %s the %v that task %s asks for", r.CPU, side, a.CPU, quote(w.Tasks[i].Name))
			return
		}
		if r.Memory > 0 && a.Memory > 0 && wrong(int64(r.Memory), int64(a.Memory)) {
			c.fault("memory", "is %v, %s the %v that task %s asks for", r.Memory, side, a.Memory, quote(w.Tasks[i].Name))
			return
		}
	}
}

// size bounds what a Resize takes in the journal, in bytes.
func (r *Resize) size() int {
	n := 4 + str(r.Mode)
	for _, l := range [...]*Resources{r.Min, r.Max} {
		if l != nil {
			n += 2 + l.size()
		}
	}
	return n
}

// SizeView shows what the next attempts of a task ask for, and why it is not what the
// file says.
type SizeView struct {
	Task   string  `json:"task"`
	CPU    Milli   `json:"cpu"`
	Memory Bytes   `json:"memory"`
	Asked  Request `json:"asked"` // by the file
	From   Request `json:"from"`  // before the last change
	Since  Time    `json:"since"`
	Used   Request `json:"used"`             // CPU that 95 % of the time is not exceeded, and the largest memory
	N      uint64  `json:"n"`                // measurements that it rests on; 0: a run was killed
	Killed Bytes   `json:"killed,omitempty"` // the most memory at which a run was killed for it
	Reason string  `json:"reason"`           // all of it in a sentence
}

// Request is the CPU and the memory that a task asks for, or uses.
type Request struct {
	CPU    Milli `json:"cpu"`
	Memory Bytes `json:"memory"`
}
