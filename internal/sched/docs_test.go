package sched_test

import (
	"os"
	"strings"
	"testing"

	"drover.dev/internal/sched"
)

// TestEveryStrategyHasItsSection: docs/strategies.md leaves none out.
func TestEveryStrategyHasItsSection(t *testing.T) {
	page, err := os.ReadFile("../../docs/strategies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sched.Strategies() {
		if want := "\n### " + s.Name + "\n"; !strings.Contains(string(page), want) {
			t.Errorf("docs/strategies.md has no %q", strings.TrimSpace(want))
		}
	}
}
