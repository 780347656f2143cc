package sched

import (
	"encoding/binary"
	"math/bits"
)

// sketch is the levels of blockSize nodes side by side, or of as many blocks of
// nodes, so that eight are compared at once: all stand in two cache lines.
type sketch struct{ cpu, memory, devices [blockSize]uint8 }

func (k *sketch) set(i int, l levels) {
	k.cpu[i], k.memory[i], k.devices[i] = l.cpu, l.memory, l.devices
}

func (k *sketch) insert(i int, l levels) {
	copy(k.cpu[i+1:], k.cpu[i:])
	copy(k.memory[i+1:], k.memory[i:])
	copy(k.devices[i+1:], k.devices[i:])
	k.set(i, l)
}

func (k *sketch) remove(i int) {
	copy(k.cpu[i:], k.cpu[i+1:])
	copy(k.memory[i:], k.memory[i+1:])
	copy(k.devices[i:], k.devices[i+1:])
}

// sum is what the first n of its nodes have room for, and their highest levels.
func (k *sketch) sum(n int) (some rooms, most levels) {
	for i := range n {
		l := levels{k.cpu[i], k.memory[i], k.devices[i]}
		some, most = some|l.rooms(), most.or(l)
	}
	return some, most
}

// wide is levels repeated in each byte.
type wide struct{ cpu, memory, devices uint64 }

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

func (l *levels) wide() wide {
	return wide{uint64(l.cpu) * ones, uint64(l.memory) * ones, uint64(l.devices) * ones}
}

// next is the first from i on that has no lower level than is asked for; blockSize
// when there is none. What stands behind the last node counts as well: the caller
// knows where that is.
func (k *sketch) next(i int, l *wide) int {
	passed := ^uint64(0) << (i & 7 * 8)
	for i &^= 7; i < blockSize; i += 8 {
		// A byte with its highest bit set, from which one without is taken, borrows
		// nothing from the next; it keeps that bit when the rest of it is no less.
		enough := ((eight(&k.cpu, i) | highs) - l.cpu) & ((eight(&k.memory, i) | highs) - l.memory) & highs & passed
		if l.devices > 0 {
			enough &= (eight(&k.devices, i) | highs) - l.devices
		}
		if enough != 0 {
			return i + bits.TrailingZeros64(enough)/8
		}
		passed = ^uint64(0)
	}
	return blockSize
}

func eight(of *[blockSize]uint8, i int) uint64 { return binary.LittleEndian.Uint64(of[i : i+8]) }
