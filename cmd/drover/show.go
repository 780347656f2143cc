package main

import (
	"context"
	"fmt"
	"strconv"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// shown is a workload with its elements.
type shown struct {
	Workload api.WorkloadView `json:"workload"`
	Tasks    []api.TaskView   `json:"tasks"`
}

func newShowCmd(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a workload and where its tasks stand",
		Long:  "Show a workload and where its tasks stand. NAME is a name, or a number as #17; -o yaml shows the specification.",
		Args:  args(1, 1, "the name of a workload"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, args []string) error {
			name, err := wholeArg(args[0])
			if err != nil {
				return err
			}
			s, more, err := load(cmd.Context(), c, name, limit)
			if err != nil {
				return err
			}
			return a.show(s, func() error { return a.showWorkload(s, more) })
		}),
	}
	a.readFlags(cmd).Flags().IntVar(&limit, "limit", 50, "how many tasks to show")
	return cmd
}

func load(ctx context.Context, c *client.Client, name string, limit int) (s shown, more bool, err error) {
	if s.Workload, err = c.Get(ctx, name); err != nil {
		return s, false, err
	}
	s.Tasks = []api.TaskView{}
	for t, err := range c.Tasks(ctx, name, client.TaskOptions{}) {
		if err != nil {
			return s, false, err
		}
		if len(s.Tasks) == limit {
			return s, true, nil
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s, false, nil
}

func (a *app) showWorkload(s shown, more bool) error {
	v := s.Workload
	pairs := []report.Pair{
		{Key: "Name", Value: v.Name, Tone: report.Strong},
		{Key: "Number", Value: strconv.FormatUint(v.ID, 10)},
		{Key: "Tenant", Value: v.Tenant},
		{Key: "Kind", Value: kindOf(v)},
		{Key: "Status", Value: v.Status, Tone: report.StatusTone(v.Status)},
		{Key: "Reason", Value: v.Reason},
		{Key: "Handed over", Value: handoverText(v.Handover)},
		{Key: "Came from", Value: originText(v.Origin)},
		{Key: "Priority", Value: itoa(v.Priority)},
		{Key: "Revision", Value: strconv.FormatUint(uint64(v.Revision), 10)},
		{Key: "Submitted", Value: report.Ago(v.Submitted, a.time())},
	}
	if v.Finished != 0 {
		pairs = append(pairs, report.Pair{Key: "Finished", Value: fmt.Sprintf("%s, after %s", report.Ago(v.Finished, a.time()), report.Duration(v.Finished.Sub(v.Submitted)))})
	}
	if v.NextRun != 0 {
		pairs = append(pairs, report.Pair{Key: "Next run", Value: v.NextRun.String() + ", " + report.Ago(v.NextRun, a.time())})
	}
	if v.Parent != 0 {
		pairs = append(pairs, report.Pair{Key: "Run of", Value: "#" + strconv.FormatUint(v.Parent, 10)})
	}
	if v.Scale != nil {
		pairs = append(pairs, a.scalePairs(v.Scale)...)
	}
	for i := range v.Sizes {
		pairs = append(pairs, report.Pair{Key: "Asks for", Value: v.Sizes[i].Task + ": " + v.Sizes[i].Reason})
	}
	pairs = append(pairs, report.Pair{Key: "Tasks", Value: countsText(v.Counts)}, report.Pair{Key: "Took", Value: tookText(s.Tasks, more)})
	if err := report.Pairs(a.out, a.style(), pairs); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	tasks := a.taskTable(s.Tasks)
	tasks.Empty = noTasks(v.Handover)
	if err := tasks.Render(a.out, a.style()); err != nil {
		return err
	}
	if more {
		a.note("the first %d tasks are shown; --limit shows more", len(s.Tasks))
	}
	return nil
}

// scalePairs say how many replicas a service has, since when, and why.
func (a *app) scalePairs(v *api.ScaleView) []report.Pair {
	text := fmt.Sprintf("%d of %d to %d", v.Replicas, v.Min, v.Max)
	if v.Since != 0 {
		text += ", since " + report.Ago(v.Since, a.time())
	}
	return []report.Pair{{Key: "Replicas", Value: text}, {Key: "Because", Value: v.Reason}}
}

func countsText(c api.Counts) string {
	text := ""
	for _, part := range []struct {
		n    int32
		name string
	}{
		{c.Waiting, "waiting"},
		{c.Pending, "pending"},
		{c.Placed, "placed"},
		{c.Running, "running"},
		{c.Succeeded, "succeeded"},
		{c.Failed, "failed"},
		{c.Cancelled, "cancelled"},
	} {
		if part.n == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", part.n, part.name)
	}
	return text
}

func (a *app) taskTable(tasks []api.TaskView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "TASK", Both: true},
			{Title: "STATUS", Tone: report.StatusTone},
			{Title: "NODE"},
			{Title: "TRY", Right: true},
			{Title: "RAN", Right: true},
			{Title: "REASON"},
			{Title: "SITE", Wide: true},
			{Title: "LAYER", Wide: true},
			{Title: "CPU TIME", Wide: true, Right: true},
			{Title: "MEMORY", Wide: true, Right: true},
			{Title: "IN", Wide: true, Right: true},
			{Title: "OUT", Wide: true, Right: true},
			{Title: "PORTS", Wide: true},
			{Title: "ENERGY", Wide: true, Right: true},
			{Title: "CARBON", Wide: true, Right: true},
			{Title: "COST", Wide: true, Right: true},
		},
	}
	for _, v := range tasks {
		row := []string{v.Name, v.Status, v.Node, strconv.FormatUint(uint64(v.Try), 10), a.ranFor(v), reasonOf(v), v.Site, string(v.Layer), "", "", "", "", portsText(v.Ports), "", "", ""}
		if r := v.Result; r != nil {
			if f := v.Took; f != nil {
				row[13], row[14], row[15] = energyText(f.Energy)+basisText(f.Basis), carbonText(f.Carbon), costText(f.Cost)
			}
			row[8], row[9], row[10], row[11] = report.Duration(r.CPU), report.Bytes(r.MaxRSS), report.Bytes(r.BytesIn), report.Bytes(r.BytesOut)
		}
		t.Add(row...)
	}
	const behindEnergy = 14
	addGenerated(t, behindEnergy, report.Column{Title: "GENERATED", Wide: true}, tasks, func(v *api.TaskView) api.Microjoules {
		if v.Took == nil || v.Result == nil {
			return 0
		}
		return v.Took.Generated
	}, energyText)
	return t
}

// ranFor is how long the last attempt has run.
func (a *app) ranFor(v api.TaskView) string {
	switch {
	case v.Result != nil && v.Ended != 0:
		return report.Duration(v.Result.Wall)
	case v.Started != 0 && v.Ended == 0:
		return report.Duration(a.time().Sub(v.Started))
	}
	return ""
}

// reasonOf is why a task stands as it does. The exit code of one that has not ended is that of
// an attempt before.
func reasonOf(v api.TaskView) string {
	ended := v.Status == api.TaskFailed.String() || v.Status == api.TaskCancelled.String()
	if ended && v.Reason == "" && v.Result != nil && v.Result.ExitCode != 0 {
		return fmt.Sprintf("exit code %d", v.Result.ExitCode)
	}
	return v.Reason
}

func portsText(ports []api.Port) string {
	text := ""
	for i, p := range ports {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%s:%d", p.Name, p.Port)
	}
	return text
}
