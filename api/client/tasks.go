package client

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"drover.dev/api"
)

// TaskOptions pick elements of a workload; the zero value picks all.
type TaskOptions struct {
	Task   string   // name of a task
	Status []string // any of these
}

// Tasks yields the elements of a workload, in order.
func (c *Client) Tasks(ctx context.Context, workload string, o TaskOptions) iter.Seq2[api.TaskView, error] {
	return pages(func(after string) ([]api.TaskView, string, error) {
		k := newCall("GET", "workloads", workload, "tasks")
		setPage(k, after)
		if o.Task != "" {
			k.query.Set("task", o.Task)
		}
		if len(o.Status) > 0 {
			k.query.Set("status", strings.Join(o.Status, ","))
		}
		var page api.TaskPage
		if _, err := c.do(ctx, k, &page); err != nil {
			return nil, "", fmt.Errorf("list tasks of %s: %w", workload, err)
		}
		return page.Items, page.Next, nil
	})
}

// Task shows one element with its last decision.
func (c *Client) Task(ctx context.Context, workload, task string, index uint32) (api.TaskView, error) {
	var v api.TaskView
	k := newCall("GET", "workloads", workload, "tasks", task, strconv.FormatUint(uint64(index), 10))
	if _, err := c.do(ctx, k, &v); err != nil {
		return v, fmt.Errorf("get task %s[%d] of %s: %w", task, index, workload, err)
	}
	return v, nil
}

// Explain says why an element is where it is, or what would admit it.
func (c *Client) Explain(ctx context.Context, workload, task string, index uint32) (api.Explanation, error) {
	var x api.Explanation
	k := newCall("GET", "workloads", workload, "tasks", task, strconv.FormatUint(uint64(index), 10), "explain")
	if _, err := c.do(ctx, k, &x); err != nil {
		return x, fmt.Errorf("explain task %s[%d] of %s: %w", task, index, workload, err)
	}
	return x, nil
}

// Results yields what the ended elements of a workload left behind; task ""
// means every task.
func (c *Client) Results(ctx context.Context, workload, task string) iter.Seq2[api.TaskResult, error] {
	return pages(func(after string) ([]api.TaskResult, string, error) {
		k := newCall("GET", "workloads", workload, "results")
		setPage(k, after)
		if task != "" {
			k.query.Set("task", task)
		}
		var page api.ResultPage
		if _, err := c.do(ctx, k, &page); err != nil {
			return nil, "", fmt.Errorf("list results of %s: %w", workload, err)
		}
		return page.Items, page.Next, nil
	})
}
