package live

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// describeCell shows what happens to children and hand-overs.
func describeCell(ev state.Event, out *api.WatchEvent) bool {
	switch e := ev.(type) {
	case *state.CellRegistered:
		out.Status, out.Detail = "ready", "cell "+e.Cell.Name
	case *state.CellSilent:
		out.Status, out.Detail = "silent", "cell "+e.Cell
	case *state.CellBack:
		out.Status, out.Detail = "ready", "cell "+e.Cell
	case *state.CellRemoved:
		out.Status, out.Detail = "removed", "cell "+e.Cell
	case *state.HandoverOffered:
		out.Status, out.Detail = api.HandoverOffered, "to cell "+e.Cell
	case *state.HandoverAccepted:
		out.Status = api.HandoverAccepted
	case *state.HandoverRefused:
		out.Status, out.Detail = api.HandoverRefused, e.Reason
	case *state.HandoverReported:
		out.Status, out.Detail = e.Status.String(), e.Reason
	case *state.HandoverLost:
		out.Status, out.Detail = api.WorkloadFailed.String(), e.Reason
	case *state.HandoverDeclined:
		out.Status, out.Detail = api.HandoverRefused, e.ID.String()+": "+e.Reason
	case *state.HandoverSettled:
		out.Detail = strconv.Itoa(len(e.IDs)) + " hand-overs of the parent"
	default:
		return false
	}
	return true
}
