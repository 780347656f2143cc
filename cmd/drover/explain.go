package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newExplainCmd(a *app) *cobra.Command {
	ahead := foresight{seeds: 20, horizon: "7d"}
	cmd := &cobra.Command{
		Use:   "explain NAME[.TASK[INDEX]]",
		Short: "Say why a task is where it is, or what would admit it",
		Long: `Say what analysis made of a task, why it was placed where it is and what came
second, or why no node takes it, when it is expected to start as far as that is
known, and which smallest change would admit it. Where power, prices or signals are
known, also its energy, carbon and cost there, on the next best nodes, and later.
Without a task, every task of the workload is explained by one of its elements.

With --twin the cell runs on in virtual time, as it stands and as for drover plan
--twin: that says when the job starts and ends, with intervals.`,
		Example: "  drover explain render\n  drover explain render.tiles[3]\n  drover explain render --twin",
		Args:    args(1, 1, "the name of a workload"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, args []string) error {
			e, err := parseElement(args[0])
			if err == nil {
				err = ahead.checkExplain(cmd)
			}
			if err != nil {
				return err
			}
			told, err := explain(cmd.Context(), c, e)
			if err != nil {
				return err
			}
			var twin *expected
			if ahead.twin {
				if twin, err = a.expect(cmd.Context(), &ahead, told); err != nil {
					return err
				}
			}
			out := []explained{}
			for i := range told {
				out = append(out, explained{told[i], twin})
			}
			return a.show(out, func() error {
				if len(told) == 0 {
					return a.tellOfNoTasks(cmd.Context(), c, e.workload)
				}
				for i := range told {
					if i > 0 {
						fmt.Fprintln(a.out)
					}
					if err := a.tell(&told[i]); err != nil {
						return err
					}
				}
				if twin != nil {
					return a.tellExpected(twin)
				}
				return nil
			})
		}),
	}
	cmd.Flags().BoolVar(&ahead.twin, "twin", false, "ask the twin when the job starts and ends")
	ahead.arrivalsFlag(cmd)
	return a.readFlags(cmd)
}

// tellOfNoTasks tells what there is to say of a workload without tasks: another
// cell has it, or it has none yet, as a schedule has none of its own.
func (a *app) tellOfNoTasks(ctx context.Context, c *client.Client, name string) error {
	w, err := c.Get(ctx, name)
	if err != nil {
		return err
	}
	err = report.Pairs(a.out, a.style(), []report.Pair{
		{Key: "Name", Value: w.Name, Tone: report.Strong},
		{Key: "Status", Value: w.Status, Tone: report.StatusTone(w.Status)},
		{Key: "Reason", Value: w.Reason},
		{Key: "Handed over", Value: handoverText(w.Handover)},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	a.say("%s", noTasks(w.Handover))
	return nil
}

// noTasks says why a workload shows no tasks.
func noTasks(h *api.HandoverView) string {
	if h != nil && h.Stand == api.HandoverAccepted {
		return fmt.Sprintf("Its tasks are in cell %s, which tells more of them.", h.Cell)
	}
	return "No tasks yet."
}

// explain asks for one element, or for one of each task.
func explain(ctx context.Context, c *client.Client, e elementArg) (told []api.Explanation, err error) {
	if e.indexed {
		if err := e.oneTask(ctx, c); err != nil {
			return nil, err
		}
		x, err := c.Explain(ctx, e.workload, e.task, e.index)
		return []api.Explanation{x}, err
	}
	picked, err := pick(ctx, c, e)
	if err != nil {
		return nil, err
	}
	for _, t := range picked {
		x, err := c.Explain(ctx, e.workload, t.TaskName, t.Index)
		if err != nil {
			return nil, err
		}
		told = append(told, x)
	}
	return told, nil
}

// maxLooked is how many elements are looked at for one worth telling of.
const maxLooked = 2000

// pick chooses one element of each task: the first that is not placed, else the
// first.
func pick(ctx context.Context, c *client.Client, e elementArg) (picked []api.TaskView, err error) {
	at, looked := map[string]int{}, 0
	for t, err := range c.Tasks(ctx, e.workload, client.TaskOptions{Task: e.task}) {
		if err != nil {
			return nil, err
		}
		if i, known := at[t.TaskName]; !known {
			at[t.TaskName] = len(picked)
			picked = append(picked, t)
		} else if unplaced(t) && !unplaced(picked[i]) {
			picked[i] = t
		}
		if looked++; looked == maxLooked {
			break
		}
	}
	return picked, nil
}

func scaleReason(v *api.ScaleView) string {
	if v == nil {
		return ""
	}
	return v.Reason
}

func sizeReason(v *api.SizeView) string {
	if v == nil {
		return ""
	}
	return v.Reason
}

func unplaced(t api.TaskView) bool {
	return t.Status == api.TaskPending.String() || t.Status == api.TaskBackoff.String()
}

// tell tells the story of one element.
func (a *app) tell(x *api.Explanation) error {
	t := &x.Task
	head := []report.Pair{
		{Key: "Task", Value: t.Name, Tone: report.Strong},
		{Key: "Status", Value: statusText(t), Tone: report.StatusTone(t.Status)},
		{Key: "Waits for", Value: strings.Join(x.WaitsFor, ", ")},
		{Key: "Handed over", Value: handoverText(x.Handover)},
		{Key: "Hours", Value: hoursText(x.Deferral)},
		{Key: "Reserved", Value: reservationText(x.Reservation)},
		{Key: "Replicas", Value: scaleReason(x.Scale)},
		{Key: "Asks for", Value: sizeReason(x.Size)},
		{Key: "Expected start", Value: expectedStartText(x.ExpectedStart, a.time())},
	}
	head = append(head, profilePairs(&x.Profile)...)
	if err := report.Pairs(a.out, a.style(), head); err != nil {
		return err
	}
	if x.Decision != nil {
		if err := a.tellDecision(x.Decision, unplaced(*t)); err != nil {
			return err
		}
		if x.Probation != nil {
			a.say("%s", trialText(x.Probation))
		}
	}
	if err := a.showOptions("it", x.Options); err != nil {
		return err
	}
	return a.tellSuggestions(x.Suggestions)
}

func statusText(t *api.TaskView) string {
	text := t.Status
	if t.Node != "" && t.Try > 0 {
		text += fmt.Sprintf(" on %s (try %d)", t.Node, t.Try)
	}
	if r := reasonOf(*t); r != "" && t.Status != api.TaskPending.String() { // then the decision says it
		text += ": " + r
	}
	return text
}

func profilePairs(p *api.Profile) []report.Pair {
	if p.Class == "" {
		return nil
	}
	run := report.Duration(p.Run)
	if p.RunHigh > 0 {
		run += fmt.Sprintf(", 8 times in 10 between %s and %s", report.Duration(p.RunLow), report.Duration(p.RunHigh))
	}
	if p.Samples > 0 {
		run += fmt.Sprintf(" (from %s earlier runs)", report.Count(int64(p.Samples)))
	} else {
		run += " (a guess: no earlier run is known)"
	}
	return []report.Pair{
		{Key: "Class", Value: string(p.Class)},
		{Key: "Expected run", Value: run},
		{Key: "Machines", Value: speedsText(p.Speeds)},
		{Key: "Data", Value: fmt.Sprintf("%s in, %s out", report.Bytes(p.BytesIn), report.Bytes(p.BytesOut))},
		{Key: "Advice", Value: adviceText(p)},
	}
}

// speedsText says what earlier runs showed of kinds of machines: "gpu t4 (20 runs),
// gpu a100 2.94 times as fast (14 runs)".
func speedsText(list []api.MachineSpeed) string {
	var out []string
	for i, v := range list {
		text := cmp.Or(v.Machine, "other machines")
		if i > 0 {
			text += fmt.Sprintf(" %.2f times as fast", float64(v.Factor)/1000)
		}
		out = append(out, fmt.Sprintf("%s (%s)", text, counted(uint64(max(v.Runs, 0)), "run")))
	}
	return strings.Join(out, ", ")
}

func adviceText(p *api.Profile) string {
	text := p.Technology
	if p.Strategy != "" {
		text += ", strategy " + p.Strategy
	}
	if len(p.Why) > 0 {
		text += ": " + strings.Join(p.Why, "; ")
	}
	return text
}

// reservationText says where and from when room is promised: "on n3 from 14:02:00".
func reservationText(r *api.Reservation) string {
	if r == nil {
		return ""
	}
	const named = 3
	var on []string
	for _, p := range r.Places[:min(len(r.Places), named)] {
		on = append(on, p.Node)
	}
	text := "on " + strings.Join(on, ", ")
	if more := len(r.Places) - len(on); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + " from " + r.From.Std().UTC().Format(time.RFC3339)
}

// hoursText says for which hours a task waits.
func hoursText(d *api.Deferral) string {
	if d == nil {
		return ""
	}
	return d.String() + "; at the latest it starts at " + d.Latest.Beside(d.Since)
}

// expectedStartText says when a task is expected to start: "in 11 min, at
// 2026-03-01T12:11:00Z, as promised".
func expectedStartText(x *api.ExpectedStart, now api.Time) string {
	if x == nil {
		return ""
	}
	text := "in " + report.Duration(max(x.At.Sub(now), 0)) + ", at " + clock(x.At)
	if x.Promised {
		return text + ", as promised"
	}
	return text + ", if nobody else takes the room"
}

// stageText says under which stage of a change of strategy a decision was made.
func stageText(stage string) string {
	switch stage {
	case api.StageShadow:
		return ", with another one in its shadow"
	case api.StageCanary:
		return ", as the canary of a roll-out"
	case api.StageControl:
		return ", beside a canary"
	}
	return ""
}

// trialText says that a strategy was on probation when it decided, and what became of it.
func trialText(t *api.Trial) string {
	text := fmt.Sprintf("%s was on probation then, in the place of %s", t.Strategy, t.From)
	switch t.Status {
	case api.ProbationOpen:
		return fmt.Sprintf("%s: it is until %s.", text, t.Until)
	case api.ProbationRolledBack:
		return fmt.Sprintf("%s, and was rolled back at %s: %s.", text, t.Until, t.Reason)
	}
	return fmt.Sprintf("%s, and %s at %s: %s.", text, t.Status, t.Until, t.Reason)
}

// tellDecision shows what was chosen and weighed, or what stood against it.
func (a *app) tellDecision(d *api.Decision, waiting bool) error {
	fmt.Fprintln(a.out)
	by := d.Strategy + stageText(d.Stage)
	switch {
	case d.Chosen == nil:
		a.say("No node takes it now (strategy %s, %s looked at):", d.Strategy, nodesText(d.Nodes))
	case waiting:
		a.say("It would go to %s now (strategy %s, %s looked at):", d.Chosen.Node, d.Strategy, nodesText(d.Nodes))
	case d.Plan > 0:
		a.say("It went to %s, as plan %d of %s says (%s looked at, %s):", d.Chosen.Node, d.Plan, d.Strategy, nodesText(d.Nodes), report.Ago(d.At, a.time()))
	default:
		a.say("It went to %s (strategy %s, %s looked at, %s):", d.Chosen.Node, by, nodesText(d.Nodes), report.Ago(d.At, a.time()))
	}
	if d.Chosen != nil {
		if err := candidates(d).Render(a.out, a.style()); err != nil {
			return err
		}
		fmt.Fprintln(a.out)
		a.say("Expected there: %s for inputs + %s of waiting + %s of running + %s for outputs = %s.",
			report.Duration(d.Transfer), report.Duration(d.Wait), report.Duration(d.Run), report.Duration(d.Return),
			report.Duration(d.Transfer+d.Wait+d.Run+d.Return))
		if d.Timing != "" {
			a.say("It %s.", d.Timing)
		}
		if d.Moved != "" {
			a.say("It was %s.", d.Moved)
		}
		if d.Speed != nil {
			a.say("By its earlier runs it %s.", d.Speed)
		}
	}
	if len(d.Reasons) == 0 {
		return nil
	}
	t := &report.Table{Columns: []report.Column{{Title: "NODES", Right: true}, {Title: "COULD NOT TAKE IT BECAUSE"}}}
	for _, r := range d.Reasons {
		t.Add(itoa(r.Nodes), r.Reason)
	}
	if d.Chosen != nil {
		fmt.Fprintln(a.out)
	}
	return t.Render(a.out, a.style())
}

func nodesText(n int32) string {
	if n == 1 {
		return "1 node"
	}
	return report.Count(int64(n)) + " nodes"
}

// candidates are the chosen node and the runners-up, with the terms of their
// scores side by side.
func candidates(d *api.Decision) *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: "NODE"}, {Title: "SCORE", Right: true}}}
	at := map[string]int{}
	all := append([]api.Candidate{*d.Chosen}, d.RunnersUp...)
	for _, c := range all {
		for _, term := range c.Terms {
			if _, known := at[term.Name]; !known {
				at[term.Name] = len(t.Columns)
				t.Columns = append(t.Columns, report.Column{Title: strings.ToUpper(term.Name), Right: true})
			}
		}
	}
	for _, c := range all {
		row := make([]string, len(t.Columns))
		row[0], row[1] = c.Node, strconv.FormatInt(c.Score, 10)
		for _, term := range c.Terms {
			row[at[term.Name]] = strconv.FormatInt(term.Value, 10)
		}
		t.Add(row...)
	}
	return t
}

func (a *app) tellSuggestions(list []api.Suggestion) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(a.out)
	t := &report.Table{Columns: []report.Column{{Title: "NODES", Right: true}, {Title: "WOULD TAKE IT AFTER THIS CHANGE"}}}
	for _, s := range list {
		t.Add(itoa(s.Nodes), s.Change)
	}
	return t.Render(a.out, a.style())
}
