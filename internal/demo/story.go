package demo

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/report"
)

// outcome is everything that the demo tells of one finished workload.
type outcome struct {
	view  api.WorkloadView
	tasks []told
}

// told is one element with why it ran where it did.
type told struct {
	api.TaskView
	why api.Explanation
}

// tell prints what was decided and why, how long each stage took and where the
// bytes went.
func tell(w io.Writer, s report.Style, done []outcome, sites []api.Site) error {
	for _, o := range done {
		took := o.view.Finished.Sub(o.view.Submitted)
		fmt.Fprintf(w, "\n%s: %s in %s, %d tasks\n\n", o.view.Name, o.view.Status, report.Duration(took), o.view.Counts.Total())
		if err := decisions(w, s, o.tasks); err != nil {
			return err
		}
		fmt.Fprintln(w)
		if err := report.Timeline(w, s, spans(o.tasks)); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "\nWhere the bytes went")
	fmt.Fprintln(w)
	return traffic(done, sites).Render(w, s)
}

// decisions prints one line per decision; elements of an array that went to the
// same node share one.
func decisions(w io.Writer, s report.Style, tasks []told) error {
	t := &report.Table{Columns: []report.Column{
		{Title: "TASK"}, {Title: "NODE"}, {Title: "LAYER"}, {Title: "N", Right: true}, {Title: "WHY"}, {Title: "EXPECTED", Right: true}, {Title: "TOOK", Right: true},
	}}
	for _, group := range byNode(tasks) {
		first := group[0]
		d := first.why.Decision
		t.Add(first.TaskName, first.Node, string(first.Layer), fmt.Sprint(len(group)), because(d), report.Duration(d.Transfer+d.Run+d.Return),
			report.Duration(median(group)))
	}
	return t.Render(w, s)
}

func byNode(tasks []told) [][]told {
	var out [][]told
	for _, t := range tasks {
		i := slices.IndexFunc(out, func(g []told) bool { return g[0].TaskName == t.TaskName && g[0].Node == t.Node })
		if i < 0 {
			out = append(out, nil)
			i = len(out) - 1
		}
		out[i] = append(out[i], t)
	}
	return out
}

// because says a decision in one line: the terms of the score, how far the next
// best was, and why other nodes did not qualify.
func because(d *api.Decision) string {
	if d == nil || d.Chosen == nil {
		return ""
	}
	var terms []string
	for _, term := range d.Chosen.Terms {
		terms = append(terms, fmt.Sprintf("%s %d", term.Name, term.Value))
	}
	text := strings.Join(terms, ", ")
	if len(d.RunnersUp) > 0 {
		return text + fmt.Sprintf("; next %s, %d behind", d.RunnersUp[0].Node, d.Chosen.Score-d.RunnersUp[0].Score)
	}
	return text + "; no other node could take it"
}

func median(group []told) api.Duration {
	var runs []api.Duration
	for _, t := range group {
		if t.Result != nil {
			runs = append(runs, t.Result.Wall)
		}
	}
	if len(runs) == 0 {
		return 0
	}
	slices.Sort(runs)
	return runs[len(runs)/2]
}

// spans shows each task's phases; of an array, the whole array in one line.
func spans(tasks []told) []report.Span {
	var out []report.Span
	for _, group := range byTask(tasks) {
		first, last := group[0], group[0]
		for _, t := range group {
			if t.Ready < first.Ready {
				first = t
			}
			if t.Ended > last.Ended {
				last = t
			}
		}
		label := first.TaskName
		if len(group) > 1 {
			label = fmt.Sprintf("%s ×%d", label, len(group))
			out = append(out, report.Span{Label: label, Start: first.Ready, Phases: []report.Phase{
				{Name: report.Queued, Length: first.Placed.Sub(first.Ready)}, {Name: report.Run, Length: last.Ended.Sub(first.Placed)},
			}})
			continue
		}
		phases := []report.Phase{{Name: report.Queued, Length: first.Placed.Sub(first.Ready)}}
		if r := first.Result; r != nil {
			rest := first.Ended.Sub(first.Placed) - r.Fetch - r.Start - r.Wall
			phases = append(phases, report.Phase{Name: report.Fetch, Length: r.Fetch + r.Start},
				report.Phase{Name: report.Run, Length: r.Wall}, report.Phase{Name: report.Return, Length: max(rest, 0)})
		}
		out = append(out, report.Span{Label: label, Start: first.Ready, Phases: phases})
	}
	return out
}

func byTask(tasks []told) [][]told {
	var out [][]told
	for _, t := range tasks {
		if n := len(out); n > 0 && out[n-1][0].TaskName == t.TaskName {
			out[n-1] = append(out[n-1], t)
			continue
		}
		out = append(out, []told{t})
	}
	return out
}

// traffic adds up the outputs that tasks took in, by the sites they came from and
// went to, beside what the declared link would need for them.
func traffic(done []outcome, sites []api.Site) *report.Table {
	type way struct{ from, to string }
	sums := map[way]api.Bytes{}
	var ways []way
	for _, o := range done {
		for _, t := range o.tasks {
			spec := o.view.Spec.Tasks[t.Task]
			for _, in := range spec.Inputs {
				for _, from := range o.tasks {
					if from.TaskName != in.Task || from.Result == nil {
						continue
					}
					for _, v := range from.Result.Outputs {
						if v.Name != in.Output {
							continue
						}
						k := way{from.Site, t.Site}
						if _, known := sums[k]; !known {
							ways = append(ways, k)
						}
						sums[k] += v.Size
					}
				}
			}
		}
	}
	slices.SortFunc(ways, func(a, b way) int { return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.to, b.to)) })
	t := &report.Table{Columns: []report.Column{
		{Title: "FROM"}, {Title: "TO"}, {Title: "BYTES", Right: true}, {Title: "DECLARED LINK"}, {Title: "NEEDS", Right: true},
	}}
	for _, k := range ways {
		link, need := "inside the site", "–"
		if l := linkBetween(sites, k.from, k.to); l != nil {
			link = report.Bits(l.Bandwidth) + ", " + report.Duration(l.RTT) + " round trip"
			need = report.Duration(l.RTT + api.Duration(float64(sums[k]*8)/float64(l.Bandwidth)*float64(time.Second)))
		}
		t.Add(k.from, k.to, report.Bytes(sums[k]), link, need)
	}
	return t
}

func linkBetween(sites []api.Site, a, b string) *api.Link {
	for i := range sites {
		for j := range sites[i].Links {
			if l := &sites[i].Links[j]; sites[i].Name == a && l.To == b || sites[i].Name == b && l.To == a {
				return l
			}
		}
	}
	return nil
}
