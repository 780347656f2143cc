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
	text := "waits for " + clock(d.Since, d.Until) + ": " + percentText(d.Saves) + " " + savedText(d.By) + ", +" + (d.Until.Sub(d.Since)/api.Minute*api.Minute).String()
	if d.Doubt != "" {
		text += " (" + d.Doubt + ")"
	}
	return text
}

// SlicedText says what a stretch of time in the run of a task is for.
func SlicedText(s *state.Slice) string {
	switch {
	case s.Pause:
		return "stands still until " + clock(s.Since, s.Until) + ": " + percentText(s.Saves) + " of what is left"
	case s.Until != 0:
		return "runs until " + clock(s.Since, s.Until)
	}
	return "runs to its end"
}

func savedText(by api.Objective) string {
	if by == api.ObjectiveBalanced {
		return "carbon and cost"
	}
	return string(by)
}

func percentText(p int32) string {
	if p < 0 {
		return "−" + strconv.Itoa(int(-p)) + " %"
	}
	return strconv.Itoa(int(p)) + " %"
}

// clock is a moment as it is said beside another one: the time, and the day where that
// is another one, in UTC.
func clock(now, at api.Time) string {
	text := at.Std().UTC().Format("2006-01-02 15:04")
	if now.Std().UTC().Format(day) == text[:len(day)] {
		return text[len(day)+1:]
	}
	return text
}

const day = "2006-01-02"
