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

// stock is a room in one word: from below 21 bits of cpu, 22 of memory and 15 of
// devices, and above each of them a bit that is set in what is free. So one subtraction
// compares all. More than fits into the bits counts as the most that does, less than
// nothing as nothing: who asks for more than that must look closer.
type stock uint64

const (
	stockMemory                                     = 22               // where the memory begins
	stockDevices                                    = stockMemory + 23 // and the devices
	mostStockCPU, mostStockMemory, mostStockDevices = 1<<21 - 1, 1<<22 - 1, 1<<15 - 1

	stockGuards stock = 1<<(stockMemory-1) | 1<<(stockDevices-1) | 1<<(stockDevices+15)
)

// stock is what a request for a room is compared with, or with the guards what is free.
func (r room) stock() stock {
	part := func(v int32, most int32) stock { return stock(min(max(v, 0), most)) }
	return part(r.cpu, mostStockCPU) | part(r.memory, mostStockMemory)<<stockMemory | part(r.devices, mostStockDevices)<<stockDevices
}

// holds reports whether there is as much of everything as is needed.
func (s stock) holds(need stock) bool { return (s-need)&stockGuards == stockGuards }

// devices is that part, for comparisons.
func (s stock) devices() stock { return s &^ stockGuards >> stockDevices }
