package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
)

// newCarbonCmd is the parent of the commands on the ledger of offsets.
func newCarbonCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "carbon",
		Short: "Report carbon, keep the ledger of offsets and certificates, and see what is missing to be neutral",
		Long: `Report what finished tasks emitted, and keep the ledger of offsets and certificates of clean energy:
each has the serial of its registry and counts once. What was emitted and is embodied, less the offsets
that were retired, is the cell's net carbon. docs/energy.md has the rules.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCarbonReportCmd(a), newCarbonLedgerCmd(a), newCarbonBuyCmd(a), newCarbonEndCmd(a, "retire", api.OffsetRetired),
		newCarbonEndCmd(a, "sell", api.OffsetSold), newCarbonPlanCmd(a))
	return cmd
}

func newCarbonLedgerCmd(a *app) *cobra.Command {
	return a.readFlags(&cobra.Command{
		Use:   "ledger",
		Short: "Show what was emitted and offset, every offset and every certificate",
		Args:  args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			v, err := c.Ledger(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(v, func() error {
				if err := ledgerTable(v.Items).Render(a.out, a.style()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.out, "\nnet %s = %s emitted + %s embodied − %s retired; %s held\n",
					api.Mass(v.Net), api.Mass(v.Emitted), api.Mass(v.Embodied), api.Mass(v.Retired), api.Mass(v.Held))
				if c := v.Certificates; err == nil && c != (api.CertificateSums{}) {
					_, err = fmt.Fprintf(a.out, "certificates: %s retired, %s held, %s sold\n", energyText(c.Retired), energyText(c.Held), energyText(c.Sold))
				}
				if err == nil && v.Unknown > 0 {
					_, err = fmt.Fprintf(a.out, "Not counted: %s of which the carbon is not known.\n", energyText(v.Unknown))
				}
				return err
			})
		}),
	})
}

func ledgerTable(items []api.OffsetView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SERIAL"},
			{Title: "AMOUNT", Right: true},
			{Title: "VINTAGE", Right: true},
			{Title: "ZONE"},
			{Title: "PRICE", Right: true},
			{Title: "STATUS"},
			{Title: "NOTE", Wide: true},
			{Title: "BY", Wide: true},
		},
		Empty: "No offsets or certificates were bought.",
	}
	for i := range items {
		o := &items[i]
		amount := o.Amount.String()
		if o.Kind == api.Certificate {
			amount = o.Energy.String()
		}
		t.Add(o.Serial, amount, itoa(o.Vintage), orDash(o.Zone), costText(o.Price), o.Status, orDash(o.Note), orDash(o.By))
	}
	return t
}

func newCarbonBuyCmd(a *app) *cobra.Command {
	var amount, energy, price, zone string
	var vintage int32
	cmd := &cobra.Command{
		Use:   "buy SERIAL",
		Short: "Add an offset, or a certificate of clean energy, that was bought to the ledger",
		Long: `Add to the ledger what was bought: an offset (--amount), or an energy attribute certificate such as a
guarantee of origin (--energy), which counts for sites of its zone in the year of its vintage.`,
		Example: "  drover carbon buy VCS-1234-5678 --amount 1t --vintage 2025 --price \"12 EUR\"\n" +
			"  drover carbon buy GO-DE-998 --energy 10MWh --zone DE --vintage 2026 --price \"25 EUR\"",
		Args: args(1, 1, "SERIAL"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, list []string) error {
			o, err := bought(api.Offset{Serial: list[0], Vintage: vintage, Zone: zone}, amount, energy, price)
			if err != nil {
				return usageError{err, "drover carbon buy --help has an example"}
			}
			if err := c.BuyOffset(cmd.Context(), o); err != nil {
				return err
			}
			return a.offsetIs(&o, api.OffsetHeld)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "how much it offsets, such as 500kg or 1t")
	f.StringVar(&energy, "energy", "", "how much clean energy it certifies, such as 10MWh")
	f.Int32Var(&vintage, "vintage", 0, "the year that it was issued for")
	f.StringVar(&zone, "zone", "", "where it comes from; of a certificate the zone of sites, DE for example, which holds for DE-LU, too")
	f.StringVar(&price, "price", "", `what was paid for all of it, such as "12 EUR"`)
	return cmd
}

// bought reads the amounts of an entry.
func bought(o api.Offset, amount, energy, price string) (api.Offset, error) {
	var err error
	if amount != "" {
		if o.Amount, err = api.ParseMass(amount); err != nil {
			return o, err
		}
	}
	if energy != "" {
		o.Kind = api.Certificate
		if o.Energy, err = api.ParseEnergy(energy); err != nil {
			return o, err
		}
	}
	if o.Price, err = priceOf(price); err != nil {
		return o, err
	}
	return o, firstFault(o.Validate())
}

func newCarbonEndCmd(a *app, verb, to string) *cobra.Command {
	var price, note string
	cmd := &cobra.Command{
		Use:   verb + " SERIAL",
		Short: map[string]string{"retire": "Retire an offset or a certificate: it counts, once", "sell": "Take an offset or a certificate out of what is held: it was sold"}[verb],
		Args:  args(1, 1, "SERIAL"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, list []string) error {
			d := api.OffsetDeed{To: to, Note: note}
			var err error
			if d.Price, err = priceOf(price); err == nil {
				err = firstFault(d.Validate())
			}
			if err != nil {
				return usageError{err, "drover carbon " + verb + " --help says what can be given"}
			}
			if err := c.EndOffset(cmd.Context(), list[0], d); err != nil {
				return err
			}
			return a.offsetIs(&api.Offset{Serial: list[0]}, to)
		}),
	}
	cmd.Flags().StringVar(&note, "note", "", "for whom or what, at most 256 bytes")
	if to == api.OffsetSold {
		cmd.Flags().StringVar(&price, "price", "", `what was got for all of it, such as "12 EUR"`)
	}
	return cmd
}

type carbonDone struct {
	Serial string `json:"serial"`
	Status string `json:"status"`
}

// offsetIs says what has become of an offset.
func (a *app) offsetIs(o *api.Offset, status string) error {
	return a.show(carbonDone{o.Serial, status}, func() error {
		a.say("%s is %s", o.Serial, status)
		return nil
	})
}

func priceOf(text string) (*api.Money, error) {
	if text == "" {
		return nil, nil
	}
	m, err := api.ParseMoney(text)
	return &m, err
}

func firstFault(faults []api.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s %s", faults[0].Path, faults[0].Message)
}
