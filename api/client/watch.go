package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"drover.dev/api"
)

// ErrGap says that changes were missed, because the watcher was away for long
// or too slow: read again what matters and watch from there.
var ErrGap = errors.New("changes were missed: read again and watch from there")

// WatchOptions pick changes; the zero value picks all from now on.
type WatchOptions struct {
	From     uint64 // changes after this sequence; 0 is from now on
	Workload string // of this workload
	Node     string // of this node
	Types    []string
}

// Watch yields what changes in the tenant, and on nodes, until ctx ends or an
// error, such as ErrGap, ends it. It connects again by itself and misses
// nothing in between.
func (c *Client) Watch(ctx context.Context, o WatchOptions) iter.Seq2[api.WatchEvent, error] {
	return func(yield func(api.WatchEvent, error) bool) {
		k := newCall("GET", "watch")
		o.fill(k)
		if o.From == 0 {
			seq, err := c.now(ctx)
			if err != nil {
				yield(api.WatchEvent{}, err)
				return
			}
			k.query.Set("from", strconv.FormatUint(seq, 10))
		}
		err := c.stream(ctx, k, func(e event) (bool, error) { return c.takeChange(e, yield) })
		if err != nil {
			yield(api.WatchEvent{}, fmt.Errorf("watch: %w", err))
		}
	}
}

func (o *WatchOptions) fill(k *call) {
	for name, value := range map[string]string{"workload": o.Workload, "node": o.Node, "types": strings.Join(o.Types, ",")} {
		if value != "" {
			k.query.Set(name, value)
		}
	}
	if o.From > 0 {
		k.query.Set("from", strconv.FormatUint(o.From, 10))
	}
}

// now is the sequence that the server stands at.
func (c *Client) now(ctx context.Context) (uint64, error) {
	s, err := c.Status(ctx)
	return s.Seq, err
}

func (c *Client) takeChange(e event, yield func(api.WatchEvent, error) bool) (more bool, err error) {
	switch e.name {
	case "change":
		var w api.WatchEvent
		if err := json.Unmarshal([]byte(e.data), &w); err != nil {
			return false, fmt.Errorf("read a change: %w", err)
		}
		if w.Tenant != "" && w.Tenant != c.config.Tenant {
			return true, nil
		}
		return yield(w, nil), nil
	case "gap":
		return false, ErrGap
	case "error":
		return false, problemEvent(e.data)
	}
	return true, nil // of a later version
}
