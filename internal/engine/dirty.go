package engine

import (
	"cmp"
	"slices"
)

// dirtySet collects what is to be looked at, and gives the smallest back first.
// So an engine that was rebuilt, which has everything in the set, looks at what
// matters in the same order as one that has only that.
type dirtySet[K cmp.Ordered] struct {
	heap []K
	in   map[K]struct{}
}

func (d *dirtySet[K]) len() int { return len(d.heap) }

func (d *dirtySet[K]) add(k K) {
	if d.in == nil {
		d.in = map[K]struct{}{}
	}
	if _, known := d.in[k]; known {
		return
	}
	d.in[k] = struct{}{}
	d.heap = append(d.heap, k)
	for i := len(d.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if d.heap[up] <= d.heap[i] {
			break
		}
		d.heap[up], d.heap[i] = d.heap[i], d.heap[up]
		i = up
	}
}

func (d *dirtySet[K]) addAll(list []K) {
	for _, k := range list {
		d.add(k)
	}
}

// take removes the smallest; the set must not be empty.
func (d *dirtySet[K]) take() K {
	k, last := d.heap[0], len(d.heap)-1
	delete(d.in, k)
	d.heap[0] = d.heap[last]
	d.heap = d.heap[:last]
	for i := 0; ; {
		small := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < last && d.heap[c] < d.heap[small] {
				small = c
			}
		}
		if small == i {
			return k
		}
		d.heap[i], d.heap[small] = d.heap[small], d.heap[i]
		i = small
	}
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
