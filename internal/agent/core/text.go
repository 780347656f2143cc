package core

import (
	"slices"
	"strings"

	"drover.dev/api"
)

// maxSignal bounds the name of a signal, in bytes.
const maxSignal = 128

// tidy makes every text of a report valid UTF-8 and bounds it. Texts come from
// tasks, file names and other programs, and one that is not UTF-8 could be read
// neither from the ledger nor by the server.
func tidy(r *api.Report) {
	r.Detail = clip(r.Detail)
	r.Ports = slices.Clone(r.Ports)
	for i := range r.Ports {
		r.Ports[i].Name = clip(r.Ports[i].Name)
	}
	if r.Result == nil {
		return
	}
	res := *r.Result
	res.Reason, res.Detail, res.Signal = clip(res.Reason), clip(res.Detail), clipTo(res.Signal, maxSignal)
	res.Outputs = slices.Clone(res.Outputs)
	for i := range res.Outputs {
		v := &res.Outputs[i]
		v.Name, v.File, v.Digest = clip(v.Name), clipTo(v.File, api.MaxPath), api.Digest(clip(string(v.Digest)))
	}
	r.Result = &res
}

// clip bounds a text to MaxDetail bytes.
func clip(s string) string { return clipTo(s, MaxDetail) }

// clipTo puts a question mark for what is not UTF-8, and cuts text to so many
// bytes, not within a character.
func clipTo(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
