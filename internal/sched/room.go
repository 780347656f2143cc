package sched

import (
	"math"

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

// rooms says which of 8 times 8 amounts of cpu and memory together are free. Those
// of several nodes of one size can be put together without loss: that one has much
// cpu and another much memory does not look as if one had both.
type rooms uint64

// steps are the amounts, in 64ths of a whole node.
var steps = [8]int64{0, 1, 2, 4, 8, 16, 24, 32}

// level is how many of the steps are free.
func level(free, whole int64) (n int) {
	if free < 0 {
		return 0
	}
	for n = 1; n < len(steps) && free >= (whole*steps[n]+63)/64; n++ {
	}
	return n
}

// roomsIn are the amounts that a node has free.
func roomsIn(free, whole *api.Resources) rooms {
	cpu := level(int64(free.CPU), int64(whole.CPU))
	memory := level(int64(free.Memory), int64(whole.Memory))
	column := uint64(1)<<memory - 1
	return rooms(column * 0x0101010101010101 & (1<<(8*cpu) - 1))
}

// roomsOf is the largest of the amounts that are not more than a request.
func roomsOf(r, whole *api.Resources) rooms {
	cpu, memory := level(int64(r.CPU), int64(whole.CPU)), level(int64(r.Memory), int64(whole.Memory))
	return 1 << (8*max(cpu-1, 0) + max(memory-1, 0))
}
