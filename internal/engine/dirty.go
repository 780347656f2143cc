package engine

import "slices"

// dirtySet collects numbers of workloads and gives them back in order.
type dirtySet struct {
	list []uint64
	in   map[uint64]bool
}

func (d *dirtySet) add(id uint64) {
	if d.in == nil {
		d.in = map[uint64]bool{}
	}
	if !d.in[id] {
		d.in[id] = true
		d.list = append(d.list, id)
	}
}

func (d *dirtySet) addAll(ids []uint64) {
	for _, id := range ids {
		d.add(id)
	}
}

// take returns what was collected, in order, and begins anew.
func (d *dirtySet) take() []uint64 {
	out := d.list
	slices.Sort(out)
	d.list = nil
	clear(d.in)
	return out
}

func insertSorted(list []uint64, id uint64) []uint64 {
	at, found := slices.BinarySearch(list, id)
	if found {
		return list
	}
	return slices.Insert(list, at, id)
}

func removeSorted(list []uint64, id uint64) []uint64 {
	if at, found := slices.BinarySearch(list, id); found {
		return slices.Delete(list, at, at+1)
	}
	return list
}
