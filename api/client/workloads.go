package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"drover.dev/api"
)

// maxBatchBytes keeps a batch below what a server takes.
const maxBatchBytes = 8 << 20

// Submit submits one workload. One of the same name is updated where its kind
// allows; else the error is a conflict.
func (c *Client) Submit(ctx context.Context, w *api.Workload) (api.Applied, error) {
	var a api.Applied
	k, err := newCall("POST", "workloads").withKey().json(w)
	if err == nil {
		_, err = c.do(ctx, k, &a)
	}
	if err != nil {
		return a, fmt.Errorf("submit %s: %w", w.Name, err)
	}
	return a, nil
}

// SubmitBatch submits many workloads with few requests. Each stands for itself:
// its item has the status that it would have had alone, and its faults. After
// an error the items so far are returned.
func (c *Client) SubmitBatch(ctx context.Context, list []*api.Workload) ([]api.BatchItem, error) {
	items := make([]api.BatchItem, 0, len(list))
	for len(items) < len(list) {
		body, n, err := encodeBatch(list[len(items):])
		if err != nil {
			return items, err
		}
		k := newCall("POST", "workloads").withKey()
		k.body = body
		k.header.Set("Content-Type", "application/json")
		var reply api.BatchReply
		if _, err := c.do(ctx, k, &reply); err != nil {
			return items, fmt.Errorf("submit %d workloads: %w", n, err)
		}
		if len(reply.Items) != n {
			return items, fmt.Errorf("submit %d workloads: the server answered for %d", n, len(reply.Items))
		}
		items = append(items, reply.Items...)
	}
	return items, nil
}

// encodeBatch writes as many workloads as fit into one request, at least one.
func encodeBatch(list []*api.Workload) (body []byte, n int, err error) {
	body = append(body, `{"workloads":[`...)
	for n < len(list) && n < api.MaxBatch {
		one, err := json.Marshal(list[n])
		if err != nil {
			return nil, 0, fmt.Errorf("write workload %s: %w", list[n].Name, err)
		}
		if n > 0 {
			if len(body)+len(one) > maxBatchBytes {
				break
			}
			body = append(body, ',')
		}
		body = append(body, one...)
		n++
	}
	return append(body, `]}`...), n, nil
}

// Plan says what would be decided now for each task of a workload, and changes
// nothing.
func (c *Client) Plan(ctx context.Context, w *api.Workload) (api.Plan, error) {
	var p api.Plan
	k, err := newCall("POST", "plan").json(w)
	if err == nil {
		_, err = c.do(ctx, k, &p)
	}
	if err != nil {
		return p, fmt.Errorf("plan %s: %w", w.Name, err)
	}
	return p, nil
}

// Get shows a workload with its specification. A workload is named by its name,
// or by its number as "~17".
func (c *Client) Get(ctx context.Context, workload string) (api.WorkloadView, error) {
	v, _, err := c.get(ctx, workload)
	return v, err
}

func (c *Client) get(ctx context.Context, workload string) (v api.WorkloadView, seq uint64, err error) {
	if seq, err = c.do(ctx, newCall("GET", "workloads", workload), &v); err != nil {
		err = fmt.Errorf("get workload %s: %w", workload, err)
	}
	return v, seq, err
}

// ListOptions pick workloads; the zero value picks all of the tenant.
type ListOptions struct {
	Kind       api.Kind
	Status     []string // any of these
	Prefix     string   // of the name
	Parent     uint64   // runs of this schedule
	AllTenants bool
}

func (o ListOptions) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("kind", string(o.Kind))
	set("status", strings.Join(o.Status, ","))
	set("prefix", o.Prefix)
	if o.Parent != 0 {
		set("parent", strconv.FormatUint(o.Parent, 10))
	}
	if o.AllTenants {
		set("allTenants", "true")
	}
	return q
}

// List yields workloads, the newest first, and reads further pages as needed.
// An error ends it.
func (c *Client) List(ctx context.Context, o ListOptions) iter.Seq2[api.WorkloadView, error] {
	return pages(func(after string) ([]api.WorkloadView, string, error) {
		page, _, err := c.page(ctx, o.query(), after)
		return page.Items, page.Next, err
	})
}

func (c *Client) page(ctx context.Context, q url.Values, after string) (page api.WorkloadPage, seq uint64, err error) {
	k := newCall("GET", "workloads")
	k.query = q
	setPage(k, after)
	if seq, err = c.do(ctx, k, &page); err != nil {
		err = fmt.Errorf("list workloads: %w", err)
	}
	return page, seq, err
}

func setPage(k *call, after string) {
	k.query.Set("limit", strconv.Itoa(api.MaxPage))
	if after != "" {
		k.query.Set("after", after)
	}
}

// pages yields the items of all pages.
func pages[T any](read func(after string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			items, next, err := read(after)
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

// Cancel ends a workload.
func (c *Client) Cancel(ctx context.Context, workload string) (api.Applied, error) {
	var a api.Applied
	if _, err := c.do(ctx, newCall("DELETE", "workloads", workload).withKey(), &a); err != nil {
		return a, fmt.Errorf("cancel %s: %w", workload, err)
	}
	return a, nil
}

// Suspend has a job, or elements of it, stand still for a while.
func (c *Client) Suspend(ctx context.Context, workload string, r api.SuspendRequest) (api.Applied, error) {
	return c.suspension(ctx, workload, "suspend", r)
}

// Resume lets what was suspended go on before its time.
func (c *Client) Resume(ctx context.Context, workload string, r api.ResumeRequest) (api.Applied, error) {
	return c.suspension(ctx, workload, "resume", r)
}

func (c *Client) suspension(ctx context.Context, workload, what string, r any) (api.Applied, error) {
	var a api.Applied
	k, err := newCall("POST", "workloads", workload, what).withKey().json(r)
	if err == nil {
		_, err = c.do(ctx, k, &a)
	}
	if err != nil {
		return a, fmt.Errorf("%s %s: %w", what, workload, err)
	}
	return a, nil
}

// Rollback gives a service an earlier revision again; 0 is the last one that
// was healthy before the present.
func (c *Client) Rollback(ctx context.Context, workload string, revision uint32) (api.Applied, error) {
	var a api.Applied
	k, err := newCall("POST", "workloads", workload, "rollback").withKey().json(api.RollbackRequest{Revision: revision})
	if err == nil {
		_, err = c.do(ctx, k, &a)
	}
	if err != nil {
		return a, fmt.Errorf("roll back %s: %w", workload, err)
	}
	return a, nil
}
