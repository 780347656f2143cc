package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"drover.dev/internal/signal"
)

func newSignalsPutCmd(a *app) *cobra.Command {
	var file signal.File
	var kind, horizon string
	cmd := &cobra.Command{
		Use:   "put FILE.csv",
		Short: "Bring the values of a file into the cell",
		Long: `Bring the values of a file into the cell: a line of titles, then a line a moment,
plain or packed by gzip. Steps may be uneven, values may be missing, and times may be
local ones (--tz), on days of summer time, too. Only what lies within the last two
days and the week to come is kept; a forecast goes on where the file ends.`,
		Example: "  drover signals put carbon.csv --zone DE\n  drover signals put prices.csv --kind price --zone DE-LU --unit EUR/MWh --tz Europe/Berlin",
		Args:    args(1, 1, "a file"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, names []string) error {
			file.Path, file.Kind = names[0], api.SignalKind(kind)
			if !slices.Contains(api.SignalKinds(), file.Kind) || !api.ValidZone(file.Zone) {
				return usageError{errText("--kind %s --zone %s name no signal", kind, file.Zone), "for example --kind carbon --zone DE"}
			}
			if err := file.Horizon.UnmarshalText([]byte(horizon)); err != nil {
				return usageError{fmt.Errorf("--horizon: %w", err), "write for example 48h"}
			}
			if err := file.Validate(); err != nil {
				return usageError{errText("%s", strings.ReplaceAll(err.Error(), "\n", "; ")), "see drover signals put --help"}
			}
			known, err := signalOrNone(cmd.Context(), c, file.Kind, file.Zone)
			if err != nil {
				return err
			}
			now := api.Time(a.now().UnixNano())
			s, err := file.Look(cmd.Context(), nil, known, now)
			if err != nil {
				return usageError{err, "see drover signals put --help"}
			}
			if err := c.PutSignal(cmd.Context(), s); err != nil {
				return err
			}
			return a.show(s, func() error { return a.drawSignal(s) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&kind, "kind", "carbon", "carbon, price, temperature or generation")
	f.StringVar(&file.Zone, "zone", "", "the zone, as sites name it, or the name of a tariff")
	f.StringVar(&file.Value, "column", "", "title of the column of values (default: the first that holds numbers)")
	f.StringVar(&file.Time, "time", "", "title of the column of times (default: the first)")
	f.StringVar(&file.Unit, "unit", "", "for example g/kWh or EUR/MWh (default: as a title says)")
	f.StringVar(&file.TZ, "tz", "", "IANA zone of times that name no offset (default UTC)")
	f.StringVar(&file.Forecast, "forecast", "snaive", "model that goes on where the file ends, or none")
	f.StringVar(&horizon, "horizon", "48h", "how far it goes on from now, at most 8d")
	completeFlag(cmd, "kind", "carbon", "price", "temperature", "generation")
	return cmd
}

// signalOrNone is what the cell knows of a signal; nil when it knows none.
func signalOrNone(ctx context.Context, c *client.Client, kind api.SignalKind, zone string) (*api.Signal, error) {
	s, err := c.Signal(ctx, kind, zone)
	var refused *client.Error
	if errors.As(err, &refused) && refused.Problem.Type == api.ProblemNoSignal {
		return nil, nil
	}
	return s, err
}

func newSignalsFeedsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "feeds [NAME]",
		Short: "List the feeds that are shipped, or show one's file",
		Long: `List the feeds that are shipped, or show the file of one: to be read, or changed and put
into the file that drover server --signals takes.`,
		Args: args(0, 1, "the name of a feed"),
		RunE: func(_ *cobra.Command, names []string) error {
			if len(names) == 1 {
				text, err := signal.ShippedText(names[0])
				if err != nil {
					return codeError{exitNotFound, err.Error() + ": see drover signals feeds"}
				}
				_, err = a.out.Write(text)
				return err
			}
			feeds, err := signal.Shipped()
			if err != nil {
				return err
			}
			var rows []feedRow
			for _, f := range feeds {
				rows = append(rows, feedRow{f.Name, f.Kind, f.Doc})
			}
			return a.show(list(rows), func() error {
				t := &report.Table{Columns: []report.Column{{Title: "FEED"}, {Title: "KIND"}, {Title: "WHAT IT BRINGS"}}}
				for _, r := range rows {
					t.Add(r.Name, string(r.Kind), r.Doc)
				}
				return t.Render(a.out, a.style())
			})
		},
	}
}

type feedRow struct {
	Name string         `json:"name"`
	Kind api.SignalKind `json:"kind"`
	Doc  string         `json:"doc"`
}

// tried is what a source of signals said.
type tried struct {
	Signal string      `json:"signal"`
	Found  *api.Signal `json:"found,omitempty"`
	Error  string      `json:"error,omitempty"`
}

func newSignalsTryCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "try FILE.yaml",
		Short: "Ask the feeds of a file once, without a cell",
		Long: `Ask the feeds, tariffs and files that drover server --signals FILE would use, once and
without a cell, and show what they say.`,
		Args: args(1, 1, "a file"),
		RunE: func(cmd *cobra.Command, names []string) error {
			cfg, err := readSignals(names[0])
			if err != nil {
				return err
			}
			var rows []tried
			failed := 0
			for _, s := range cfg.Sources() {
				row := tried{Signal: s.Key()}
				if row.Found, err = s.Look(cmd.Context(), &signal.Client{}, nil, api.Time(a.now().UnixNano())); err != nil {
					row.Error = err.Error()
					failed++
				}
				rows = append(rows, row)
			}
			if err := a.show(list(rows), func() error { return a.triedTable(rows).Render(a.out, a.style()) }); err != nil || failed == 0 {
				return err
			}
			return codeError{exitUnreachable, fmt.Sprintf("%d of %d sources are of no use", failed, len(rows))}
		},
	}
}

func (a *app) triedTable(rows []tried) *report.Table {
	t := &report.Table{Columns: []report.Column{{Title: "SIGNAL"}, {Title: "NOW", Right: true}, {Title: "VALUES", Right: true}, {Title: "KNOWN UNTIL"}, {Title: "FORECAST UNTIL"}, {Title: "TROUBLE"}}}
	now := a.apiNow()
	for _, r := range rows {
		if r.Found == nil {
			t.Add(r.Signal, "–", "–", "–", "–", r.Error)
			continue
		}
		v, _ := r.Found.At(now)
		t.Add(r.Signal, signalText(v, r.Found.Kind, r.Found.Currency), itoa(int32(len(r.Found.Values))), r.Found.KnownUntil().String(), r.Found.End().String(), "–")
	}
	return t
}

// readSignals reads the settings of signals; nil without a path.
func readSignals(path string) (*signal.Config, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	cfg, err := signal.ReadConfig(f)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %s", path, strings.TrimSpace(err.Error())), "docs/energy.md describes the file"}
	}
	return cfg, nil
}
