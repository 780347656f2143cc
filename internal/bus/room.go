package bus

import (
	"errors"
	"fmt"
)

// ErrNoRoom means that the disk is as good as full.
var ErrNoRoom = errors.New("no room on the disk")

// reserve is left free, in bytes: JetStream rewrites its indexes while it runs.
const reserve = 2 << 20

// Room returns ErrNoRoom if size more bytes would not fit on the store's disk.
// JetStream answers nothing at all when a write meets a full disk, and the stream
// then stays unusable until a restart; asking first (about 1 µs) turns that into
// a certain refusal.
func (s *Server) Room(size int) error {
	has, err := free(s.dir)
	if err != nil {
		return err
	}
	if uint64(max(size, 0))+reserve > has {
		return fmt.Errorf("%w of %s: %d bytes are free, %d are needed and %d kept back: free some space",
			ErrNoRoom, s.dir, has, size, reserve)
	}
	return nil
}
