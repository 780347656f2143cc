package sched

import "testing"

// Where all that comes is placed at once, the queue is empty after each task: what
// holds its entries must not be made anew for each.
func TestSlabKeepsRoomForTheNext(t *testing.T) {
	var s slab
	one := func() { s.drop(s.put(&Item{}, nil)) }
	one()
	if n := testing.AllocsPerRun(100, one); n != 0 {
		t.Errorf("an entry that comes and goes takes %v allocations, want none", n)
	}
}

func TestSlabForgetsACrowd(t *testing.T) {
	var s slab
	var all []int32
	for range 3*slabSize + 1 {
		all = append(all, s.put(&Item{Try: 7}, nil))
	}
	for _, n := range all {
		s.drop(n)
	}
	if len(s.items) != 1 || len(s.owners) != 1 || s.used != 0 || cap(s.free) > slabSize {
		t.Errorf("of %d entries that are gone stay %d slabs, %d numbers, room for %d free ones", len(all), len(s.items), s.used, cap(s.free))
	}
	if n := s.put(&Item{Try: 8}, nil); n != 0 || s.whole(n).Try != 8 {
		t.Errorf("the next entry is number %d, %+v", n, s.whole(n))
	}
}
