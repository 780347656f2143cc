package agent

import (
	"errors"
	"io"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// maxLogChunk bounds what one log request gets, in bytes.
const maxLogChunk = 256 << 10

// logs answers one log request: logs stay on the node, and whoever follows asks
// again from Next until Final.
func (n *node) logs(q *api.LogRequest) api.LogChunk {
	stream := driver.Stream(q.Stream)
	if stream != driver.Stdout && stream != driver.Stderr {
		return api.LogChunk{Error: `the stream must be "stdout" or "stderr"`}
	}
	live := n.live(q.Attempt) // asked first, so that Final is not said too early
	dir, err := n.logDir(q.Attempt)
	if err != nil {
		return api.LogChunk{Offset: q.Offset, Next: q.Offset, Final: !live, Error: n.noLogs(live)}
	}
	offset := q.Offset
	if offset < 0 {
		offset = max(logEnd(dir, stream)+offset, 0)
	}
	size := q.Limit
	if size <= 0 || size > maxLogChunk {
		size = maxLogChunk
	}
	buf := make([]byte, size)
	got, from, err := driver.ReadLog(dir, stream, offset, buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return api.LogChunk{Offset: offset, Next: offset, Error: "the log cannot be read on its node: " + err.Error()}
	}
	if now, err := n.logDir(q.Attempt); got == 0 && err == nil && now != dir {
		return n.logs(q) // it was moved meanwhile; it is moved only once
	}
	chunk := api.LogChunk{Data: buf[:got], Offset: from, Next: from + int64(got)}
	chunk.Final = !live && atEnd(dir, stream, chunk.Next)
	return chunk
}

func (n *node) noLogs(live bool) string {
	if live {
		return "" // it has not begun
	}
	return "node " + n.self.Name + " does not hold this attempt's logs any more"
}

func atEnd(dir string, s driver.Stream, offset int64) bool {
	_, _, err := driver.ReadLog(dir, s, offset, make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// logEnd is the offset behind the last byte that is there now. Only what is kept
// need be read for it, which is bounded.
func logEnd(dir string, s driver.Stream) (end int64) {
	buf := make([]byte, maxLogChunk)
	for {
		n, from, err := driver.ReadLog(dir, s, end, buf)
		if n == 0 || err != nil {
			return end
		}
		end = from + int64(n)
	}
}
