package main

import (
	"fmt"
	"strconv"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

func newStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the server and its cell",
		Args:  args(0, 0, ""),
		RunE: a.withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(s, func() error {
				role, tone := roleText(s.Role)
				pairs := []report.Pair{
					{Key: "Server", Value: c.Server()},
					{Key: "Version", Value: s.Version},
					{Key: "Cell", Value: s.Cell, Tone: report.Strong},
					{Key: "Role", Value: role, Tone: tone},
					{Key: "Epoch", Value: strconv.FormatUint(s.Epoch, 10)},
					{Key: "Sequence", Value: report.Count(int64(s.Seq))},
					{Key: "Record", Value: report.Count(int64(s.Record))},
					{Key: "Nodes", Value: strconv.Itoa(int(s.Nodes)) + ", " + strconv.Itoa(int(s.Silent)) + " of them silent"},
					{Key: "Pending", Value: report.Count(int64(s.Pending))},
					{Key: "Running", Value: report.Count(int64(s.Running))},
					{Key: "Finished", Value: report.Count(s.Finished)},
				}
				if r := s.Rollout; r != nil {
					pairs = append(pairs, report.Pair{Key: "Strategy", Value: rolloutText(r), Tone: rolloutTone(r.Status)})
				}
				if p := s.Probation; p != nil {
					pairs = append(pairs, report.Pair{Key: "Strategy", Value: probationText(p), Tone: probationTone(p.Status)})
				}
				for _, l := range s.Losses {
					pairs = append(pairs, report.Pair{Key: "Given up", Tone: report.Bad, Value: lossText(l)})
				}
				for _, v := range s.Servers {
					pairs = append(pairs, report.Pair{Key: "Servers", Value: serverText(v), Tone: serverTone(v.Role)})
				}
				return report.Pairs(a.out, a.style(), pairs)
			})
		}),
	}
}

func roleText(role string) (string, report.Tone) {
	switch role {
	case api.RoleLeader:
		return "leads the cell", report.Good
	case api.RoleFollower:
		return "follows the server that leads the cell", report.Good
	}
	return "waits until a server leads the cell", report.Warn
}

// serverText shows a server of the cell in one line.
func serverText(v api.ServerView) string {
	return fmt.Sprintf("%s %s, epoch %d, sequence %s, %s %s", v.Name, v.Role, v.Epoch, report.Count(int64(v.Seq)), v.URL, v.Version)
}

func serverTone(role string) report.Tone {
	if role == api.RoleSilent {
		return report.Bad
	}
	return report.Good
}

// lossText says what of the journal an operator gave up.
func lossText(l api.AcceptedLoss) string {
	return fmt.Sprintf("records from %d on (%d entries), at %s, in epoch %d", l.From, l.Entries, l.At, l.Epoch)
}
