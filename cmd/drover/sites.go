package main

import (
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newSitesCmd(a *app) *cobra.Command {
	cmd := a.readFlags(&cobra.Command{
		Use:   "sites",
		Short: "List the declared sites and their links",
		Long:  "List the declared sites and their links. drover apply declares them.",
		Args:  args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			sites, err := c.Sites(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(sites), func() error { return siteTable(sites).Render(a.out, a.style()) })
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
