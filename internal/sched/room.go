package sched

import (
	"math"
	"math/bits"

	"drover.dev/api"
)

// room is what is free, as far as a search looks at it first: memory in whole MiB,
// and nothing above what fits into 32 bits. What holds of it holds of a request
// that was rounded in the same way.
type room struct{ cpu, memory, devices int32 }

func roomOf(cpu api.Milli, memory api.Bytes, devices api.Milli) room {
	return room{narrow(int64(cpu)), narrow(int64(memory >> 20)), narrow(int64(devices))}
}

func narrow(v int64) int32 { return int32(min(max(v, math.MinInt32), math.MaxInt32)) }

func (r *room) holds(need *room) bool {
	return r.cpu >= need.cpu && r.memory >= need.memory && r.devices >= need.devices
}

// plain reports whether a request is for cpu and memory only, and such that nodes have
// room for it which have room for it as rounded.
func (a *Ask) plain() bool {
	r := &a.Task.Resources
	return len(r.Accelerators)+len(a.Task.Ports) == 0 && r.Storage == 0 && r.Bandwidth == 0 &&
		r.CPU < math.MaxInt32 && r.Memory>>20 < math.MaxInt32 && r.Memory&(1<<20-1) == 0
}

// devices is how many accelerators a request is for, all together.
func (a *Ask) devices() (sum api.Milli) {
	for i := range a.Task.Resources.Accelerators {
		sum += a.Task.Resources.Accelerators[i].Count
	}
	return sum
}

// wants is what a search for a request looks for among nodes like this one.
func (e *node) wants(a *Ask) wanted {
	r := &a.Task.Resources
	need, whole := roomOf(r.CPU, r.Memory, a.devices()), roomOf(e.Capacity.CPU, e.Capacity.Memory, 0)
	l := need.in(&whole)
	return wanted{need, l.wide(), l.needs()}
}

// rooms says which of 8 times 8 amounts of cpu and memory together are free. Those
// of several nodes of one size can be put together without loss: that one has much
// cpu and another much memory does not look as if one had both.
type rooms uint64

// levels is what is free on a node, or asked for, as parts of what nodes of its size
// have; devices as parts of eight. Who has room for a request has no lower levels.
type levels struct{ cpu, memory, devices uint8 }

// in says how much it is of a whole.
func (r *room) in(whole *room) levels {
	return levels{level(r.cpu, whole.cpu), level(r.memory, whole.memory), level(r.devices, 8000)}
}

// level is an amount as a part of a whole in 128 steps. Of 2048 parts the first 16
// are steps of their own, and each doubling from there has 16.
func level(v, whole int32) uint8 {
	if v <= 0 || whole <= 0 {
		return 0
	}
	parts := int64(min(v, whole)) * 2048 / int64(whole)
	if parts < 16 {
		return uint8(parts)
	}
	doublings := bits.Len64(uint64(parts)) - 5
	return uint8(min(int64(16*doublings)+parts>>doublings, 127))
}

// or is the higher of each.
func (l levels) or(m levels) levels {
	return levels{max(l.cpu, m.cpu), max(l.memory, m.memory), max(l.devices, m.devices)}
}

// eighth says which of 8 amounts a level is at least: none, or 1, 2, 4, 8, 16, 24 or
// 32 of 64 parts.
func eighth(l uint8) int {
	if l < 96 {
		return max(int(l)/16-1, 0)
	}
	return min(int(l)/8-7, 7)
}

// rooms are the amounts that are free.
func (l *levels) rooms() rooms {
	cpu, memory := eighth(l.cpu), eighth(l.memory)
	column := uint64(2)<<memory - 1
	return rooms(column * 0x0101010101010101 & (1<<(8*cpu+8) - 1))
}

// needs is the largest of the amounts that are not more than what is asked for.
func (l *levels) needs() rooms { return 1 << (8*eighth(l.cpu) + eighth(l.memory)) }
