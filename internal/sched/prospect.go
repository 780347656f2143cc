package sched

// prospect is a spot with the most that one of its nodes can score.
type prospect struct {
	most, fixed int64
	spot        *passingSpot
}

// prospects is a heap of spots, the most promising first.
type prospects []prospect

// prospects lists the spots that a task's node may be of.
func (s *scorer) prospects(p *passing) prospects {
	list := prospects(s.x.prospects[:0])
	for i := range p.spots {
		at := &p.spots[i]
		if most := s.mostOf(at); most > nothing {
			fixed := s.fixed(at.spot)
			list = append(list, prospect{fixed + most, fixed, at})
		}
	}
	return list
}

// mostOf is what the parts of a score that are not fixed can be together. A node is
// never more than full.
func (s *scorer) mostOf(at *passingSpot) int64 {
	if s.view.load == fullest && !s.heeds {
		return s.view.weight*unit + s.view.bonus
	}
	most := int64(nothing)
	for i := range at.classes {
		most = max(most, s.most(&at.classes[i]))
	}
	return most
}

// fixed is the part of a score that is the same for all nodes of a spot.
func (s *scorer) fixed(at *spot) (sum int64) {
	for i := range s.terms {
		if w := &s.terms[i]; w.kind == ofSpot {
			sum += w.weight * w.value(s, &at.like)
		}
	}
	return sum
}

// most is mostOf for a class; nothing when it has no open node. A node on which more is
// taken than leaves room has none.
func (s *scorer) most(c *passingClass) int64 {
	if s.view.load != fullest {
		return s.mostIn(c, c.rack(s.view.load).first())
	}
	if top := s.highest(c); top > nowhere {
		return s.mostIn(c, int64(top))
	}
	return nothing
}

// mostIn is that where no key is higher than one.
func (s *scorer) mostIn(c *passingClass, key int64) int64 {
	if key == nothing {
		return nothing
	}
	return s.view.weight*key + s.view.packs*int64(c.packs) + s.view.bonus
}

// nothing is below every score.
const nothing = -1 << 62

func (l prospects) begin() {
	for i := len(l)/2 - 1; i >= 0; i-- {
		l.sink(i)
	}
}

// next drops the first.
func (l *prospects) next() {
	last := len(*l) - 1
	(*l)[0] = (*l)[last]
	*l = (*l)[:last]
	l.sink(0)
}

func (l prospects) sink(i int) {
	for {
		k := 2*i + 1
		if k+1 < len(l) && l[k+1].most > l[k].most {
			k++
		}
		if k >= len(l) || l[i].most >= l[k].most {
			return
		}
		l[i], l[k] = l[k], l[i]
		i = k
	}
}
