package sched_test

import (
	"os"
	"strings"
	"testing"

	"drover.dev/internal/sched"
)

// TestEveryStrategyHasItsSection: docs/strategies.md leaves none out, and names each
// order and planner.
func TestEveryStrategyHasItsSection(t *testing.T) {
	page, err := os.ReadFile("../../docs/strategies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sched.Strategies() {
		want := "\n### " + s.Name + "\n"
		if s.Family == "order" {
			want = "\n| `" + s.Name + "` "
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/strategies.md has no %q", strings.TrimSpace(want))
		}
	}
}
