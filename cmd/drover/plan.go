package main

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// planned is the plan for one workload.
type planned struct {
	Workload string `json:"workload"`
	api.Plan
	Twin *rehearse.Foreseen `json:"twin,omitempty"` // with --twin
}

func newPlanCmd(a *app) *cobra.Command {
	var files []string
	var ahead foresight
	cmd := &cobra.Command{
		Use:   "plan -f FILE...",
		Short: "Say what would be decided now, and change nothing",
		Long: `Say where the tasks of workloads would be placed now, and change nothing. Files
that a workload names are uploaded, since the decision may depend on them; the
server removes them again when nothing refers to them.

With --twin the cell is copied as it stands, and runs on in virtual time with and
without the job: that says when it would start and end, where, whom it would hold
up or stop, and what its energy would cost. How long tasks run, also those that run
already, is drawn from what is known of them, anew for each seed. Others submit jobs
like the last that came, when more than ten have, besides the runs of schedules;
--arrivals none leaves them out. Nothing changes in the cell.
docs/twin.md (What would come of a job) explains the fields of -o json.`,
		Example: "  drover plan -f job.yaml\n  drover plan -f job.yaml --twin --after 2h --if node=n1=down",
		Args:    fileArgs,
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := ahead.check(cmd); err != nil {
				return err
			}
			docs, err := a.documents(files)
			if err != nil {
				return err
			}
			plans := []planned{}
			uploaded := map[string]api.Stored{}
			for i := range docs {
				w := docs[i].Workload
				if w == nil {
					continue
				}
				if err := a.upload(cmd.Context(), c, w, docs[i].dir, uploaded); err != nil {
					return fmt.Errorf("%s: %w", docs[i].place(), err)
				}
				plan, err := c.Plan(cmd.Context(), w)
				if err != nil {
					return fmt.Errorf("%s: %w", docs[i].place(), err)
				}
				p := planned{Workload: w.Name, Plan: plan}
				if ahead.twin {
					if p.Twin, err = a.foresee(cmd.Context(), &ahead, w, plan); err != nil {
						return fmt.Errorf("%s: %w", docs[i].place(), err)
					}
					a.keepForMirror(p.Twin, plan)
				}
				plans = append(plans, p)
				a.warn(plan.Warnings, docs[i].located)
			}
			return a.show(plans, func() error {
				if ahead.twin {
					return a.foretellAll(plans)
				}
				return a.showPlans(plans)
			})
		}),
	}
	cmd.Flags().StringSliceVarP(&files, "file", "f", nil, "file, directory or -; may be repeated")
	ahead.flags(cmd)
	return cmd
}

func (a *app) showPlans(plans []planned) error {
	t := &report.Table{Columns: []report.Column{
		{Title: "TASK", Both: true},
		{Title: "ELEMENTS", Right: true},
		{Title: "FIT NOW", Right: true},
		{Title: "FIRST TO"},
		{Title: "EXPECTED", Right: true},
		{Title: "CLASS"},
		{Title: "WHY NOT"},
		{Title: "STRATEGY", Wide: true},
		{Title: "ADVICE", Wide: true},
	}, Empty: "No workloads: sites need no decision."}
	for _, p := range plans {
		for i := range p.Tasks {
			t.Add(planRow(p.Workload, &p.Tasks[i])...)
		}
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	for _, p := range plans {
		for _, task := range p.Tasks {
			if err := a.showOptions(p.Workload+"."+task.Task, task.Options); err != nil {
				return err
			}
			if task.Deferral != nil {
				a.say("%s.%s %s.", p.Workload, task.Task, task.Deferral)
			} else if timing := task.Decision.Timing; timing != "" {
				a.say("%s.%s %s.", p.Workload, task.Task, timing)
			}
			if len(task.Suggestions) == 0 {
				continue
			}
			fmt.Fprintln(a.out)
			a.say("%s.%s would fit after one of these changes:", p.Workload, task.Task)
			for _, s := range task.Suggestions {
				a.say("  %s (%s)", s.Change, nodesText(s.Nodes))
			}
		}
	}
	return nil
}

func planRow(workload string, p *api.Planned) []string {
	d := &p.Decision
	node, expected := "–", ""
	if d.Chosen != nil {
		node, expected = d.Chosen.Node, report.Duration(d.Transfer+d.Wait+d.Run+d.Return)
	}
	var why []string
	if p.Fits < p.Count || p.Fits == 0 {
		for _, r := range d.Reasons {
			why = append(why, fmt.Sprintf("%s (%s)", r.Reason, nodesText(r.Nodes)))
		}
		if p.Fits > 0 {
			why = append([]string{itoa(p.Count-p.Fits) + " wait for room"}, why...)
		}
	}
	return []string{
		workload + "." + p.Task, itoa(p.Count), itoa(p.Fits), node, expected, string(p.Profile.Class), strings.Join(why, ", "),
		d.Strategy, adviceText(&p.Profile),
	}
}
