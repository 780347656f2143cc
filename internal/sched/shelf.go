package sched

// shelf says of which of cpu and memory a node has little left: those that have little
// of either are many, and of no use to who asks for more.
type shelf uint8

const (
	littleCPU shelf = 1 << iota
	littleMemory
)

// little is how many parts of a node are little, see node.parts: 3.2 % of its cpu or of
// its memory.
const little = 16

// shelfOf is where a node stands of which so many parts are left.
func shelfOf(cpu, memory int32) (s shelf) {
	if cpu < little {
		s |= littleCPU
	}
	if memory < little {
		s |= littleMemory
	}
	return s
}

// mayStandOn reports whether nodes on a shelf may have room for a task.
func (c *passingClass) mayStandOn(s shelf) bool {
	return s&^shelfOf(c.wholeCPU-int32(c.cpu), c.wholeMemory-int32(c.memory)) == 0
}

// shelves is what a search keeps to where classes are large. The fullest come first.
func (s *scorer) shelves(p *passing) (q subset) {
	if s.view.load != fullest || p.n <= p.classes*s.x.large {
		return q
	}
	q.division, q.room = s.x.division(byRoom, fullest), true
	q.ids = append(s.x.numbers[:0], int32(littleCPU|littleMemory), int32(littleCPU), int32(littleMemory), 0)
	s.x.numbers = q.ids
	return q
}

// largeClass is how many nodes a class has, on average, that is divided by room.
const largeClass = 256
