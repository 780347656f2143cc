package main

import (
	"errors"
	"regexp"
	"strings"

	"drover.dev/api"
	"github.com/spf13/cobra"
)

const (
	groupWork  = "work"
	groupCell  = "cell"
	groupRun   = "run"
	groupTell  = "tell"
	groupProve = "prove"
)

// commands are all commands: one file each, newXCmd(app).
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		inGroup(groupWork, newRunCmd(a)),
		inGroup(groupWork, newApplyCmd(a)),
		inGroup(groupWork, newPlanCmd(a)),
		inGroup(groupWork, newLsCmd(a)),
		inGroup(groupWork, newShowCmd(a)),
		inGroup(groupWork, newExplainCmd(a)),
		inGroup(groupWork, newLogsCmd(a)),
		inGroup(groupWork, newResultCmd(a)),
		inGroup(groupWork, newCancelCmd(a)),
		inGroup(groupWork, newRollbackCmd(a)),
		inGroup(groupWork, newSuspendCmd(a)),
		inGroup(groupWork, newResumeCmd(a)),
		inGroup(groupCell, newNodesCmd(a)),
		inGroup(groupCell, newSitesCmd(a)),
		inGroup(groupCell, newSignalsCmd(a)),
		inGroup(groupCell, newCellsCmd(a)),
		inGroup(groupCell, newStrategiesCmd(a)),
		inGroup(groupCell, newTenantsCmd(a)),
		inGroup(groupCell, newDrainCmd(a)),
		inGroup(groupCell, newStatusCmd(a)),
		inGroup(groupRun, newDemoCmd(a)),
		inGroup(groupRun, newDevCmd(a)),
		inGroup(groupRun, newServerCmd(a)),
		inGroup(groupRun, newAgentCmd(a)),
		inGroup(groupRun, newEdgeCmd(a)),
		inGroup(groupProve, newVerifyCmd(a)),
		inGroup(groupProve, newReplayCmd(a)),
		inGroup(groupProve, newDebugCmd(a)),
		inGroup(groupTell, newSeriesCmd(a)),
		inGroup(groupTell, newForecastCmd(a)),
		inGroup(groupTell, newCapacityCmd(a)),
		inGroup(groupTell, newRightsizeCmd(a)),
		inGroup(groupTell, newScoreboardCmd(a)),
		inGroup(groupTell, newBenchCmd(a)),
		inGroup(groupTell, newRehearseCmd(a)),
		inGroup(groupTell, newTwinCmd(a)),
		inGroup(groupTell, newTraceCmd(a)),
		inGroup(groupTell, newSolveCmd(a)),
		inGroup(groupTell, newEnergyCmd(a)),
		inGroup(groupTell, newCarbonCmd(a)),
		inGroup(groupTell, newCostCmd(a)),
		newDemoSampleCmd(),
		newVersionCmd(a),
	}
}

func inGroup(id string, c *cobra.Command) *cobra.Command {
	c.GroupID = id
	return c
}

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "drover",
		Short: "Decide where and when work runs across cloud, edge and device nodes, run it, bring the result back",
		Long: `Drover decides where and when each piece of work runs across cloud, edge and
device nodes, runs it, and brings the result back.

  drover dev                          a cell with one node on this machine
  drover run --driver process -- uname -a
  drover explain NAME                 why work is where it is

The flags that all commands share, and those of dev, server, agent and edge, can be
set in the environment, as DROVER_ and the name in capitals (--ca is DROVER_CA).
The shared ones can also stand in ~/.config/drover/config.yaml. A flag goes
before the environment, the environment before the file. Commands find the
server of this machine by themselves.

Exit codes:
` + exitCodes(),
		// Unknown commands come here, and are told like every other mistake.
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.settle(cmd)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{plainFlagError(err), "see " + cmd.CommandPath() + " --help"}
	})
	a.set.flags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupWork, Title: "Work:"},
		&cobra.Group{ID: groupCell, Title: "The cell:"},
		&cobra.Group{ID: groupRun, Title: "Running it:"},
		&cobra.Group{ID: groupProve, Title: "Proving what happened:"},
		&cobra.Group{ID: groupTell, Title: "Forecasting and measuring:"},
	)
	root.AddCommand(commands(a)...)
	root.CompletionOptions.HiddenDefaultCmd = false
	strictCompletion(root)
	completeFlag(root, "output", "table", "wide", "json", "yaml")
	return root
}

// plainFlagError says a flag's fault without the names of Go's parsers.
func plainFlagError(err error) error {
	text := regexp.MustCompile(`strconv\.\w+: parsing "[^"]*": invalid syntax$`).ReplaceAllString(err.Error(), "it is not a number")
	text = regexp.MustCompile(`strconv\.\w+: parsing "[^"]*": value out of range$`).ReplaceAllString(text, "it is too large")
	text = regexp.MustCompile(`time: (invalid|missing|unknown) .*$`).ReplaceAllString(text, "write a time such as 30s or 5m")
	return errors.New(text)
}

func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	hint := "see drover --help"
	if near := api.Nearest(name, names); near != "" {
		hint = "did you mean drover " + near + "?"
	}
	return usageError{errText("there is no command %q", name), hint}
}

// strictCompletion refuses shells that there is no script for; cobra shows its
// help for them.
func strictCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = args(0, 0, "")
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// completeFlag offers fixed values for a flag.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that does not exist, which help tests would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// args checks the number of arguments; the message says what they are.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		switch {
		case len(got) < least:
			return usageError{errText("%s needs %s", cmd.CommandPath(), what), "see " + cmd.CommandPath() + " --help"}
		case most >= 0 && len(got) > most:
			return usageError{errText("%s does not know what to do with %q", cmd.CommandPath(), strings.Join(got[most:], " ")), "see " + cmd.CommandPath() + " --help"}
		}
		return nil
	}
}
