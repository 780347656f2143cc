package main

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"drover.dev/internal/sched"
	"github.com/spf13/cobra"
)

func newStrategiesCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "strategies",
		Aliases: []string{"strategy"},
		Short:   "List the strategies that decide where and in which order work runs",
		Long: `List the strategies of the cell: the built-in ones and those that drover apply
declared. A workload chooses one by its field strategy, a tenant by a document of
kind tenant, and drover strategies set chooses the cell's, which also orders the
queue.`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := c.Strategies(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(rows), func() error { return strategyTable(rows).Render(a.out, a.style()) })
		}),
	}
	cmd.AddCommand(newStrategiesShowCmd(a), newStrategiesTermsCmd(a), newStrategiesSetCmd(a), newStrategiesRolloutCmd(a), newStrategiesProbationCmd(a))
	return cmd
}

func strategyTable(rows []api.StrategyView) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "STRATEGY"}, {Title: "FAMILY"}, {Title: "ORDER"}, {Title: "WHAT IT DOES"}, {Title: "TERMS", Wide: true}, {Title: "SOURCE", Wide: true},
	}}
	for _, s := range rows {
		name := s.Name
		if s.Default {
			name += " *"
		}
		t.Add(name, s.Family, orDash(s.Order), s.Doc, termsText(s.Terms), orDash(s.Source))
	}
	return t
}

func termsText(terms []api.StrategyTerm) string {
	var out []string
	for _, t := range terms {
		out = append(out, fmt.Sprintf("%d × %s", t.Weight, t.Term))
	}
	return strings.Join(out, " + ")
}

func newStrategiesShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show how a strategy is composed",
		Long:  "Show how a strategy is composed: the order of its queue and each term of its score.",
		Args:  args(1, 1, "the name of a strategy"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, names []string) error {
			rows, err := c.Strategies(cmd.Context())
			if err != nil {
				return err
			}
			var known []string
			for _, s := range rows {
				if s.Name == names[0] {
					return a.show(s, func() error { return report.Pairs(a.out, a.style(), strategyPairs(&s)) })
				}
				known = append(known, s.Name)
			}
			hint := "see drover strategies"
			if near := api.Nearest(names[0], known); near != "" {
				hint = "did you mean " + near + "?"
			}
			return codeError{exitNotFound, fmt.Sprintf("there is no strategy %s: %s", names[0], hint)}
		}),
	}
}

func strategyPairs(s *api.StrategyView) []report.Pair {
	pairs := []report.Pair{
		{Key: "Strategy", Value: s.Name, Tone: report.Strong},
		{Key: "Does", Value: s.Doc},
		{Key: "Order", Value: orDash(s.Order)},
		{Key: "Backfill", Value: s.Backfill},
		{Key: "Planner", Value: s.Planner},
		{Key: "Ties", Value: s.Ties},
		{Key: "Hours", Value: slicingText(&s.Strategy)},
	}
	docs := map[string]string{}
	for _, t := range sched.Terms() {
		docs[t.Name] = t.Doc
	}
	for _, t := range s.Terms {
		pairs = append(pairs, report.Pair{Key: "Term", Value: fmt.Sprintf("%d × %s: %s", t.Weight, t.Term, docs[t.Term])})
	}
	if s.Source != "" {
		pairs = append(pairs, report.Pair{Key: "Source", Value: s.Source})
	}
	return pairs
}

// slicingText says whether work waits for better hours; "" is that it does not.
func slicingText(s *api.Strategy) string {
	what := "jobs with a deadline wait for better ones"
	switch {
	case s.Thrift:
		what += " as far as budgets of carbon would not suffice otherwise"
	case !s.Slice:
		return ""
	}
	if s.Slowdown > 0 {
		what += fmt.Sprintf(", and end at most %d %% of their run later", s.Slowdown)
	} else {
		what += ", as long as it allows"
	}
	if s.Stretch > 0 {
		what += fmt.Sprintf("; held still between them, they take at most %d %% longer than their run", s.Stretch)
	}
	return what
}

// part is an order or a term that strategies are composed of.
type part struct {
	Kind   string `json:"kind"` // "order", "term" or "planner"
	Name   string `json:"name"`
	Doc    string `json:"doc"`
	Source string `json:"source,omitempty"`
}

func newStrategiesTermsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "terms",
		Short: "List the orders, terms and planners that a strategy can be composed of",
		Long:  "List the orders, terms and planners that a strategy can be composed of. docs/strategies.md shows how.",
		Args:  args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			var rows []part
			for _, n := range sched.Orders() {
				rows = append(rows, part{"order", n.Name, n.Doc, n.Source})
			}
			for _, n := range sched.Terms() {
				rows = append(rows, part{"term", n.Name, n.Doc, n.Source})
			}
			for _, n := range sched.Planners() {
				rows = append(rows, part{"planner", n.Name, n.Doc, n.Source})
			}
			return a.show(list(rows), func() error {
				t := &report.Table{Columns: []report.Column{{Title: "KIND"}, {Title: "NAME"}, {Title: "MEANING"}, {Title: "SOURCE", Wide: true}}}
				for _, r := range rows {
					t.Add(r.Kind, r.Name, r.Doc, orDash(r.Source))
				}
				return t.Render(a.out, a.style())
			})
		},
	}
}

func newTenantsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "tenants",
		Short: "List the tenants that were declared, and what they use",
		Long: `List the tenants that drover apply declared (kind: tenant), what their placed tasks hold, and how
their budgets stand. "*" is all tenants together (docs/energy.md).`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := c.Tenants(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(rows), func() error { return tenantTable(rows).Render(a.out, a.style()) })
		}),
	}
}

func tenantTable(rows []api.TenantView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "TENANT"},
			{Title: "WEIGHT", Right: true},
			{Title: "SHARE", Right: true},
			{Title: "USES"},
			{Title: "QUOTA"},
			{Title: "LIMIT"},
			{Title: "STRATEGY"},
			{Title: "BUDGETS"},
		},
		Empty: "No tenants are declared: all are alike, and nothing is limited.",
	}
	for _, v := range rows {
		t.Add(v.Name, itoa(v.Weight), fmt.Sprintf("%.1f %%", float64(v.Share)/10), boundText(&v.Used), boundText(v.Quota), boundText(v.Limit), orDash(v.Strategy), budgetsText(v.Standing))
	}
	return t
}

// budgetsText writes how budgets stand: "12 of 20 EUR until 00:00".
func budgetsText(list []api.BudgetView) string {
	var out []string
	for i := range list {
		b := &list[i]
		text := fmt.Sprintf("%s taken of %s", budgetAmount(b, b.Spent+b.Promised), b.Budget.String())
		if b.Over > 0 {
			text += ", exceeded by " + budgetAmount(b, b.Over)
		}
		if b.Held != 0 {
			text += ", tasks "
			if len(b.Waiting) > 0 {
				text += "of " + strings.Join(b.Waiting[:min(len(b.Waiting), 3)], ", ")
				if more := len(b.Waiting) - 3; more > 0 {
					text += fmt.Sprintf(" and %d others", more)
				}
				text += " "
			}
			text += "wait until " + b.Held.String()
		}
		out = append(out, text)
	}
	return orDash(strings.Join(out, "; "))
}

func budgetAmount(b *api.BudgetView, n int64) string {
	if b.Money != nil {
		return costText(&api.Money{Micro: n, Currency: b.Money.Currency})
	}
	c := api.Micrograms(n)
	return carbonText(&c)
}

// boundText writes resources shortly, "–" when there are none.
func boundText(r *api.Resources) string {
	if r == nil {
		return "–"
	}
	var out []string
	if r.CPU > 0 {
		out = append(out, r.CPU.String()+" cpu")
	}
	if r.Memory > 0 {
		out = append(out, r.Memory.String()+" memory")
	}
	if r.Storage > 0 {
		out = append(out, r.Storage.String()+" storage")
	}
	if r.Bandwidth > 0 {
		out = append(out, r.Bandwidth.String()+" bandwidth")
	}
	for i := range r.Accelerators {
		out = append(out, r.Accelerators[i].Count.String()+" "+r.Accelerators[i].Kind)
	}
	return orDash(strings.Join(out, ", "))
}
