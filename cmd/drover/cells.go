package main

import (
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newCellsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cells",
		Short: "List the child cells, to which work is handed over",
		Long: `List the child cells, to which work is handed over: a workload whose tasks all
name a site or a layer of theirs, where this cell has no node. A child owns what it
has accepted, also while nothing is heard of it.`,
		Args: args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			cells, err := c.Cells(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(cells), func() error { return a.cellTable(cells).Render(a.out, a.style()) })
		}),
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a silent child cell for good; what it owns has failed",
		Long: `Forget a silent child cell for good. What it owns has failed and is not run again
here: it may still run there.`,
		Args: args(1, 1, "the name of a cell"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.RemoveCell(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.did(args[0], "removed", "cell %s is forgotten")
		}),
	})
	return cmd
}

func (a *app) cellTable(cells []api.CellView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "CELL"},
			{Title: "STATUS", Tone: report.StatusTone},
			{Title: "SITES"},
			{Title: "LAYERS"},
			{Title: "OFFERED", Right: true},
			{Title: "ACCEPTED", Right: true},
			{Title: "SEEN"},
			{Title: "VERSION", Wide: true},
		},
		Empty: "No child cells. Start one with drover edge.",
	}
	for _, c := range cells {
		layers := make([]string, len(c.Layers))
		for i, l := range c.Layers {
			layers[i] = string(l)
		}
		t.Add(c.Name, c.Status, strings.Join(c.Sites, " "), strings.Join(layers, " "), itoa(c.Offered), itoa(c.Accepted),
			report.Ago(c.LastSeen, a.time()), c.Version)
	}
	return t
}

// handoverText says in a line where a workload was handed over to.
func handoverText(h *api.HandoverView) string {
	if h == nil {
		return ""
	}
	text := h.Stand + " by cell " + h.Cell
	switch h.Stand {
	case api.HandoverOffered:
		text = "offered to cell " + h.Cell + ", which has not answered"
	case api.HandoverWaiting:
		text = "for cell " + h.Cell
	}
	if h.ID != "" {
		text += " (hand-over " + h.ID + ")"
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	} else if h.Silent {
		text += "; nothing is heard of the cell, what is shown is old"
	}
	return text
}

// originText says in a line which cell a workload came from.
func originText(h *api.HandoverView) string {
	if h == nil {
		return ""
	}
	return "cell " + h.Cell + " (hand-over " + h.ID + ")"
}
