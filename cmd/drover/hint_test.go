package main

import (
	"testing"

	"drover.dev/api"
)

func TestPendingHint(t *testing.T) {
	const end = "\ndrover explain x says more; Ctrl-C cancels it"
	refused := &api.Decision{Nodes: 3, Reasons: []api.ReasonCount{{Reason: "too little memory", Nodes: 2}, {Reason: "silent", Nodes: 1}}}
	for name, c := range map[string]struct {
		x    api.Explanation
		want string
	}{
		"about to start": {api.Explanation{Decision: &api.Decision{Nodes: 1, Chosen: &api.Candidate{}}}, "no node takes x yet" + end},
		"no nodes":       {api.Explanation{Decision: &api.Decision{}}, "no node takes x yet: there are no nodes" + end},
		"refused":        {api.Explanation{Decision: refused}, "no node takes x yet: too little memory (2 of 3 nodes)" + end},
		"with a suggestion": {
			api.Explanation{Decision: refused, Suggestions: []api.Suggestion{{Change: "request 2Gi less memory", Nodes: 2}}},
			"no node takes x yet: too little memory (2 of 3 nodes); it would start with this change: request 2Gi less memory" + end,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pendingHint("x", &c.x); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

func TestNumbered(t *testing.T) {
	for text, want := range map[string]string{
		"read the log of ~17: there is no workload ~17": "read the log of #17: there is no workload #17",
		"open /home/a~1/x: ~backup, ~5x":                "open /home/a~1/x: ~backup, ~5x",
	} {
		if got := numbered(text); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
