package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// outcome is what became of one document.
type outcome struct {
	Kind     string           `json:"kind"`
	Name     string           `json:"name"`
	ID       uint64           `json:"id,omitempty"`
	Revision uint32           `json:"revision,omitempty"`
	Action   string           `json:"action"` // "created", "updated", "unchanged", "refused"
	Status   string           `json:"status,omitempty"`
	Errors   []api.FieldError `json:"errors,omitempty"`
	Warnings []api.FieldError `json:"warnings,omitempty"`

	doc  *document
	code int // of HTTP
}

func newApplyCmd(a *app) *cobra.Command {
	var files []string
	var wait bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Submit workloads and declare sites, strategies and tenants from files",
		Long: `Submit workloads and declare sites, strategies and tenants from files: YAML or JSON, several documents in
one file, directories, or - for standard input. Files that a workload names are
uploaded. Nothing is submitted when any document has a fault; docs/workload.md
describes every field.`,
		Example: `  drover apply -f job.yaml
  drover apply -f examples/manifests --wait`,
		Args: fileArgs,
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			docs, err := a.documents(files)
			if err != nil {
				return err
			}
			done, err := a.apply(cmd.Context(), c, docs)
			if err != nil {
				return err
			}
			if wait {
				if err := a.wait(cmd.Context(), c, docs, done); err != nil {
					return err
				}
			}
			if err := a.showOutcomes(done); err != nil {
				return err
			}
			return judge(done)
		}),
	}
	f := cmd.Flags()
	f.StringSliceVarP(&files, "file", "f", nil, "file, directory or -; may be repeated")
	f.BoolVar(&wait, "wait", false, "until jobs have finished and services are healthy")
	return cmd
}

// apply declares what is no workload, then submits the workloads, in the order of the
// documents.
func (a *app) apply(ctx context.Context, c *client.Client, docs []document) ([]outcome, error) {
	done := make([]outcome, len(docs))
	var workloads []*api.Workload
	var at []int
	uploaded := map[string]api.Stored{}
	for i := range docs {
		d := &docs[i]
		if d.Workload == nil {
			kind, name, err := declare(ctx, c, d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.place(), err)
			}
			done[i] = outcome{Kind: string(kind), Name: name, Action: "updated", doc: d}
			continue
		}
		if err := a.upload(ctx, c, d.Workload, d.dir, uploaded); err != nil {
			return nil, fmt.Errorf("%s: %w", d.place(), err)
		}
		workloads, at = append(workloads, d.Workload), append(at, i)
	}
	items, err := c.SubmitBatch(ctx, workloads)
	for i, item := range items {
		d := &docs[at[i]]
		done[at[i]] = outcome{
			Kind: string(d.Workload.Kind), Name: d.Workload.Name, ID: item.ID, Revision: item.Revision,
			Action: item.Action, Errors: item.Errors, Warnings: item.Warnings, doc: d, code: item.Status,
		}
		if item.Status >= http.StatusMultipleChoices {
			done[at[i]].Action = "refused"
		}
		a.warn(item.Warnings, d.located)
	}
	return done, err
}

// declare puts a document in force that is no workload.
func declare(ctx context.Context, c *client.Client, d *document) (kind api.Kind, name string, err error) {
	switch {
	case d.Site != nil:
		return api.KindSite, d.Site.Name, c.PutSite(ctx, *d.Site)
	case d.Strategy != nil:
		d.Strategy.Normalize()
		return api.KindStrategy, d.Strategy.Name, c.PutStrategy(ctx, *d.Strategy)
	}
	d.Tenant.Normalize()
	return api.KindTenant, d.Tenant.Name, c.PutTenant(ctx, *d.Tenant)
}

// waitingFor is how often a service that becomes healthy is looked at.
const waitingFor = 300 * time.Millisecond

// wait waits for jobs to finish and for services and systems to be healthy, and
// notes how they stand.
func (a *app) wait(ctx context.Context, c *client.Client, docs []document, done []outcome) error {
	ids := make(map[uint64]bool, len(done))
	for i := range done {
		ids[done[i].ID] = true
	}
	defer a.hintWhenWaiting(ctx, c, ids)()
	var jobs []string
	byName := map[string]*outcome{}
	for i := range done {
		w := docs[i].Workload
		switch {
		case w == nil || done[i].Action == "refused":
		case w.Kind == api.KindJob && w.Schedule == nil:
			ref := fmt.Sprintf("~%d", done[i].ID)
			jobs = append(jobs, ref)
			byName[ref] = &done[i]
		case w.Kind == api.KindService:
			if err := waitHealthy(ctx, c, &done[i]); err != nil {
				return err
			}
		}
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "finished", int64(len(jobs)), a.now)
	defer bar.Done("")
	views, err := c.WaitProgress(ctx, jobs, func(n int) { bar.Set(int64(n)) })
	for i, v := range views {
		byName[jobs[i]].Status = v.Status
	}
	return err
}

func waitHealthy(ctx context.Context, c *client.Client, o *outcome) error {
	for {
		v, err := c.Get(ctx, fmt.Sprintf("~%d", o.ID))
		if err != nil {
			return err
		}
		switch o.Status = v.Status; v.Status {
		case "running", "succeeded", "failed", "cancelled":
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(waitingFor):
		}
	}
}

func (a *app) showOutcomes(done []outcome) error {
	return a.show(done, func() error {
		for _, o := range done {
			text := fmt.Sprintf("%s/%s %s", o.Kind, o.Name, o.Action)
			if o.Status != "" {
				text += ", " + o.Status
			}
			a.say("%s", text)
		}
		return nil
	})
}

// judge is the error that the outcomes add up to.
func judge(done []outcome) error {
	var lines []string
	code, failed := exitConflict, 0
	for _, o := range done {
		for _, f := range o.Errors {
			lines = append(lines, o.doc.located(f))
		}
		if o.Action == "refused" && o.code != http.StatusConflict {
			code, _ = classifyStatus(o.code)
		}
		if o.Status == "failed" || o.Status == "cancelled" {
			failed++
		}
	}
	switch {
	case len(lines) > 0:
		return codeError{code, fmt.Sprintf("%d of %d documents were refused:\n%s", refusedOf(done), len(done), strings.Join(lines, "\n"))}
	case failed > 0:
		return codeError{exitFailed, fmt.Sprintf("%d of %d workloads did not succeed: drover show NAME says more", failed, len(done))}
	}
	return nil
}

func refusedOf(done []outcome) (n int) {
	for _, o := range done {
		if o.Action == "refused" {
			n++
		}
	}
	return n
}
