package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newLsCmd(a *app) *cobra.Command {
	var o client.ListOptions
	var limit int
	var kind string
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List workloads, the newest first",
		Example: `  drover ls
  drover ls --status running,pending -o wide`,
		Args: args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			o.Kind = api.Kind(kind)
			if err := checkLs(&o, limit); err != nil {
				return err
			}
			var views []api.WorkloadView
			for v, err := range c.List(cmd.Context(), o) {
				if err != nil {
					return err
				}
				if len(views) == limit {
					a.note("the newest %d are listed; --limit lists more", limit)
					break
				}
				views = append(views, v)
			}
			return a.show(list(views), func() error { return a.workloadTable(views, emptyLs(cmd.Flags())).Render(a.out, a.style()) })
		}),
	}
	a.readFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.Status, "status", nil, "only those in one of these statuses")
	f.StringVar(&kind, "kind", "", "only jobs, services or systems: job, service, system")
	f.StringVar(&o.Prefix, "prefix", "", "only those whose name begins so")
	f.Uint64Var(&o.Parent, "runs-of", 0, "only the runs of the schedule with this number")
	f.BoolVar(&o.AllTenants, "all-tenants", false, "of every tenant")
	f.IntVar(&limit, "limit", 100, "how many to list")
	completeFlag(cmd, "kind", "job", "service", "system")
	completeFlag(cmd, "status", listStatuses()...)
	return cmd
}

// emptyLs is what an empty list says: filters may be why it is empty.
func emptyLs(f *pflag.FlagSet) string {
	for _, name := range []string{"status", "kind", "prefix", "runs-of"} {
		if f.Changed(name) {
			return "No workload matches the filters; drover ls lists all."
		}
	}
	return "No workloads. Submit one with drover apply -f FILE or drover run."
}

// checkLs finds what no workload can match.
func checkLs(o *client.ListOptions, limit int) error {
	if limit < 1 {
		return usageError{fmt.Errorf("--limit %d: it is at least 1", limit), ""}
	}
	if kinds := []api.Kind{"", api.KindJob, api.KindService, api.KindSystem}; !slices.Contains(kinds, o.Kind) {
		return usageError{fmt.Errorf("--kind %q: it is job, service or system", o.Kind), ""}
	}
	for _, s := range o.Status {
		if !slices.Contains(listStatuses(), s) {
			return usageError{fmt.Errorf("--status %q: it is one of %s", s, strings.Join(listStatuses(), ", ")), ""}
		}
	}
	return nil
}

// listStatuses are the statuses that a list can be of.
func listStatuses() []string {
	return []string{"pending", "running", "updating", "degraded", "scheduled", "stopping", "succeeded", "failed", "cancelled"}
}

func (a *app) workloadTable(views []api.WorkloadView, empty string) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "ID", Right: true},
			{Title: "NAME", Both: true},
			{Title: "KIND"},
			{Title: "STATUS", Tone: report.StatusTone},
			{Title: "DONE", Right: true},
			{Title: "AGE"},
			{Title: "REASON"},
			{Title: "TENANT", Wide: true},
			{Title: "PRIORITY", Wide: true, Right: true},
			{Title: "REVISION", Wide: true, Right: true},
			{Title: "WAITING", Wide: true, Right: true},
			{Title: "PENDING", Wide: true, Right: true},
			{Title: "RUNNING", Wide: true, Right: true},
			{Title: "FAILED", Wide: true, Right: true},
		},
		Empty: empty,
	}
	for _, v := range views {
		t.Add(strconv.FormatUint(v.ID, 10), v.Name, kindOf(v), v.Status, doneOf(v), report.Ago(v.Submitted, a.time()), v.Reason,
			v.Tenant, itoa(v.Priority), strconv.FormatUint(uint64(v.Revision), 10),
			itoa(v.Counts.Waiting), itoa(v.Counts.Pending), itoa(v.Counts.Placed+v.Counts.Running), itoa(v.Counts.Failed))
	}
	return t
}

func kindOf(v api.WorkloadView) string {
	if v.NextRun != 0 || v.Status == api.WorkloadScheduled.String() {
		return "schedule"
	}
	return string(v.Kind)
}

// doneOf is how much of a workload is as it should be.
func doneOf(v api.WorkloadView) string {
	switch v.Kind {
	case api.KindService:
		return fmt.Sprintf("%d/%d", v.Healthy, v.Replicas)
	case api.KindSystem:
		return fmt.Sprintf("%d/%d", v.Healthy, v.Counts.Total())
	}
	return fmt.Sprintf("%d/%d", v.Counts.Succeeded, v.Counts.Total())
}

func itoa(n int32) string { return strconv.FormatInt(int64(n), 10) }
