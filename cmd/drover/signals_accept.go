package main

import (
	"strings"

	"github.com/spf13/cobra"

	"drover.dev/api"
	"drover.dev/api/client"
)

func newSignalsAcceptCmd(a *app) *cobra.Command {
	var from, why string
	cmd := &cobra.Command{
		Use:   "accept KIND/ZONE",
		Short: "Take what a signal's source says to be true, however far it is from before",
		Long: `Take what the source of a signal says from now on, or from a time on, to be true. A
source whose values are 30 times those before, or a thirtieth, is not believed: mostly
a unit or a zone is wrong. Where prices really changed that much, this says so. The
fault ends, the source is asked at once, and its first values since then are what later
ones are held against. The journal keeps who accepted it, and why.

What cannot be at all, as a negative carbon intensity, stays refused, and so does another
currency or time zone.`,
		Example: "  drover signals accept price/DE-LU --why 'the cap on prices is gone'\n  drover signals accept DE --from 2026-03-01T00:00:00Z",
		Args:    args(1, 1, "a zone, or KIND/ZONE"),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, names []string) error {
			kind, zone, ok := strings.Cut(names[0], "/")
			if !ok {
				kind, zone = string(api.SignalCarbon), names[0]
			}
			known, err := c.Signal(cmd.Context(), api.SignalKind(kind), zone)
			if err != nil {
				return err
			}
			s := &api.Signal{Kind: known.Kind, Zone: known.Zone, Currency: known.Currency, Accepted: a.apiNow(), AcceptedFor: why}
			if from != "" {
				if s.Accepted, err = api.ParseTime(from); err != nil {
					return usageError{errText("--from: %v", err), "for example 2026-03-01T00:00:00Z"}
				}
			}
			if s.Accepted < known.Issued {
				return usageError{errText("--from %s: values of %s are known already and were believed", s.Accepted, known.Issued), "leave --from out, or name a later time"}
			}
			if err := c.PutSignal(cmd.Context(), s); err != nil {
				return err
			}
			if known, err = c.Signal(cmd.Context(), known.Kind, known.Zone); err != nil {
				return err
			}
			return a.show(known, func() error { return a.drawSignal(known) })
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "from when on (default: now)")
	cmd.Flags().StringVar(&why, "why", "", "what the journal says of it, up to 256 bytes")
	return cmd
}

// forWhat is a reason behind a statement.
func forWhat(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
