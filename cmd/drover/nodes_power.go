package main

import (
	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/power"
	"github.com/spf13/cobra"
)

func newNodesPowerCmd(a *app, sleep bool) *cobra.Command {
	use, short, action, done := "wake NAME", "Wake a node that sleeps, or fell silent", "waking", "node %s is being woken"
	long := `Wake a node that sleeps, or fell silent. The server does so as its file for --wake
says. Work that needs a node wakes it by itself.`
	if sleep {
		use, short, action, done = "sleep NAME", "Put a node to sleep that holds no task", "sleeping", "node %s is to fall asleep"
		long = `Put a node to sleep that holds no task. Its agent does so as its file for --sleep
says. Work that needs the node wakes it; drain it first to keep it asleep.`
	}
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: args(1, 1, "the name of a node"), ValidArgsFunction: a.completeNodes(),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.Power(cmd.Context(), args[0], api.PowerRequest{Sleep: sleep}); err != nil {
				return err
			}
			return a.did(args[0], action, done)
		}),
	}
}

// readWakers reads how nodes are woken; without a file none is.
func readWakers(path string) (map[string]power.Waker, error) {
	if path == "" {
		return nil, nil
	}
	w, err := power.ReadWakers(path)
	if err != nil {
		return nil, usageError{err, "see --wake in docs/energy.md"}
	}
	return w.Nodes, nil
}

// readChargers reads how batteries are told what to do; without a file none is.
func readChargers(path string) (map[string]power.Charger, error) {
	if path == "" {
		return nil, nil
	}
	c, err := power.ReadChargers(path)
	if err != nil {
		return nil, usageError{err, "see --batteries in docs/energy.md"}
	}
	return c.Sites, nil
}
