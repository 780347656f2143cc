package main

import (
	_ "embed" // the measured rows
	"encoding/json"
	"fmt"
	"slices"

	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// score is a row of the scoreboard: what a strategy aims at, and what was
// measured, when, on which data, and how to measure it again.
type score struct {
	Family   string `json:"family"`
	Strategy string `json:"strategy"`
	Aim      string `json:"aim"`
	Measured string `json:"measured"` // "" until it was
	Bound    string `json:"bound"`    // the provable optimum, or an honest baseline
	Data     string `json:"data"`
	Date     string `json:"date"`
	Command  string `json:"command"`
}

// measured are rows written from the output of their commands, as JSON.
//
//go:embed scoreboard.json
var measured []byte

func newScoreboardCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "scoreboard",
		Short: "Show what each strategy aims at, and what was measured",
		Long: `Show what each strategy aims at, and what was measured. Figures come from
measurements only; a row without one has not been measured yet.`,
		Args: args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			rows, err := measure(scores())
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(rows, func(r score) bool { return r.Measured != "" }) {
				a.note("These are the aims; nothing is measured yet.")
			}
			return a.show(rows, func() error { return scoreTable(rows).Render(a.out, a.style()) })
		},
	}
}

// measure adds to the rows what was measured.
func measure(rows []score) ([]score, error) {
	var list []score
	if err := json.Unmarshal(measured, &list); err != nil {
		return nil, fmt.Errorf("read the measured rows of the scoreboard: %w", err)
	}
	for _, m := range list {
		i := slices.IndexFunc(rows, func(r score) bool { return r.Family == m.Family && r.Strategy == m.Strategy })
		if i < 0 {
			return nil, fmt.Errorf("the scoreboard has no row for %s, of which there is a measurement", m.Strategy)
		}
		m.Aim = rows[i].Aim
		rows[i] = m
	}
	return rows, nil
}

func scoreTable(rows []score) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Title: "FAMILY"},
		{Title: "STRATEGY"},
		{Title: "AIM"},
		{Title: "MEASURED"},
		{Title: "BOUND"},
		{Title: "DATA"},
		{Title: "DATE", Wide: true},
		{Title: "COMMAND", Wide: true},
	}}
	for _, r := range rows {
		t.Add(r.Family, r.Strategy, r.Aim, orDash(r.Measured), orDash(r.Bound), orDash(r.Data), orDash(r.Date), orDash(r.Command))
	}
	return t
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// scores are the rows of all strategies, in the order of the documentation.
func scores() (rows []score) {
	for _, f := range []struct {
		family, aim string
		strategies  []string
	}{
		{"placing", "every published GPU-packing figure matched or beaten", []string{
			"round-robin", "least-connections", "source-hash", "random-two-choices", "best-fit", "worst-fit", "dot-product", "fragmentation-gradient", "backed-packing",
		}},
		{"order", "no quota exceeded, no inversion of priorities", []string{
			"fifo", "fixed-priority", "dynamic-priority", "deadline", "shortest-first", "fair-share", "backfill", "conservative-backfill",
		}},
		{"global", "the optimum where it is provable, the gap printed otherwise", []string{
			"greedy", "min-cost-assignment", "min-total-completion", "dynamic",
		}},
		{"edge", "local decision below 1 ms", []string{"local-first", "cloud-assisted", "layered", "wasm-first"}},
		{"serverless", "at most 1.4 % cold starts at 0.9 of the waste of a fixed 10 min", []string{"on-demand", "prewarm", "hybrid", "pool"}},
		{"iot", "", []string{"gateway-local", "cloud-central", "edge-cloud", "device-group"}},
		{"green", "20 to 70 % less energy or carbon, by strategy", []string{"energy-aware", "time-slicing", "consolidation", "renewable-following"}},
		{"energy", "10 to 50 % less cost, by strategy", []string{"time-of-use", "renewable-first", "storage", "demand-response"}},
		{"carbon", "the ledger balances to the microgram", []string{"tracking", "budgets", "offsets", "trading"}},
		{"twin", "accuracy of at least 95, 90 and 85 %, beside persistence", []string{"live-sync", "predictive", "offline"}},
		{"quantum", "80 to 90, 60 to 80, 40 to 60 % use of the QPU", []string{"quantum-first", "hybrid", "classical-first"}},
		{"consensus", "final within milliseconds, or seconds when decentralised", []string{"crash-fault", "consortium", "decentralised"}},
		{"market", "70 to 85, 80 to 90, 85 to 95 % use", []string{"decentralised", "hybrid", "central"}},
	} {
		for _, s := range f.strategies {
			rows = append(rows, score{Family: f.family, Strategy: s, Aim: f.aim})
		}
	}
	return rows
}
