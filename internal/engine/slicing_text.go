package engine

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// DeferredText says for what tasks wait, in a phrase; nil is that they wait no longer.
func DeferredText(d *api.Deferral) string {
	if d == nil {
		return "waits no longer for better hours"
	}
	return d.String()
}

// SlicedText says what a stretch of time in the run of a task is for.
func SlicedText(s *state.Slice) string {
	switch {
	case s.Pause:
		return "stands still until " + s.Until.Beside(s.Since) + ": " + strconv.Itoa(int(-s.Saves)) + " % less of what is left"
	case s.Until != 0:
		return "runs until " + s.Until.Beside(s.Since)
	}
	return "runs to its end"
}
