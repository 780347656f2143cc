package twin

import "drover.dev/api"

// Startup is how long a task of a driver takes besides its transfers and its run.
type Startup struct {
	// From the moment when all its inputs are there to its first instruction: Cold is the
	// first time that a node runs its program, or after it was evicted.
	Cold, Warm api.Duration
	// Report is from the end of its run, or from when its outputs are home, to when the
	// cell hears of that. It holds its room meanwhile.
	Report api.Duration
	// Stop is from the decision that it is to stop to when the cell hears that it has.
	Stop api.Duration
}

// Delay is something of a task that takes a node time, see [Startup].
type Delay struct {
	Kind         DelayKind
	Node, Driver string
	Cold         bool
}

// DelayKind is what takes the time.
type DelayKind uint8

// The kinds of delays.
const (
	DelayStart DelayKind = iota
	DelayReport
	DelayStop
)

// delay is how long it takes for an attempt.
func (w *World) delay(k DelayKind, a *attempt) api.Duration {
	if w.cfg.Delays != nil {
		return max(w.cfg.Delays(Delay{Kind: k, Node: w.nodes[a.node].node.Name, Driver: a.program.driver, Cold: a.cold}), 0)
	}
	s := w.cfg.Startup[a.program.driver]
	switch {
	case k == DelayReport:
		return s.Report
	case k == DelayStop:
		return s.Stop
	case a.cold:
		return s.Cold
	}
	return s.Warm
}

// program is what a node can have ready: an image, a module, an executable.
type program struct{ driver, code string }

// kept is a program on a node.
type kept struct {
	program
	size api.Bytes
}

// programs are those that a node has, the last used first.
type programs struct {
	list  []kept
	size  api.Bytes
	limit api.Bytes // 0 is none
}

// maxPrograms bounds what is remembered of one node.
const maxPrograms = 1024

func (p *programs) find(of program) int {
	for i := range p.list {
		if p.list[i].program == of {
			return i
		}
	}
	return -1
}

func (p *programs) has(of program) bool { return p.find(of) >= 0 }

// use notes that a program was run, and evicts those that were not for longest
// until all have room. The one in use stays.
func (p *programs) use(of program, size api.Bytes) {
	at := p.find(of)
	if at < 0 {
		at = len(p.list)
		p.list = append(p.list, kept{of, size})
		p.size += size
	}
	used := p.list[at]
	copy(p.list[1:at+1], p.list[:at])
	p.list[0] = used
	for len(p.list) > 1 && (len(p.list) > maxPrograms || p.limit > 0 && p.size > p.limit) {
		last := len(p.list) - 1
		p.size -= p.list[last].size
		p.list = p.list[:last]
	}
}
