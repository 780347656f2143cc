package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"github.com/spf13/cobra"
)

// workloadArg is a workload as people write it: a name, or a number as #17 or
// ~17.
func workloadArg(s string) string {
	if n, ok := strings.CutPrefix(s, "#"); ok {
		return "~" + n
	}
	return s
}

// elementArg is one element of a workload: NAME, NAME.TASK, NAME.TASK[INDEX], or
// NAME[INDEX] when there is one task only.
type elementArg struct {
	workload string
	task     string // "" when it is not said
	index    uint32
	indexed  bool
}

// wholeArg is workloadArg for commands that take a workload as a whole.
func wholeArg(s string) (string, error) {
	if name, _, more := strings.Cut(strings.ReplaceAll(s, "[", "."), "."); more && name != "" {
		return "", usageError{fmt.Errorf("%q names a task, and this is for a whole workload", s), "write " + name + "; drover explain, logs and result take tasks"}
	}
	return workloadArg(s), nil
}

func parseElement(s string) (e elementArg, err error) {
	bad := usageError{fmt.Errorf("%q does not name a task", s), "write NAME, NAME.TASK, NAME.TASK[INDEX] or NAME[INDEX]"}
	name, rest, indexed := strings.Cut(s, "[")
	if indexed {
		digits, ok := strings.CutSuffix(rest, "]")
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return e, bad
		}
		e.index, e.indexed = uint32(n), true
	}
	name, e.task, _ = strings.Cut(name, ".")
	if e.workload = workloadArg(name); name == "" {
		return e, bad
	}
	return e, nil
}

// oneTask fills in the task when the workload has one only.
func (e *elementArg) oneTask(ctx context.Context, c *client.Client) error {
	if e.task != "" {
		return nil
	}
	v, err := c.Get(ctx, e.workload)
	if err != nil {
		return err
	}
	if len(v.Spec.Tasks) != 1 {
		names := make([]string, len(v.Spec.Tasks))
		for i := range v.Spec.Tasks {
			names[i] = v.Name + "." + v.Spec.Tasks[i].Name
		}
		return usageError{fmt.Errorf("%s has %d tasks", v.Name, len(v.Spec.Tasks)), "name one: " + strings.Join(names[:min(len(names), 10)], ", ")}
	}
	e.task = v.Spec.Tasks[0].Name
	return nil
}

// complete lists what a shell may offer; without a server it offers nothing.
func (a *app) complete(names func(context.Context, *client.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		const files = cobra.ShellCompDirectiveNoFileComp
		if a.settle(cmd) != nil {
			return nil, files
		}
		a.set.timeout = 2 * time.Second
		c, err := a.client()
		if err != nil {
			return nil, files
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), a.set.timeout)
		defer cancel()
		var out []string
		for _, n := range names(ctx, c) {
			if strings.HasPrefix(n, prefix) {
				out = append(out, n)
			}
		}
		return out, files
	}
}

// completeWorkloads offers the newest thousand names.
func (a *app) completeWorkloads() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, c *client.Client) (names []string) {
		seen := map[string]bool{}
		for w, err := range c.List(ctx, client.ListOptions{}) {
			if err != nil || len(names) == api.MaxPage {
				break
			}
			if seen[w.Name] {
				continue
			}
			seen[w.Name] = true
			names = append(names, w.Name+"\t"+string(w.Kind)+", "+w.Status)
		}
		return names
	})
}

func (a *app) completeNodes() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, c *client.Client) (names []string) {
		nodes, err := c.Nodes(ctx)
		if err != nil {
			return nil
		}
		for _, n := range nodes {
			names = append(names, n.Name+"\t"+string(n.Layer)+", "+n.Status)
		}
		return names
	})
}
