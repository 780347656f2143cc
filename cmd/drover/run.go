package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// runFlags are what a one-off run is made of.
type runFlags struct {
	driver   string
	name     string
	task     api.Task
	layers   []string
	sites    []string
	env      map[string]string
	inputs   []string
	outputs  []string
	out      string
	limit    time.Duration
	attempts int32
	detach   bool
}

func newRunCmd(a *app) *cobra.Command {
	var g runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] FILE.wasm | COMMAND [-- ARGUMENTS...]",
		Short: "Run one program and wait for it",
		Long: `Run one program and wait for it: its output appears here, and drover run exits
with its exit code. A .wasm file runs as a module; with --driver process the rest
is a command of the node, or an executable file of this machine, which is
uploaded. Ctrl-C cancels it.`,
		Example: `  drover run ./x.wasm -- one two
  drover run --driver process -- uname -a
  drover run ./clean.wasm --input samples.csv --output clean.csv --out .`,
		Args: args(1, -1, "a program"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w, err := g.workload(args)
			if err != nil {
				return err
			}
			return a.runOnce(cmd.Context(), c, w, &g)
		}),
	}
	f := cmd.Flags()
	f.SetInterspersed(true)
	f.StringVar(&g.driver, "driver", "", "wasm or process (default: by the file's name)")
	f.StringVar(&g.name, "name", "", "name of the workload (default: of the program)")
	f.Var(textFlag{&g.task.Resources.CPU, "amount"}, "cpu", "cores that it needs, for example 500m")
	f.Var(textFlag{&g.task.Resources.Memory, "size"}, "memory", "memory that it may use, for example 64Mi")
	f.StringSliceVar(&g.layers, "layer", nil, "only on nodes of these layers: cloud, edge, device")
	f.StringSliceVar(&g.sites, "site", nil, "only at these sites")
	f.StringToStringVarP(&g.env, "env", "e", nil, "NAME=VALUE for its environment; may be repeated")
	f.StringArrayVar(&g.inputs, "input", nil, "FILE[:NAME]: a file for its input directory; may be repeated")
	f.StringArrayVar(&g.outputs, "output", nil, "a file that it leaves in its output directory; may be repeated")
	f.StringVar(&g.out, "out", "", "directory to write the outputs to")
	f.DurationVar(&g.limit, "limit", 0, "how long it may run")
	f.Int32Var(&g.attempts, "attempts", 0, "how often to try again when it fails")
	f.BoolVarP(&g.detach, "detach", "d", false, "do not wait: print the name and end")
	completeFlag(cmd, "driver", api.DriverWASM, api.DriverProcess)
	completeFlag(cmd, "layer", "cloud", "edge", "device")
	return cmd
}

// workload makes the job of one task.
func (g *runFlags) workload(words []string) (*api.Workload, error) {
	t := g.task
	t.Name, t.Driver, t.Env, t.Timeout = "main", g.driver, g.env, api.Duration(g.limit)
	if err := g.program(&t, words); err != nil {
		return nil, err
	}
	if err := g.files(&t); err != nil {
		return nil, err
	}
	for _, l := range g.layers {
		t.Requires.Layers = append(t.Requires.Layers, api.Layer(l))
	}
	t.Requires.Sites = g.sites
	t.Restart = &api.Restart{Policy: api.RestartNever}
	if g.attempts > 0 {
		t.Restart = &api.Restart{Policy: api.RestartOnFailure, Attempts: g.attempts}
	}
	t.Outputs = []api.Output{{Name: stdoutOutput, Stdout: true, Optional: true}}
	for i, path := range g.outputs {
		t.Outputs = append(t.Outputs, api.Output{Name: fmt.Sprintf("output-%d", i), Path: path})
	}
	name := g.name
	if name == "" {
		name = nameFor(words[0])
	}
	return &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{t}}, nil
}

// stdoutOutput is the output that keeps what the program wrote, should its node
// go before it was read.
const stdoutOutput = "stdout"

// nameFor makes a fresh workload name of a program's.
func nameFor(program string) string {
	base := strings.ToLower(strings.TrimSuffix(filepath.Base(program), ".wasm"))
	base = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, base)
	base = strings.Trim(base[:min(len(base), 40)], "-")
	return strings.TrimPrefix(base+"-"+strings.ToLower(rand.Text()[:6]), "-")
}

// runOnce submits, shows what the program writes, and ends as it ended.
func (a *app) runOnce(ctx context.Context, c *client.Client, w *api.Workload, g *runFlags) error {
	if err := a.upload(ctx, c, w, ".", map[string]api.Stored{}); err != nil {
		return err
	}
	applied, err := c.Submit(ctx, w)
	if refused := (*client.Error)(nil); errors.As(err, &refused) && len(refused.Fields) > 0 {
		return usageError{errText("%s cannot be run:\n%s", w.Name, inWordsOfRun(refused.Fields)), "see drover run --help"}
	}
	if err != nil {
		return err
	}
	a.warn(applied.Warnings, func(f api.FieldError) string { return f.Message })
	if g.detach {
		return a.show(applied, func() error { a.say("%s", applied.Name); return nil })
	}
	ref := fmt.Sprintf("~%d", applied.ID)
	stopHint := a.hintWhenPending(ctx, c, ref, w)
	err = a.copyLogs(ctx, c, ref, client.LogOptions{Follow: true}, []string{"stdout", "stderr"})
	stopHint()
	if ctx.Err() != nil {
		return a.cancelled(ctx, c, ref, w.Name)
	}
	if _, waiting := c.WaitFinished(ctx, ref); waiting != nil {
		if interrupted(ctx, waiting) {
			return a.cancelled(ctx, c, ref, w.Name)
		}
		return waiting
	}
	return a.ended(ctx, c, ref, w, g, err)
}

// cancelWait is how long an interrupted run waits for its program to end.
const cancelWait = 10 * time.Second

// cancelled takes the work back after Ctrl-C.
func (a *app) cancelled(ctx context.Context, c *client.Client, ref, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelWait)
	defer cancel()
	if _, err := c.Cancel(ctx, ref); err != nil {
		return codeError{exitInterrupted, fmt.Sprintf("interrupted, but %s could not be cancelled: %v", name, err)}
	}
	if _, err := c.WaitFinished(ctx, ref); err != nil {
		return codeError{exitInterrupted, fmt.Sprintf("interrupted: %s is being cancelled, but runs on for now", name)}
	}
	return codeError{exitInterrupted, fmt.Sprintf("interrupted: %s is cancelled", name)}
}

// ended fetches what the program left and turns its end into ours. unread is why
// its output could not be followed.
func (a *app) ended(ctx context.Context, c *client.Client, ref string, w *api.Workload, g *runFlags, unread error) error {
	t, err := c.Task(ctx, ref, w.Tasks[0].Name, 0)
	if err != nil {
		return err
	}
	if t.Status != api.TaskSucceeded.String() {
		if unread != nil && t.Try > 0 { // what never ran wrote nothing
			a.note("its output cannot be shown: %v", unread)
		}
		return failure(w.Name, &t)
	}
	results, err := loadResults(ctx, c, elementArg{workload: ref})
	if err != nil {
		return err
	}
	for i := range results {
		r := &results[i]
		at := slices.IndexFunc(r.Outputs, func(v api.Value) bool { return v.Name == stdoutOutput })
		if at < 0 {
			continue
		}
		if unread != nil {
			if err := writeValue(ctx, c, &r.Outputs[at], a.out); err != nil {
				return err
			}
		}
		r.Outputs = slices.Delete(r.Outputs, at, at+1)
	}
	if g.out == "" || len(g.outputs) == 0 {
		return nil
	}
	return a.fetch(ctx, c, results, g.out)
}

// failure is the end of a program that did not succeed: its exit code, and why.
func failure(name string, t *api.TaskView) error {
	reason := reasonOf(*t)
	r := t.Result
	if r != nil && r.Detail != "" && !strings.Contains(reason, r.Detail) {
		reason = strings.TrimPrefix(reason+": "+r.Detail, ": ")
	}
	if r != nil && r.Outcome == api.OutcomeFailed && r.ExitCode > 0 && r.ExitCode < 256 {
		return codeError{int(r.ExitCode), fmt.Sprintf("%s failed on %s: %s", name, t.Node, reason)}
	}
	if r != nil && r.Outcome == api.OutcomeFailed && r.Signal != "" {
		if n := unix.SignalNum(r.Signal); n > 0 { // as a shell says it
			return codeError{128 + int(n), fmt.Sprintf("%s failed on %s: %s", name, t.Node, reason)}
		}
	}
	return codeError{exitFailed, fmt.Sprintf("%s %s: %s", name, t.Status, reason)}
}
