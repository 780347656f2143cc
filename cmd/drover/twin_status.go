package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/lockfile"
	"drover.dev/internal/mirror"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// mirrored is what drover twin status tells.
type mirrored struct {
	Dir     string `json:"dir"`
	Running bool   `json:"running"`
	mirror.Status
	Verified *comparison `json:"verified,omitempty"` // with --verify
}

// comparison holds the mirror's state against the server's, after one record.
type comparison struct {
	Record uint64 `json:"record"`
	Mirror string `json:"mirror"` // SHA-256 of the state
	Server string `json:"server"`
	Same   bool   `json:"same"`
}

func newTwinStatusCmd(a *app) *cobra.Command {
	dir, verify := "", false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the mirror of drover twin sync is behind, and its alarms",
		Long: `Shows what the mirror of drover twin sync wrote down last, at most a second ago while
it runs: its lag, what it predicted, and whether its predictions have become
significantly worse than they were.

With --verify the state of its last checkpoint is held against the server's after the
same record.`,
		Example: "  drover twin status\n  drover twin status --verify -o json",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.mirrored(dir)
			if err == nil && verify {
				s.Verified, err = a.verifyMirror(cmd.Context(), &s.Status)
			}
			if err != nil {
				return err
			}
			if err := a.show(s, func() error { return report.Pairs(a.out, a.style(), s.pairs(a.time())) }); err != nil {
				return err
			}
			if v := s.Verified; v != nil && !v.Same {
				return codeError{exitFailed, ""}
			}
			return nil
		},
	}
	mirrorDirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&verify, "verify", false, "compare the last checkpoint with the server's state")
	return cmd
}

// mirrored reads what a mirror tells of itself.
func (a *app) mirrored(dir string) (*mirrored, error) {
	dir, err := a.mirrorDir(dir)
	if err != nil {
		return nil, err
	}
	s := &mirrored{Dir: dir}
	s.Status, err = mirror.ReadStatus(dir)
	if errors.Is(err, mirror.ErrNone) {
		return nil, noMirror(dir)
	}
	if err != nil {
		return nil, err
	}
	s.Running = lockfile.Held(filepath.Join(dir, mirror.LockName))
	s.Connected = s.Connected && s.Running
	return s, nil
}

func noMirror(dir string) error {
	return codeError{exitNotFound, fmt.Sprintf("there is no mirror in %s; drover twin sync makes one", dir)}
}

func (s *mirrored) pairs(now api.Time) []report.Pair {
	state, tone := "follows the cell", report.Good
	switch {
	case !s.Running:
		state, tone = "does not run, since "+report.Ago(s.At, now), report.Bad
	case !s.Connected:
		state, tone = "is not connected: "+s.Trouble, report.Bad
	}
	p, l := &s.Predictions, &s.Lag
	ms := func(v float64) string { return report.Duration(api.Duration(v * float64(api.Second))) }
	pairs := []report.Pair{
		{Key: "Mirror", Value: s.Dir, Tone: report.Strong},
		{Key: "Server", Value: s.Server},
		{Key: "State", Value: state, Tone: tone},
		{Key: "Record", Value: report.Count(int64(s.Record)) + ", of " + s.Time.String()},
		{Key: "Lag", Value: fmt.Sprintf("%s; p50 %s, p99 %s, longest %s of the last %s", counted(l.Records, "record"), ms(l.P50), ms(l.P99), ms(l.Max), counted(uint64(l.Samples), "record"))},
		{Key: "Checkpoint", Value: "record " + report.Count(int64(s.Checkpoint.Record))},
		{Key: "Predictions", Value: fmt.Sprintf("%s made, %s graded, %s open, %s stopped", report.Count(int64(p.Made)), report.Count(int64(p.Graded)), report.Count(int64(p.Open)), report.Count(int64(p.Stopped)))},
		{Key: "Not predicted", Value: fmt.Sprintf("%d too many, %d ended before their turn, %d that are no jobs of this cell", p.NotMade.TooMany, p.NotMade.TooLate, p.NotMade.Endless)},
		{Key: "Processor", Value: strconv.FormatFloat(100*p.Utilisation, 'f', 1, 64) + " % of one for predictions"},
	}
	for i := range s.Drift {
		text, tone := driftText(&s.Drift[i])
		pairs = append(pairs, report.Pair{Key: "Drift", Value: text, Tone: tone})
	}
	if f := &s.Fits; f.Version > 0 {
		text, tone := fmt.Sprintf("version %d, of record %s: %s, none drifts", f.Version, report.Count(int64(f.Record)), counted(uint64(f.Fits), "fit")), report.Good
		if n := f.Drifting(); n > 0 {
			text, tone = fmt.Sprintf("version %d, of record %s: %d of %s drift; drover twin calibrate --current shows which", f.Version, report.Count(int64(f.Record)), n, counted(uint64(f.Fits), "fit")), report.Bad
		}
		pairs = append(pairs, report.Pair{Key: "Fits", Value: text, Tone: tone})
	}
	if v := s.Verified; v != nil {
		text, tone := "the state is the server's", report.Good
		if !v.Same {
			text, tone = "the state is NOT the server's", report.Bad
		}
		pairs = append(pairs, report.Pair{Key: "Verified", Value: fmt.Sprintf("after record %d %s", v.Record, text), Tone: tone})
	}
	return pairs
}

func driftText(d *mirror.Drift) (string, report.Tone) {
	switch {
	case d.Learning > 0:
		return fmt.Sprintf("%s: what is usual is known after %s more", d.Of, counted(uint64(d.Learning), "round")), report.Plain
	case d.Alarm:
		return fmt.Sprintf("%s: ALARM since %s: significantly worse than before", d.Of, d.Since), report.Bad
	}
	return fmt.Sprintf("%s: none (sum %.1f of %.1f)", d.Of, d.S, d.Threshold), report.Good
}

// verifyMirror holds the last checkpoint against the server's state after its record.
func (a *app) verifyMirror(ctx context.Context, s *mirror.Status) (*comparison, error) {
	v := &comparison{Record: s.Checkpoint.Record, Mirror: s.Checkpoint.State}
	back := s.Record - min(s.Record, v.Record) + standingRecords
	err := a.withServersBundle(ctx, back, func(path string) error {
		src, _, end, err := history.Open(ctx, path)
		if err != nil {
			return err
		}
		defer func() { _ = end() }() // it is a copy
		st, _, err := src.At(ctx, v.Record)
		if err == nil {
			v.Server, err = mirror.HashState(st)
		}
		return err
	})
	v.Same = v.Server == v.Mirror
	return v, err
}
