package main

import (
	"strings"
	"testing"

	"drover.dev/api/client"
)

func TestCheckLs(t *testing.T) {
	for name, c := range map[string]struct {
		limit  int
		status []string
		fault  string
	}{
		"good":       {1, []string{"running", "failed"}, ""},
		"none":       {0, nil, "at least 1"},
		"negative":   {-1, nil, "at least 1"},
		"bad status": {1, []string{"done"}, "it is one of pending, running"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkLs(&client.ListOptions{Status: c.status}, c.limit)
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("%v, not %q", err, c.fault)
			}
		})
	}
}
