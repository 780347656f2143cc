package main

import (
	"testing"

	"drover.dev/api"
)

func TestWhyThereAreNoTasks(t *testing.T) {
	for name, c := range map[string]struct {
		handover *api.HandoverView
		want     string
	}{
		"not yet":         {nil, "No tasks yet."},
		"only offered":    {&api.HandoverView{Cell: "plant", Stand: api.HandoverOffered}, "No tasks yet."},
		"in another cell": {&api.HandoverView{Cell: "plant", Stand: api.HandoverAccepted}, "Its tasks are in cell plant, which tells more of them."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := noTasks(c.handover); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
