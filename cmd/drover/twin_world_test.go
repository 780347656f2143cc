package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/internal/rehearse"
)

// TestDeclaredTermsHaveAWeight: a term that says no weight counts in a rehearsal as it does
// when the strategy is applied.
func TestDeclaredTermsHaveAWeight(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte("{apiVersion: drover/v1, kind: strategy, name: mine, terms: [{term: latency}, {term: fit, weight: 3}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := rehearsal{declare: []string{file}}
	if err := o.declared(&app{}); err != nil || len(o.c.Declared) != 1 {
		t.Fatal(err, o.c.Declared)
	}
	if s := o.c.Declared[0]; s.Terms[0].Weight != 1 || s.Terms[1].Weight != 3 || s.Ties == "" {
		t.Errorf("%+v", s)
	}
}

// Numbers that no world can be computed with are refused by the name of their flag.
func TestWorldNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		intensity, price float64
		resume           time.Duration
		want             string
	}{
		"as they are":        {480, 0.2, time.Minute, ""},
		"a price below zero": {480, -0.1, 0, ""},
		"no intensity":       {math.NaN(), 0.2, 0, "--carbon-intensity"},
		"negative intensity": {-1, 0.2, 0, "--carbon-intensity"},
		"endless price":      {480, math.Inf(1), 0, "--price"},
		"no price":           {480, math.NaN(), 0, "--price"},
		"resumed for years":  {480, 0.2, 999_999 * time.Hour, "--suspend-cost"},
		"resumed the sooner": {480, 0.2, -1, "--suspend-cost"},
	} {
		err := (&worldFlags{resume: c.resume}).numbers(&rehearse.Plan{Intensity: c.intensity, Price: c.price})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
