package main

import (
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newSitesCmd(a *app) *cobra.Command {
	return a.readFlags(&cobra.Command{
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
