package main

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newForecastShowCmd(a *app) *cobra.Command {
	var view string
	cmd := &cobra.Command{
		Use:   "show [SERIES]",
		Short: "Show what a server expects of its series",
		Long: `Show what a server expects of its series: the next half hour by minutes, the next week
by hours, by the model that is in force for each. Models are fitted within a twentieth
of a processor. Without a name the series are listed.`,
		Example: "  drover forecast show demand/cell/cpu --view hours",
		Args:    args(0, 1, "at most the name of a series, or what names begin with"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			got, err := c.Forecasts(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			kept := got.Items[:0]
			for _, f := range got.Items {
				if view == "" || f.View == view {
					kept = append(kept, f)
				}
			}
			got.Items = kept
			return a.show(got, func() error { return a.forecastTables(got.Items) })
		}),
	}
	cmd.Flags().StringVar(&view, "view", "", "minutes or hours; without it both")
	completeFlag(cmd, "view", "minutes", "hours")
	return cmd
}

// forecastTables lists forecasts, and draws the only one.
func (a *app) forecastTables(items []api.SeriesForecast) error {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SERIES"},
			{Title: "VIEW"},
			{Title: "MODEL"},
			{Title: "NEXT", Right: true},
			{Title: "80 % FROM", Right: true},
			{Title: "TO", Right: true},
			{Title: "FORM", Wide: true},
			{Title: "NOTE"},
		},
		Empty: "Nothing is forecast yet. drover series lists what is kept.",
	}
	for _, f := range items {
		next, lo, hi := "–", "–", "–"
		if len(f.Points) > 0 {
			next, lo, hi = number(f.Points[0].Mean), number(f.Points[0].Lo80), number(f.Points[0].Hi80)
		}
		t.Add(f.Series, f.View, f.Model, next, lo, hi, f.Form, f.Note)
	}
	if err := t.Render(a.out, a.style()); err != nil || len(items) != 1 || len(items[0].Points) == 0 {
		return err
	}
	f := items[0]
	values := make([]float64, len(f.Points))
	for i, p := range f.Points {
		values[i] = p.Mean
	}
	a.say("")
	last := f.Points[len(f.Points)-1].At
	return (&report.Plot{
		Values: values, From: f.Origin.Std().Format("2006-01-02 15:04"), To: last.Std().Format("2006-01-02 15:04 MST"), Format: number,
	}).Render(a.out, a.style())
}

func newForecastModelsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "models [PREFIX]",
		Short: "List the models that a server has fitted to its series",
		Long: `List the models that a server has fitted to its series: which fit it is, when and from
how many values, its size, and the artifact that holds it. Until they are fitted anew they
are carried on by what comes, after a restart, too. One that is damaged is fitted anew.
* marks the model in force.`,
		Example: "  drover forecast models demand/",
		Args:    args(0, 1, "at most what the names of series begin with"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			got, err := c.FittedModels(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.show(got, func() error { return a.modelTable(got.Items) })
		}),
	}
}

func (a *app) modelTable(items []api.FittedModel) error {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SERIES"},
			{Title: "VIEW"},
			{Title: "MODEL"},
			{Title: "VERSION", Right: true},
			{Title: "FITTED"},
			{Title: "VALUES", Right: true},
			{Title: "SIZE", Right: true},
			{Title: "ARTIFACT"},
			{Title: "FORM", Wide: true},
		},
		Empty: "No model is fitted yet. drover forecast show says what is missing.",
	}
	for _, m := range items {
		name := m.Model
		if m.InForce {
			name += " *"
		}
		t.Add(m.Series, m.View, name, fmt.Sprint(m.Version), m.Fitted.Std().Format("2006-01-02 15:04"), fmt.Sprint(m.Values), report.Bytes(m.Size), string(m.Digest), m.Form)
	}
	return t.Render(a.out, a.style())
}

func newForecastScoresCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "scores [PREFIX]",
		Short: "Show how good a server's forecasts were, beside seasonal naive",
		Long: `Show how good a server's forecasts were, by model and distance, beside the seasonal
naive forecast of the same values, and the latest anomalies. Forecasts are graded when
the truth arrives. Another model is taken when over the last eight origins its errors
are at least 5 % smaller in sum, and smaller in six of them.`,
		Args: args(0, 1, "at most what the names of series begin with"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			got, err := c.ForecastScores(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.show(got, func() error { return a.scoreTables(got) })
		}),
	}
}

func (a *app) scoreTables(got api.ForecastScores) error {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SERIES"},
			{Title: "VIEW"},
			{Title: "MODEL"},
			{Title: "STEPS", Right: true},
			{Title: "N", Right: true},
			{Title: "MAE", Right: true},
			{Title: "OF NAIVE", Right: true},
			{Title: "MASE", Right: true},
			{Title: "PINBALL", Right: true},
			{Title: "IN 80 %", Right: true},
			{Title: "IN 95 %", Right: true},
		},
		Empty: "Nothing was graded yet: forecasts come true with time.",
	}
	for _, s := range got.Items {
		model := s.Model
		if s.InForce {
			model += " *"
		}
		t.Add(s.Series, s.View, model, fmt.Sprintf("%d–%d", s.From, s.To), fmt.Sprint(s.N), number(s.MAE), figure(s.NaiveMAE),
			figure(s.MASE), number(s.Pinball), fmt.Sprintf("%.0f %%", 100*s.Coverage80), fmt.Sprintf("%.0f %%", 100*s.Coverage95))
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	for _, x := range got.Anomalies {
		a.say("anomaly: %s was %s at %s; %s to %s was expected", x.Series, number(x.Value), x.At, number(x.Lo95), number(x.Hi95))
	}
	return nil
}
