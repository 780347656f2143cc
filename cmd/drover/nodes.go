package main

import (
	"fmt"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newNodesCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes [NAME...]",
		Short: "List the nodes of the cell, or show some of them",
		Args:  args(0, -1, ""), ValidArgsFunction: a.completeNodes(),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if len(args) == 0 {
				nodes, err := c.Nodes(cmd.Context())
				if err != nil {
					return err
				}
				return a.showNodes(nodes)
			}
			var nodes []api.NodeView
			for _, name := range args {
				n, err := c.Node(cmd.Context(), name)
				if err != nil {
					return err
				}
				nodes = append(nodes, n)
			}
			return a.showNodes(nodes)
		}),
	}
	cmd.AddCommand(newNodesRemoveCmd(a), newNodesPowerCmd(a, true), newNodesPowerCmd(a, false))
	return a.readFlags(cmd)
}

func newNodesRemoveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a node that holds no task and is out of service",
		Args:  args(1, 1, "the name of a node"), ValidArgsFunction: a.completeNodes(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.RemoveNode(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.did(args[0], "removed", "node %s is forgotten")
		}),
	}
}

func (a *app) showNodes(nodes []api.NodeView) error {
	return a.show(list(nodes), func() error { return a.nodeTable(nodes).Render(a.out, a.style()) })
}

func (a *app) nodeTable(nodes []api.NodeView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "NODE", Both: true},
			{Title: "SITE"},
			{Title: "LAYER"},
			{Title: "STATUS", Tone: report.StatusTone},
			{Title: "TASKS", Right: true},
			{Title: "CPU", Right: true},
			{Title: "MEMORY", Right: true},
			{Title: "SEEN"},
			{Title: "DRIVERS", Wide: true},
			{Title: "ACCELERATORS", Wide: true},
			{Title: "STORAGE", Wide: true, Right: true},
			{Title: "SPEED", Wide: true, Right: true},
			{Title: "LABELS", Wide: true},
			{Title: "TAINTS", Wide: true},
			{Title: "VERSION", Wide: true},
			{Title: "AWAKE", Wide: true},
			{Title: "OVERLOAD", Wide: true},
		},
		Empty: "No nodes. Start one with drover agent.",
	}
	for _, n := range nodes {
		t.Add(n.Name, n.Site, string(n.Layer), n.Status, itoa(n.Tasks),
			report.CPU(n.Used.CPU)+"/"+report.CPU(n.Capacity.CPU),
			report.Bytes(n.Used.Memory)+"/"+report.Bytes(n.Capacity.Memory), report.Ago(n.LastSeen, a.time()),
			strings.Join(n.Drivers, " "), acceleratorsText(n.Capacity.Accelerators), report.Bytes(n.Capacity.Storage),
			n.Speed.String(), labelsText(n.Labels), taintsText(n.Taints), n.Version, n.Awake, n.Strain)
	}
	return t
}

func acceleratorsText(list []api.Accelerator) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = x.Count.String() + " " + strings.Join(append([]string{x.Kind}, x.Models...), " ")
	}
	return strings.Join(parts, ", ")
}

func labelsText(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for k, v := range labels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func taintsText(taints []api.Taint) string {
	parts := make([]string, len(taints))
	for i, t := range taints {
		parts[i] = fmt.Sprintf("%s=%s:%s", t.Key, t.Value, t.Effect)
	}
	return strings.Join(parts, " ")
}
