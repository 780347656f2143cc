package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newDebugCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "debug",
		Short: "Take a cell's recent history, or a profile of a server, to another machine",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newBundleCmd(a), newProfileCmd(a))
	return cmd
}

// bundleFlags are those of drover debug bundle.
type bundleFlags struct {
	file, from string
	records    uint64
	anonymise  bool
}

func newBundleCmd(a *app) *cobra.Command {
	var o bundleFlags
	cmd := &cobra.Command{
		Use:   "bundle -f FILE",
		Short: "Write a snapshot, the records after it, metrics and log into one file",
		Long: `Write a snapshot, the records after it, metrics and the last lines of the log
into one file, for drover replay, and for ls, show, explain, nodes and sites with
--from on another machine.

Tokens and the values of secrets are never in it: the journal holds only their
names. Environment variables, arguments and small outputs are. --anonymise
replaces every name and text by a token, the same one throughout the file, and
leaves out log, inputs, arguments' meaning and outputs; statuses, numbers, times
and decisions stay. Such a bundle can be read, but no decision can be audited:
names take part in them.`,
		Example: "  drover debug bundle -f cell.zip\n  drover debug bundle -f cell.zip --records 5000 --anonymise",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "" {
				return usageError{errors.New("no file is named"), "name one with -f FILE"}
			}
			return a.bundle(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "file to write")
	f.Uint64Var(&o.records, "records", 1000, "how many records it goes back at least, as far as there are snapshots")
	f.BoolVar(&o.anonymise, "anonymise", false, "replace names and texts by tokens")
	f.StringVar(&o.from, "from", "", "take it from the data directory of a stopped server")
	return cmd
}

// wholeFile has a file written whole or not at all.
func wholeFile(name, what string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".debug-*")
	if err != nil {
		return usageError{fmt.Errorf("write the %s: %w", what, err), "name another file with -f"}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // err says what is wrong
		}
	}()
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	return nil
}

func (a *app) bundle(cmd *cobra.Command, o bundleFlags) error {
	err := wholeFile(o.file, "bundle", func(w io.Writer) error {
		if o.from != "" {
			return a.bundleFrom(cmd, o, w)
		}
		return a.bundleOf(cmd, o, w)
	})
	if err != nil {
		return err
	}
	b, err := history.OpenBundle(o.file, "")
	if err != nil {
		return err
	}
	m := b.Manifest
	if err := b.Close(); err != nil {
		return err
	}
	return a.show(m, func() error {
		a.say("%s holds cell %s from record %d (%s) to %d (%s)", o.file, m.Cell, max(m.Base, m.First), m.From, m.Last, m.To)
		if m.Anonymised {
			a.say("Names and texts in it are tokens, so that no decision in it can be audited.")
		} else {
			a.say("Names, environment variables, arguments and small outputs are in it; --anonymise leaves them out.")
		}
		a.say("Look at it with drover replay %s, or drover ls --from %s", o.file, o.file)
		return nil
	})
}

// bundleOf asks the server.
func (a *app) bundleOf(cmd *cobra.Command, o bundleFlags, w io.Writer) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Bundle(cmd.Context(), w, o.records, o.anonymise)
}

// bundleFrom takes it from a stopped server's files.
func (a *app) bundleFrom(cmd *cobra.Command, o bundleFlags, w io.Writer) error {
	src, cell, end, err := history.Open(cmd.Context(), o.from)
	if err != nil {
		return offlineError(err)
	}
	_, err = src.WriteBundle(cmd.Context(), w, history.BundleOptions{
		Cell: cell, Version: buildVersion(), Made: api.Time(a.now().UnixNano()), Records: o.records, Anonymise: o.anonymise,
	})
	return errors.Join(err, end())
}

func newReplayCmd(a *app) *cobra.Command {
	var to string
	var last int
	cmd := &cobra.Command{
		Use:   "replay PATH",
		Short: "Replay a bundle, or a stopped server's directory, and audit it",
		Long: `Replay a bundle of drover debug bundle, or the data directory of a stopped
server, up to a record or a time, on any machine: every record is proved by the
hash chain, folded, and decided again from its inputs. The last records are
listed. ls, show, explain, nodes and sites show the state there, with --from
PATH and --at.

The audit of a bundle begins with the first epoch in it: what the leader of its
snapshot decided after that is replayed only.`,
		Example: "  drover replay cell.zip --to 812\n  drover explain render --from cell.zip --at 812",
		Args:    args(1, 1, "a bundle or a directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.replay(cmd, args[0], to, last)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the last record, by its number or its time (default: all)")
	cmd.Flags().IntVar(&last, "last", 10, "how many of the last records to list")
	return cmd
}

// replayed is a replay with its last records.
type replayed struct {
	history.Replayed
	Last []history.Step `json:"last"`
}

func (a *app) replay(cmd *cobra.Command, path, to string, last int) (err error) {
	at, err := parseMoment("--to", to, a.now())
	if err != nil {
		return err
	}
	src, _, end, err := history.Open(cmd.Context(), path)
	if err != nil {
		return offlineError(err)
	}
	defer func() { err = errors.Join(err, end()) }()
	upto, err := src.Moment(cmd.Context(), at)
	if err != nil {
		return offlineError(err)
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "records", int64(upto), a.now)
	var out replayed
	out.Last = []history.Step{}
	out.Replayed, err = src.Replay(cmd.Context(), upto, buildVersion(), func(s history.Step) {
		out.Last = append(out.Last, s)
		out.Last = out.Last[max(0, len(out.Last)-max(last, 0)):]
		bar.Set(int64(s.Record))
	})
	bar.Done("")
	if err != nil {
		return offlineError(err)
	}
	if err := a.show(out, func() error { return a.tellReplay(path, &out) }); err != nil || len(out.Divergences) == 0 {
		return err
	}
	return codeError{code: exitFailed}
}

func (a *app) tellReplay(path string, r *replayed) error {
	t := &report.Table{Columns: []report.Column{{Title: "RECORD", Right: true}, {Title: "EPOCH", Right: true}, {Title: "TIME"}, {Title: "AUDIT"}, {Title: "EVENTS"}}, Empty: "No records."}
	for _, s := range r.Last {
		audit := "same"
		if !s.Audited {
			audit = "-"
		}
		t.Add(fmt.Sprint(s.Record), fmt.Sprint(s.Epoch), s.Time.String(), audit, eventsText(s.Events))
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	a.say("")
	a.say("%s records after record %d were replayed, %s of them audited, %d diverge.",
		report.Count(int64(r.Records)), r.Base, report.Count(int64(r.Audited)), len(r.Divergences))
	for _, d := range r.Divergences {
		a.say("Divergence: %s", d)
	}
	a.say("At record %d, of %s: %s workloads, %s nodes. drover ls --from %s --at %d lists them.",
		r.At, r.Time, report.Count(int64(len(r.State.Workloads))), report.Count(int64(len(r.State.Nodes))), path, r.At)
	return nil
}

func eventsText(kinds map[string]int) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", kinds[k], k)
	}
	return text
}
