package main

import (
	"testing"

	"drover.dev/api"
)

func TestExpectedStart(t *testing.T) {
	const noon = api.Time(12 * api.Hour)
	at := noon.Add(11 * api.Minute)
	for _, tt := range []struct {
		x    *api.ExpectedStart
		want string
	}{
		{nil, ""},
		{&api.ExpectedStart{At: at, Promised: true}, "in 11 min, at 1970-01-01T12:11:00Z, as promised"},
		{&api.ExpectedStart{At: at}, "in 11 min, at 1970-01-01T12:11:00Z, if nobody else takes the room"},
	} {
		if got := expectedStartText(tt.x, noon); got != tt.want {
			t.Errorf("%q, not %q", got, tt.want)
		}
	}
}

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
