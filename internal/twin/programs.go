package twin

import "drover.dev/api"

// Startup is how long a task of a driver takes from the moment when all its inputs
// are there to its first instruction.
type Startup struct {
	Cold api.Duration // the first time that a node runs its program, or after it was evicted
	Warm api.Duration
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
