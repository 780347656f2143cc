package engine

import (
	"cmp"

	"drover.dev/api"
)

// trialOf says that a decision was made by a strategy on probation, as far as that was
// the last one; nil otherwise.
func (e *Engine) trialOf(d *api.Decision) *api.Trial {
	p := e.st.Probation
	if p == nil || d == nil || d.Strategy != p.To || d.At < p.Since || p.Ended != 0 && d.At >= p.Ended {
		return nil
	}
	return &api.Trial{
		Strategy: p.To, From: p.Asked.From, Since: p.Since, Until: cmp.Or(p.Ended, p.Since.Add(p.Asked.Window)), Status: p.Judged.String(), Reason: p.Reason,
	}
}
