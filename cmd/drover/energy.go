package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
)

// newEnergyCmd is the parent of the commands on energy.
func newEnergyCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "energy",
		Short: "Run when and where energy is clean or cheap",
		Long:  "Run when and where energy is clean or cheap. docs/energy.md has the methods, their sources and what they reach.",
		Args:  args(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEnergyBatteryCmd(a), newEnergyShiftCmd(a), newEnergyBooksCmd(a), newEnergyRespondCmd(a))
	return cmd
}

// energyFault is a mistake in what a command was given.
func energyFault(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return usageError{err, "docs/energy.md says which files are read"}
	}
	return usageError{err, "docs/energy.md says what can be given"}
}
