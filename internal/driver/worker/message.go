package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Send says v, as JSON, and that nothing follows.
//
// A Unix socket that is closed with a byte unread resets the other end, which
// then loses what was said to it. So both sides read to the end, and Send marks
// it: a decoder alone may leave the last byte behind, depending on the length.
func Send(socket *os.File, v any) error {
	if err := json.NewEncoder(socket).Encode(v); err != nil {
		return err
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var shut error
	err = raw.Control(func(fd uintptr) { shut = unix.Shutdown(int(fd), unix.SHUT_WR) })
	return errors.Join(err, shut)
}

// Receive reads what Send says, of at most limit bytes. io.EOF means that the
// other side went away without a word.
func Receive(socket *os.File, limit int64, v any) error {
	b, err := io.ReadAll(io.LimitReader(socket, limit+1))
	switch {
	case err != nil:
		return err
	case len(b) == 0:
		return io.EOF
	case int64(len(b)) > limit:
		return fmt.Errorf("a message has more than %d bytes", limit)
	}
	return json.Unmarshal(b, v)
}
