package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"drover.dev/internal/signal"
)

func newSignalsCmd(a *app) *cobra.Command {
	cmd := a.readFlags(&cobra.Command{
		Use:     "signals",
		Aliases: []string{"signal"},
		Short:   "List what the cell knows of carbon intensity, prices and weather",
		Long: `List what the cell knows of carbon intensity, prices, outside temperature and on-site
generation. Feeds and tariffs bring it (drover server --signals FILE), and drover
signals put. Without either, the yearly mean of the country stands for the zone of a
site. docs/energy.md describes all of it.`,
		Args: args(0, 0, ""),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := c.Signals(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(list(rows), func() error { return a.signalTable(rows).Render(a.out, a.style()) })
		}),
	})
	cmd.AddCommand(newSignalsShowCmd(a), newSignalsPutCmd(a), newSignalsAcceptCmd(a), newSignalsFeedsCmd(a), newSignalsTryCmd(a))
	return cmd
}

func (a *app) signalTable(rows []api.SignalView) *report.Table {
	t := &report.Table{
		Columns: []report.Column{
			{Title: "SIGNAL"},
			{Title: "NOW", Right: true},
			{Title: "GIVE OR TAKE", Right: true},
			{Title: "NEXT 24 H"},
			{Title: "KNOWN", Right: true},
			{Title: "FORECAST", Right: true},
			{Title: "FROM"},
			{Title: "TROUBLE"},
		},
		Empty: "No signals yet: declare sites with a zone (the mean of its country is there seconds later), or give the server feeds (drover signals feeds).",
	}
	now := a.apiNow()
	for _, v := range rows {
		values := make([]float64, len(v.Next))
		for i, n := range v.Next {
			values[i] = float64(n)
		}
		known, until := "–", "–"
		if v.End != 0 {
			known, until = report.Ago(v.KnownUntil, now), report.Ago(v.End, now)
		}
		t.Add(api.SignalKey(v.Kind, v.Zone), signalText(v.Now, v.Kind, v.Currency), signalText(v.Spread, v.Kind, v.Currency),
			report.Sparkline(a.style(), values, 24), known, until, orDash(v.Origin), troubleText(v.Fault, v.FaultSince, now))
	}
	return t
}

// apiNow is the time that is shown: the present, or that of the past that is read.
func (a *app) apiNow() api.Time {
	if at := a.past.time(); at != 0 {
		return at
	}
	return api.Time(a.now().UnixNano())
}

func troubleText(fault string, since, now api.Time) string {
	if fault == "" {
		return "–"
	}
	return report.Ago(since, now) + ": " + fault
}

// signalText is a value in the unit that people use.
func signalText(v int64, k api.SignalKind, currency string) string {
	name, factor := signal.Name(k, currency)
	return report.Number(float64(v)*factor) + " " + name
}

func newSignalsShowCmd(a *app) *cobra.Command {
	var page string
	cmd := a.readFlags(&cobra.Command{
		Use:   "show KIND/ZONE",
		Short: "Draw a signal with its forecast",
		Long: `Draw a signal with its forecast. Without a kind the carbon intensity is meant. Hours
are those of this machine's clock.`,
		Example: "  drover signals show DE\n  drover signals show price/DE-LU --html price.html",
		Args:    args(1, 1, "a zone, or KIND/ZONE"),
		RunE: a.withReader(func(cmd *cobra.Command, c *client.Client, names []string) error {
			kind, zone, ok := strings.Cut(names[0], "/")
			if !ok {
				kind, zone = string(api.SignalCarbon), names[0]
			}
			s, err := c.Signal(cmd.Context(), api.SignalKind(kind), zone)
			if err != nil {
				return err
			}
			if page != "" {
				if err := a.signalPage(s, page); err != nil {
					return err
				}
			}
			return a.show(s, func() error { return a.drawSignal(s) })
		}),
	})
	cmd.Flags().StringVar(&page, "html", "", "write a page with the chart to this file, too")
	return cmd
}

func (a *app) drawSignal(s *api.Signal) error {
	now := a.apiNow()
	v, spread := s.At(now)
	pairs := []report.Pair{
		{Key: "Signal", Value: s.Key(), Tone: report.Strong},
		{Key: "Now", Value: signalText(v, s.Kind, s.Currency) + " ± " + signalText(spread, s.Kind, s.Currency)},
		{Key: "Usually", Value: signalText(s.Usual, s.Kind, s.Currency) + " ± " + signalText(s.UsualSpread, s.Kind, s.Currency)},
		{Key: "From", Value: orDash(s.Origin) + ", " + report.Ago(s.Issued, now)},
		{Key: "Trouble", Value: strings.TrimPrefix(troubleText(s.Fault, s.FaultSince, now), "–"), Tone: report.Bad},
	}
	if s.Accepted != 0 {
		pairs = append(pairs, report.Pair{Key: "Accepted", Value: "what it says from " + s.Accepted.String() + " on" + forWhat(s.AcceptedFor)})
	}
	if len(s.Values) > 0 {
		pairs = append(pairs, report.Pair{Key: "Known", Value: "until " + s.KnownUntil().String() + ", forecast until " + s.End().String()})
	}
	if err := report.Pairs(a.out, a.style(), pairs); err != nil || len(s.Values) == 0 {
		return err
	}
	p := report.Plot{Format: func(v float64) string { return signalText(int64(v), s.Kind, s.Currency) }}
	step, to := max(s.Step, 30*api.Minute), ""
	for t := max(s.Start, now.Add(-12*api.Hour)); t < min(s.End(), now.Add(36*api.Hour)); t = t.Add(step) {
		v, _ := s.At(t)
		if t < s.KnownUntil() {
			p.Expected++
		}
		p.Values = append(p.Values, float64(v))
		if to = time.Unix(0, int64(t.Add(step))).Format("Jan 2, 15:04"); p.From == "" {
			p.From = time.Unix(0, int64(t)).Format("Jan 2, 15:04")
		}
	}
	if p.To = to; p.Expected == len(p.Values) {
		p.Expected = 0
	}
	fmt.Fprintln(a.out)
	return p.Render(a.out, a.style())
}

// signalPage writes a page with the whole signal.
func (a *app) signalPage(s *api.Signal, path string) error {
	name, factor := signal.Name(s.Kind, s.Currency)
	known, forecast := report.Series{Name: "known"}, report.Series{Name: "forecast, 80 % interval"}
	for i := range s.Values {
		t := s.Start.Add(api.Duration(i) * s.Step)
		v, spread := s.At(t)
		x, y, d := float64(t)/1e9, float64(v)*factor, float64(spread)*factor
		to := &known
		if i >= int(s.Known) {
			to = &forecast
			to.Low, to.High = append(to.Low, y-d), append(to.High, y+d)
		}
		to.X, to.Y = append(to.X, x), append(to.Y, y)
	}
	p := report.Page{Title: "Signal " + s.Key(), Subtitle: s.Origin + ", issued " + s.Issued.String()}
	var lines []report.Series
	for _, l := range []report.Series{known, forecast} {
		if len(l.X) > 0 {
			lines = append(lines, l)
		}
	}
	p.Lines(s.Key(), &report.LineChart{
		Series: lines, YLabel: name,
		FormatX: func(v float64) string { return time.Unix(int64(v), 0).UTC().Format("02 Jan 15:04") },
	})
	f, err := os.Create(path)
	if err != nil {
		return usageError{err, "choose another name for the page"}
	}
	return errors.Join(p.Render(f), f.Close())
}
