package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// maxPending is how many bytes of a stream are gathered before they are sent.
const maxPending = 64 << 10

// sse writes server-sent events (WHATWG HTML, section 9.2). Events gather until
// flush: a busy stream costs one write for many events.
type sse struct {
	w       http.ResponseWriter
	c       *http.ResponseController
	timeout time.Duration
	buf     bytes.Buffer
}

// startSSE sends the head of a stream.
func (s *Server) startSSE(w http.ResponseWriter) *sse {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies hold streams back otherwise
	w.WriteHeader(http.StatusOK)
	return &sse{w: w, c: http.NewResponseController(w), timeout: s.opt.WriteTimeout}
}

// event adds one event; its data is JSON and so without line breaks.
func (e *sse) event(name, id string, data any) error {
	if id != "" {
		fmt.Fprintf(&e.buf, "id: %s\n", id)
	}
	fmt.Fprintf(&e.buf, "event: %s\ndata: ", name)
	if err := json.NewEncoder(&e.buf).Encode(data); err != nil {
		return fmt.Errorf("write event %s: %w", name, err)
	}
	e.buf.WriteByte('\n')
	if e.buf.Len() >= maxPending {
		return e.flush()
	}
	return nil
}

// comment adds a line that clients skip: it keeps the connection alive.
func (e *sse) comment(text string) { fmt.Fprintf(&e.buf, ": %s\n\n", text) }

// flush sends what has gathered, within the time limit.
func (e *sse) flush() error {
	_ = e.c.SetWriteDeadline(time.Now().Add(e.timeout))
	if _, err := e.w.Write(e.buf.Bytes()); err != nil {
		return err
	}
	e.buf.Reset()
	return e.c.Flush()
}
