package sched

import (
	"encoding/binary"
	"math/bits"
)

// sketch is the levels of the nodes of a block side by side, so that eight are
// compared at once: a block is looked through within two cache lines.
type sketch struct{ cpu, memory, devices [blockSize]uint8 }

func (k *sketch) insert(i int, s *slot) {
	copy(k.cpu[i+1:], k.cpu[i:])
	copy(k.memory[i+1:], k.memory[i:])
	copy(k.devices[i+1:], k.devices[i:])
	k.cpu[i], k.memory[i], k.devices[i] = s.levels.cpu, s.levels.memory, s.levels.devices
}

func (k *sketch) remove(i int) {
	copy(k.cpu[i:], k.cpu[i+1:])
	copy(k.memory[i:], k.memory[i+1:])
	copy(k.devices[i:], k.devices[i+1:])
}

// rooms is what the first n of its nodes have room for.
func (k *sketch) rooms(n int) (some rooms) {
	for i := range n {
		l := levels{cpu: k.cpu[i], memory: k.memory[i]}
		some |= l.rooms()
	}
	return some
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// next is the first node from i on that has no lower level than is asked for;
// blockSize or more when there is none. What stands behind the last node of a block
// counts as well: the caller knows where that is.
func (k *sketch) next(i int, l *levels) int {
	cpu, memory, devices := uint64(l.cpu)*ones, uint64(l.memory)*ones, uint64(l.devices)*ones
	skipped := ^uint64(0) << (i & 7 * 8)
	for i &^= 7; i < blockSize; i += 8 {
		// A byte of levels, all below 128, with its highest bit set does not borrow
		// from the next one, and keeps that bit when it is no less.
		enough := ((eight(&k.cpu, i) | highs) - cpu) & ((eight(&k.memory, i) | highs) - memory) & highs & skipped
		if l.devices > 0 {
			enough &= (eight(&k.devices, i) | highs) - devices
		}
		if enough != 0 {
			return i + bits.TrailingZeros64(enough)/8
		}
		skipped = ^uint64(0)
	}
	return blockSize
}

func eight(of *[blockSize]uint8, i int) uint64 { return binary.LittleEndian.Uint64(of[i : i+8]) }
