package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newResultCmd(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "result NAME[.TASK[INDEX]]",
		Short: "Print or fetch what finished tasks left behind",
		Long: `Print what finished tasks left behind. A single output is written as it is;
several are listed. With --out all of them are written below a directory, as
TASK/FILE, or TASK/INDEX/FILE for arrays.`,
		Example: "  drover result report > report.html\n  drover result render --out ./tiles",
		Args:    args(1, 1, "the name of a workload"), ValidArgsFunction: a.completeWorkloads(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			e, err := parseElement(args[0])
			if err != nil {
				return err
			}
			results, err := loadResults(cmd.Context(), c, e)
			if err != nil {
				return err
			}
			return a.result(cmd.Context(), c, e, results, dir)
		}),
	}
	cmd.Flags().StringVar(&dir, "out", "", "directory to write the outputs to")
	return cmd
}

func loadResults(ctx context.Context, c *client.Client, e elementArg) (results []api.TaskResult, err error) {
	for r, err := range c.Results(ctx, e.workload, e.task) {
		if err != nil {
			return nil, err
		}
		if !e.indexed || r.Index == e.index {
			results = append(results, r)
		}
	}
	return results, nil
}

func (a *app) result(ctx context.Context, c *client.Client, e elementArg, results []api.TaskResult, dir string) error {
	n := 0
	for i := range results {
		n += len(results[i].Outputs)
	}
	switch {
	case a.machine():
		return a.show(list(results), nil)
	case dir != "":
		return a.fetch(ctx, c, results, dir)
	case n == 0:
		return a.noResult(ctx, c, e)
	case n == 1:
		for i := range results {
			for j := range results[i].Outputs {
				return writeValue(ctx, c, &results[i].Outputs[j], a.out)
			}
		}
	}
	return resultTable(results).Render(a.out, a.style())
}

// noResult says why there is nothing.
func (a *app) noResult(ctx context.Context, c *client.Client, e elementArg) error {
	v, err := c.Get(ctx, e.workload)
	if err != nil {
		return err
	}
	if v.Finished == 0 {
		return codeError{exitNotFound, fmt.Sprintf("%s is %s: no finished task has left anything yet", v.Name, v.Status)}
	}
	return codeError{exitNotFound, fmt.Sprintf("%s %s and left nothing; a task's outputs stand in its specification", v.Name, v.Status)}
}

func resultTable(results []api.TaskResult) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "TASK"},
		{Title: "OUTPUT"},
		{Title: "FILE"},
		{Title: "SIZE", Right: true},
		{Title: "DIGEST", Wide: true},
		{Title: "ENERGY", Wide: true, Right: true},
		{Title: "CARBON", Wide: true, Right: true},
		{Title: "COST", Wide: true, Right: true},
	}}
	for _, r := range results {
		for _, v := range r.Outputs {
			row := []string{r.Name, v.Name, v.File, report.Bytes(v.Size), string(v.Digest), "", "", ""}
			if f := r.Took; f != nil {
				row[5], row[6], row[7] = energyText(f.Energy)+basisText(f.Basis), carbonText(f.Carbon), costText(f.Cost)
			}
			t.Add(row...)
		}
	}
	return t
}

// writeValue writes one output, which may be an artifact.
func writeValue(ctx context.Context, c *client.Client, v *api.Value, w io.Writer) error {
	if v.Digest != "" {
		return c.Download(ctx, v.Digest, w)
	}
	if _, err := w.Write(v.Inline); err != nil {
		return fmt.Errorf("write output %s: %w", v.Name, err)
	}
	return nil
}

// fetch writes all outputs below dir. The names come from tasks and nodes, so
// files are opened through the directory, out of which no name leads.
func (a *app) fetch(ctx context.Context, c *client.Client, results []api.TaskResult, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for the outputs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the directory for the outputs: %w", err)
	}
	defer func() { _ = root.Close() }() // files are closed one by one
	many := map[string]int{}
	for _, r := range results {
		many[r.Task]++
	}
	n := 0
	for i := range results {
		r := &results[i]
		below := r.Task
		if many[r.Task] > 1 {
			below = filepath.Join(below, strconv.FormatUint(uint64(r.Index), 10))
		}
		for j := range r.Outputs {
			if err := fetchOne(ctx, c, root, below, &r.Outputs[j]); err != nil {
				return err
			}
			n++
		}
	}
	a.say("%d outputs are in %s", n, dir)
	return nil
}

func fetchOne(ctx context.Context, c *client.Client, root *os.Root, below string, v *api.Value) (err error) {
	name := v.File
	if name == "" {
		name = v.Name
	}
	if err := root.MkdirAll(below, 0o755); err != nil {
		return fmt.Errorf("write output %s: %w", v.Name, err)
	}
	f, err := root.Create(filepath.Join(below, filepath.Base(name)))
	if err != nil {
		return fmt.Errorf("write output %s: %w", v.Name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeValue(ctx, c, v, f)
}
