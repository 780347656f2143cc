package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"drover.dev/api"
)

// LogOptions say what to read of the logs of a workload.
type LogOptions struct {
	Task   string // may be empty when there is one task only
	Index  uint32 // of the element
	Stream string // "stdout" (default) or "stderr"
	Offset int64  // where to begin, in bytes; negative counts from the end
	Follow bool   // go on until the element ends, with its next attempts, too
}

// Logs yields the parts of an element's log as they come, from the node where
// it ran last. It connects again by itself and goes on where it was.
func (c *Client) Logs(ctx context.Context, workload string, o LogOptions) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		k := newCall("GET", "workloads", workload, "logs")
		o.fill(k)
		err := c.stream(ctx, k, func(e event) (more bool, err error) {
			switch e.name {
			case "log":
				var chunk api.LogChunk
				if err := json.Unmarshal([]byte(e.data), &chunk); err != nil {
					return false, fmt.Errorf("read a part of the log: %w", err)
				}
				return yield(chunk.Data, nil), nil
			case "end":
				return false, nil
			case "error":
				return false, problemEvent(e.data)
			}
			return true, nil // of a later version
		})
		if err != nil {
			yield(nil, fmt.Errorf("read the log of %s: %w", workload, err))
		}
	}
}

func (o *LogOptions) fill(k *call) {
	if o.Task != "" {
		k.query.Set("task", o.Task)
	}
	if o.Stream != "" {
		k.query.Set("stream", o.Stream)
	}
	if o.Offset != 0 {
		k.query.Set("offset", strconv.FormatInt(o.Offset, 10))
	}
	k.query.Set("index", strconv.FormatUint(uint64(o.Index), 10))
	k.query.Set("follow", strconv.FormatBool(o.Follow))
}
