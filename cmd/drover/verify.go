package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/internal/history"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newVerifyCmd(a *app) *cobra.Command {
	var o history.Options
	var temp string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the data of a stopped server is what it wrote",
		Long: `Prove that the data directory (--data) of a stopped server is what it wrote: the
hash chain from the archive through the journal, every decision by taking it
again from its inputs, every snapshot against the replay at its place.

Nothing in the directory is changed; the journal is copied for that. A directory
that a server has open is refused. The exit code is 0 when all is sound and 1
when it is not.`,
		Example: "  drover verify --data /var/lib/drover --artifacts",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := a.serverDir()
			if err != nil {
				return err
			}
			d, err := history.OpenDir(cmd.Context(), path, temp, nil)
			if errors.Is(err, history.ErrNoDir) {
				return usageError{err, "name the data directory of a stopped server with --data"}
			}
			if err != nil {
				return offlineError(err)
			}
			defer func() { _ = d.Close() }() // it is a copy
			what := ""
			var bar *report.Progress
			o.Build = buildVersion()
			o.Progress = func(kind string, done, total int64) {
				if kind != what {
					if bar != nil {
						bar.Done("")
					}
					what, bar = kind, report.NewProgress(a.err, a.terminal, a.style(), kind, total, a.now)
				}
				bar.Set(done)
			}
			v, err := d.Verify(cmd.Context(), o)
			if bar != nil {
				bar.Done("")
			}
			if err != nil {
				return err
			}
			if err := a.show(v, func() error { return a.verdict(path, &v) }); err != nil || v.Sound {
				return err
			}
			return codeError{code: exitFailed}
		},
	}
	cmd.Flags().BoolVar(&o.Artifacts, "artifacts", false, "read every artifact and compare it with its digest, too")
	cmd.Flags().StringVar(&temp, "temp", "", "directory for the copy of the journal (default: the temporary directory)")
	return cmd
}

// serverDir is the data directory of this machine's server: --data itself, or
// server/ in it, as drover dev has it.
func (a *app) serverDir() (string, error) {
	dir, err := a.dataDir()
	if err != nil {
		return "", err
	}
	if inner := filepath.Join(dir, "server"); isDir(inner) {
		return inner, nil
	}
	return dir, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// verdict tells people what was found.
func (a *app) verdict(path string, v *history.Verdict) error {
	pairs := []report.Pair{
		{Key: "Directory", Value: path},
		{Key: "Records", Value: fmt.Sprintf("%s in %s, %s", report.Count(int64(v.Records)), counted(v.Epochs, "epoch"), counted(v.Events, "event"))},
		{Key: "Audited", Value: report.Count(int64(v.Audited)) + ", " + report.Count(int64(v.Divergences)) + " diverge"},
		{Key: "Snapshots", Value: report.Count(int64(v.Snapshots)) + " equal to the replay"},
	}
	if v.Artifacts > 0 {
		pairs = append(pairs, report.Pair{Key: "Artifacts", Value: report.Count(int64(v.Artifacts)) + " are what their digests say"})
	}
	for _, l := range v.Accepted {
		pairs = append(pairs, report.Pair{Key: "Given up", Tone: report.Warn, Value: fmt.Sprintf("records from %d on (%s), as the journal says in epoch %d", l.From, counted(l.Entries, "record"), l.Epoch)})
	}
	if err := report.Pairs(a.out, a.style(), pairs); err != nil {
		return err
	}
	for _, n := range v.Notes {
		a.say("Note: %s.", n)
	}
	for _, f := range v.Faults {
		a.say("")
		a.say("Fault: %s", f.What)
		a.say("  in %s", f.Where)
		a.say("→ %s", f.Advice)
	}
	a.say("")
	if v.Sound {
		a.say("Sound: everything is what was written, and every decision is what its inputs lead to.")
		return nil
	}
	a.say("Not sound: %s.", counted(uint64(len(v.Faults)), "fault"))
	return nil
}

// counted is a number of things.
func counted(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return report.Count(int64(n)) + " " + thing + "s"
}
