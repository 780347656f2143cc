package wasm

import (
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
	l := &linear{of: m}
	// A failed reservation refuses every growth, the first one too.
	if size := min(most, m.limit); size > 0 {
		l.reserved, _ = unix.Mmap(-1, 0, int(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	}
	return l
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
