package wasm

import (
	"math"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// memory allocates the linear memory of a guest. It reserves address space up
// to the limit and makes it usable as the guest grows, so that growing copies
// nothing and none of it is on Go's heap. It remembers what it refused: that
// tells a guest out of memory from one that failed otherwise.
type memory struct {
	limit   uint64 // bytes
	refused atomic.Bool
}

var _ experimental.MemoryAllocator = (*memory)(nil)

// Allocate implements experimental.MemoryAllocator.
func (m *memory) Allocate(_, most uint64) experimental.LinearMemory {
	return &linear{of: m, reserved: reserve(min(most, m.limit, math.MaxInt/2))}
}

// reserve takes as much address space as there is, up to size; little of it
// is left on 32-bit machines. Nothing at all refuses every growth.
func reserve(size uint64) []byte {
	for ; size >= PageSize; size /= 2 {
		size -= size % PageSize
		b, err := unix.Mmap(-1, 0, int(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
		if err == nil {
			return b
		}
	}
	return nil
}

type linear struct {
	of       *memory
	reserved []byte
	size     uint64
}

// Reallocate implements experimental.LinearMemory; nil refuses.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.reserved)) {
		l.of.refused.Store(true)
		return nil
	}
	if size > l.size {
		if unix.Mprotect(l.reserved[l.size:size], unix.PROT_READ|unix.PROT_WRITE) != nil {
			l.of.refused.Store(true)
			return nil
		}
		l.size = size
	}
	return l.reserved[:size:size]
}

// Free implements experimental.LinearMemory.
func (l *linear) Free() {
	if l.reserved != nil {
		_ = unix.Munmap(l.reserved)
		l.reserved = nil
	}
}
