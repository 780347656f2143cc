package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/history"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
)

// carbonPlan is what is missing for what was emitted, and what would be for as much work
// again.
type carbonPlan struct {
	api.NeutralPlan
	// Again is nil where the past was not looked at, or nothing is booked in it.
	Again *rehearse.Abatement `json:"again,omitempty"`
}

func newCarbonPlanCmd(a *app) *cobra.Command {
	var past, price string
	var slack time.Duration
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what is missing for net carbon of 0, and the cheapest way there",
		Long: `Say what is missing for net carbon of 0: which offsets that are held would be retired, the oldest
vintage first, how much is to be bought then, and what that costs at the lowest price that was paid
so far, or at --price.

What was emitted cannot be shifted any more. For as much work again the recorded past is looked at:
what its jobs would have saved in cleaner hours, as far as their deadlines or --slack allow, and at
cleaner sites, where there was room; each at the recorded prices of energy, the cheapest a tonne
first, until buying is cheaper. All hours are known there: it is what can be reached at most.`,
		Example: "  drover carbon plan --slack 12h --price \"60 EUR\"",
		Args:    args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			v, err := c.Ledger(cmd.Context())
			if err != nil {
				return err
			}
			tonne, err := priceOf(price)
			if err == nil && tonne != nil && tonne.Micro < 0 {
				err = errText("--price %s: a tonne costs nothing or more", price)
			}
			if err == nil && (slack < 0 || slack > time.Duration(maxSlack)) {
				err = errText("--slack: a job may be put off by 0 to 1000h")
			}
			if err != nil {
				return usageError{err, "drover carbon plan --help has an example"}
			}
			p := carbonPlan{NeutralPlan: v.Plan()}
			if tonne != nil {
				p.Cost, p.At = costOf(*tonne, p.Buy), ""
			} else {
				tonne = v.TonnePrice()
			}
			if past != "none" {
				p.Again, err = a.abate(cmd.Context(), past, api.Duration(slack), tonne)
				if err != nil {
					return err
				}
			}
			return a.show(p, func() error { return a.planShown(&p) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&past, "past", "journal", "journal (of --server, or of this machine's server), a server's data directory, a bundle, or none")
	f.StringVar(&price, "price", "", `what offsets cost a tonne, such as "60 EUR" (default: the lowest price in the ledger)`)
	f.DurationVar(&slack, "slack", 0, "by how much jobs without a deadline could have waited, up to 1000h")
	return cmd
}

// costOf is what an amount costs at a price a tonne; nil where nothing is to be bought.
func costOf(tonne api.Money, g api.Micrograms) *api.Money {
	if g <= 0 {
		return nil
	}
	return &api.Money{Micro: int64(math.Ceil(float64(g) / 1e12 * float64(tonne.Micro))), Currency: tonne.Currency}
}

// abate asks the records of a server or of a directory what their jobs would have saved.
func (a *app) abate(ctx context.Context, past string, slack api.Duration, tonne *api.Money) (out *rehearse.Abatement, err error) {
	err = a.withPast(ctx, past, func(src *history.Source) error {
		base, at, records, err := recordsOf(ctx, src)
		if err != nil {
			return err
		}
		out, err = rehearse.Abate(ctx, base, at, records, slack, tonne)
		return err
	})
	return out, err
}

func (a *app) planShown(p *carbonPlan) error {
	if _, err := fmt.Fprintln(a.out, neutralText(&p.NeutralPlan)); err != nil {
		return err
	}
	r := p.Again
	if r == nil || r.Attempts == 0 {
		return nil
	}
	grams := func(g float64) string {
		v := api.Micrograms(g * gram)
		return carbonText(&v)
	}
	fmt.Fprintf(a.out, "\nFor as much work again as from %s to %s, %s by %s, %s of which could wait or go elsewhere:\n",
		timeText(r.From), timeText(r.To), grams(r.Gram), counted(uint64(r.Attempts), "attempt"), report.Count(int64(r.Jobs)))
	if r.Beyond > 0 {
		fmt.Fprintf(a.out, "%s more came behind the most that are asked, and are left as they were. A shorter past asks all.\n", report.Count(int64(r.Beyond)))
	}
	t := &report.Table{Columns: []report.Column{
		{Title: "MEASURE"}, {Title: "CARBON", Right: true}, {Title: "COST", Right: true}, {Title: "A TONNE", Right: true}, {Title: "JOBS", Right: true}, {Title: "LATER BY", Right: true},
	}}
	for i := range r.Measures {
		m := &r.Measures[i]
		jobs, later := "–", "–"
		if m.Name != account.MeasureBuy {
			jobs, later = report.Count(int64(m.Jobs)), report.Duration(api.Duration(m.Delay*float64(api.Hour)))
		}
		t.Add(m.Name, "−"+grams(m.Gram), amountText(m.Cost, r.Currency), amountText(m.PerTonne, r.Currency), jobs, later)
	}
	return t.Render(a.out, a.style())
}

func timeText(t api.Time) string { return time.Unix(0, int64(t)).UTC().Format("2006-01-02 15:04") }

func amountText(v *float64, currency string) string {
	if v == nil {
		return "–"
	}
	return strings.TrimSpace(report.Number(*v) + " " + currency)
}

func neutralText(p *api.NeutralPlan) string {
	if p.Net <= 0 {
		return "Neutral: net carbon is " + api.Mass(p.Net).String() + "."
	}
	lines := []string{api.Mass(p.Net).String() + " of net carbon are to be offset."}
	if len(p.Retire) > 0 {
		lines = append(lines, "Retire "+strings.Join(p.Retire, ", ")+": "+api.Mass(p.Retires).String()+", held already.")
	}
	if p.Buy > 0 {
		line := "Buy " + api.Mass(p.Buy).String()
		if p.Cost != nil {
			line += ", about " + costText(p.Cost)
		}
		if p.At != "" {
			line += " at the price of " + p.At
		}
		lines = append(lines, line+".")
	}
	return strings.Join(lines, "\n")
}
