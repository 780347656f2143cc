package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/live/httpapi"
)

// Bounds on reading logs of one node: who reads one that does not answer must not
// take the place of those who read others.
const (
	maxLogReaders = 32
	maxLogChunk   = 256 << 10
	logPatience   = 10 * time.Second // with a node that does not answer
)

// readers counts who waits for each node's log.
type readers struct {
	mu sync.Mutex
	of map[string]int
}

// enter lets one more reader in; false when the node has as many as it may have.
func (r *readers) enter(node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[node] >= maxLogReaders {
		return false
	}
	if r.of == nil {
		r.of = map[string]int{}
	}
	r.of[node]++
	return true
}

func (r *readers) leave(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[node]--; r.of[node] == 0 {
		delete(r.of, node)
	}
}

// Log implements httpapi.Cell.
func (c *Cell) Log(ctx context.Context, node string, req api.LogRequest) (api.LogChunk, error) {
	if !bus.ValidNode(node) {
		return api.LogChunk{}, fmt.Errorf("read a log: %q is not a node name", node)
	}
	if !c.readers.enter(node) {
		return api.LogChunk{}, fmt.Errorf("read a log: %w: %d others wait for node %s", &httpapi.BusyError{RetryAfter: retryPause}, maxLogReaders, node)
	}
	defer c.readers.leave(node)
	chunk, err := c.askLog(ctx, node, req)
	if err == nil {
		err = plausible(&req, &chunk)
	}
	if err != nil {
		return api.LogChunk{}, fmt.Errorf("read a log of node %s: %w", node, err)
	}
	return chunk, nil
}

func (c *Cell) askLog(ctx context.Context, node string, req api.LogRequest) (chunk api.LogChunk, err error) {
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	b, err := c.codec.enc.Marshal(&req)
	if err != nil {
		return chunk, err
	}
	m, err := c.agents.RequestWithContext(ctx, bus.NodeSubject(node, "log"), b)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return chunk, errors.New("it is not connected; logs stay on their node")
	case err != nil:
		return chunk, err
	}
	if text := m.Header.Get(errorHeader); text != "" {
		return chunk, fmt.Errorf("it answers: %.512s", text)
	}
	return chunk, c.codec.dec.Unmarshal(m.Data, &chunk)
}

// plausible holds a node's answer against the question: one that goes nowhere, or
// backwards, would make its reader ask for ever.
func plausible(req *api.LogRequest, c *api.LogChunk) error {
	size := int64(len(c.Data))
	switch {
	case size > maxLogChunk:
		return fmt.Errorf("it sent %d bytes, %d were asked for", size, req.Limit)
	case size == 0 && c.Next < req.Offset,
		size > 0 && (c.Offset < max(req.Offset, 0) || c.Next != c.Offset+size):
		return fmt.Errorf("it sent bytes %d to %d, those from %d on were asked for", c.Offset, c.Next, req.Offset)
	}
	return nil
}
