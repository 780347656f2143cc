package main

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newSitesCmd(a *app) *cobra.Command {
	cmd := a.readFlags(&cobra.Command{
		Use:   "sites",
		Short: "List the declared sites, their links and their batteries",
		Long: `List the declared sites and their links, and of those that have a battery how full it
is, what it is asked to do, and why. drover apply declares them.`,
		Args: args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			sites, err := c.SiteList(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(siteRows(sites), func() error {
				if err := siteTable(sites.Items).Render(a.out, a.style()); err != nil || len(sites.Batteries) == 0 {
					return err
				}
				fmt.Fprintln(a.out)
				return batteryTable(sites.Batteries).Render(a.out, a.style())
			})
		}),
	})
	cmd.AddCommand(newSitesHomeCmd(a))
	return cmd
}

func newSitesHomeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "home SITE",
		Short: "Say at which site the cell keeps data",
		Long: `Say at which site the cell keeps artifacts, and its callers are. The latency model
counts from there, and the data of tasks with a residency may be kept only where
that allows it.`,
		Example: "  drover sites home berlin",
		Args:    args(1, 1, "the name of a site"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, names []string) error {
			if err := c.PutSettings(cmd.Context(), api.SettingsRequest{Home: names[0]}); err != nil {
				return err
			}
			a.note("The cell keeps data at %s.", names[0])
			return nil
		}),
	}
}

// siteRow is a site as programs read it, with what its battery does.
type siteRow struct {
	api.Site
	Stored *api.BatteryView `json:"stored,omitempty"`
}

func siteRows(sites *api.SiteList) []siteRow {
	rows := make([]siteRow, len(sites.Items))
	for i := range sites.Items {
		rows[i].Site = sites.Items[i]
		for k := range sites.Batteries {
			if sites.Batteries[k].Site == rows[i].Name {
				rows[i].Stored = &sites.Batteries[k]
			}
		}
	}
	return rows
}

func batteryTable(list []api.BatteryView) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "BATTERY"}, {Title: "CHARGE", Right: true}, {Title: "OF", Right: true}, {Title: "SET-POINT", Right: true}, {Title: "UNTIL"}, {Title: "BY"}, {Title: "WHY"},
	}}
	for i := range list {
		b := &list[i]
		charge, until, why := "–", "–", b.Why
		if b.Level != nil {
			charge = strconv.FormatInt(int64(*b.Level/(b.Capacity/100)), 10) + " %"
		}
		if b.Until != 0 {
			until = b.Until.Std().Format("15:04")
		}
		if b.Idle != "" {
			why = "not obeyed: " + b.Idle
		}
		t.Add(b.Site, charge, b.Capacity.String(), b.Setpoint.String(), until, string(b.By), why)
	}
	return t
}

func siteTable(sites []api.Site) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SITE"}, {Title: "LAYER"}, {Title: "LINKS"}, {Title: "ZONE"}, {Title: "PUE", Right: true}, {Title: "TARIFF", Wide: true},
		},
		Empty: "No sites are declared. Between sites without a link, 50 ms and 100 Mbit/s are assumed.",
	}
	for _, s := range sites {
		links := make([]string, len(s.Links))
		for i, l := range s.Links {
			links[i] = l.To + " " + report.Duration(l.RTT) + " " + report.Bits(l.Bandwidth)
		}
		t.Add(s.Name, string(s.Layer), strings.Join(links, ", "), s.Zone, s.PUE.String(), s.Tariff)
	}
	return t
}
