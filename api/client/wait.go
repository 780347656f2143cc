package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"drover.dev/api"
)

// fewReads is up to how many workloads are read one by one.
const fewReads = 16

// WaitFinished waits until every one of the workloads has finished, and returns
// them in the same order. One watch serves all of them. Services and systems
// finish only when they are cancelled, schedules never.
func (c *Client) WaitFinished(ctx context.Context, workloads ...string) ([]api.WorkloadView, error) {
	return c.WaitProgress(ctx, workloads, func(int) {})
}

// WaitProgress is WaitFinished that calls progress with the number of workloads
// that have finished, as it grows.
func (c *Client) WaitProgress(ctx context.Context, workloads []string, progress func(finished int)) ([]api.WorkloadView, error) {
	w := waiter{c: c, found: make(map[string]api.WorkloadView, len(workloads)), progress: progress}
	for _, name := range workloads {
		w.open(name)
	}
	for {
		seq, err := w.read(ctx)
		if err != nil {
			return nil, fmt.Errorf("wait for %d workloads: %w", len(workloads), err)
		}
		if len(w.pending) == 0 {
			break
		}
		if err := w.watch(ctx, seq); err != nil && !errors.Is(err, ErrGap) {
			return nil, fmt.Errorf("wait for %d of %d workloads: %w", len(w.pending), len(workloads), err)
		}
	}
	out := make([]api.WorkloadView, len(workloads))
	for i, name := range workloads {
		out[i] = w.found[name]
	}
	return out, nil
}

// waiter waits for workloads. What a watch says is a hint: that they are
// finished is read.
type waiter struct {
	c       *Client
	pending []string                    // as the caller names them
	found   map[string]api.WorkloadView // finished or not

	progress func(finished int)
}

func (w *waiter) open(name string) {
	if _, known := w.found[name]; !known {
		w.found[name] = api.WorkloadView{}
		w.pending = append(w.pending, name)
	}
}

func finished(v *api.WorkloadView) bool {
	var s api.WorkloadStatus
	return s.UnmarshalText([]byte(v.Status)) == nil && s.Final()
}

// read looks at all pending workloads and keeps those that have not finished.
// It returns the sequence of the first look, from which to watch.
func (w *waiter) read(ctx context.Context) (seq uint64, err error) {
	seen := map[string]bool{}
	if len(w.pending) > fewReads {
		if seq, err = w.readPages(ctx, seen); err != nil {
			return 0, err
		}
	}
	var open []string
	for _, name := range w.pending {
		if !seen[name] {
			v, at, err := w.c.get(ctx, name)
			if err != nil {
				return 0, err
			}
			if seq == 0 {
				seq = at
			}
			w.found[name] = v
		}
		if v := w.found[name]; !finished(&v) {
			open = append(open, name)
		}
	}
	w.pending = open
	w.progress(len(w.found) - len(open))
	return seq, nil
}

// readPages finds the pending workloads in the list, the newest of each name.
func (w *waiter) readPages(ctx context.Context, seen map[string]bool) (first uint64, err error) {
	wanted := make(map[string]bool, len(w.pending))
	for _, name := range w.pending {
		wanted[name] = true
	}
	for after := ""; ; {
		page, seq, err := w.c.page(ctx, ListOptions{}.query(), after)
		if err != nil {
			return 0, err
		}
		if first == 0 {
			first = seq
		}
		for _, v := range page.Items {
			for _, name := range [...]string{v.Name, "~" + strconv.FormatUint(v.ID, 10)} {
				if wanted[name] && !seen[name] {
					w.found[name], seen[name] = v, true
				}
			}
		}
		if after = page.Next; after == "" || len(seen) == len(wanted) {
			return first, nil
		}
	}
}

// watch returns when each pending workload was seen to finish.
func (w *waiter) watch(ctx context.Context, from uint64) error {
	open := make(map[string]bool, len(w.pending))
	for _, name := range w.pending {
		open[w.found[name].Name] = true
	}
	for e, err := range w.c.Watch(ctx, WatchOptions{From: from, Types: []string{api.EventFinished}}) {
		if err != nil {
			return err
		}
		if !open[e.Workload] {
			continue
		}
		delete(open, e.Workload)
		if w.progress(len(w.found) - len(open)); len(open) == 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}
