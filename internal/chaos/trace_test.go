package chaos

import (
	"os"
	"strings"
	"testing"
)

// TestOrdinaryRun tells a run in which nothing fails. docs/protocol.md explains the
// protocol by it, piece by piece.
func TestOrdinaryRun(t *testing.T) {
	in := Instance{Servers: 1, Agents: 1, Workloads: 1, Tasks: 1}
	got := strings.Join(in.Ordinary(), "\n") + "\n"
	golden(t, "ordinary.txt", got)
	inPage(t, got)
}

// TestPageShowsACounterexample: docs/protocol.md shows what a violation looks like.
func TestPageShowsACounterexample(t *testing.T) {
	b, err := os.ReadFile("testdata/bugs/no-grace.txt")
	if err != nil {
		t.Fatal(err)
	}
	inPage(t, string(b))
}

// inPage checks that docs/protocol.md has the lines of a text, in order.
func inPage(t *testing.T, text string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for line := range strings.Lines(text) {
		_, after, ok := strings.Cut(rest, "\n"+line)
		if !ok {
			t.Fatalf("docs/protocol.md does not go on with %q", line)
		}
		rest = "\n" + after
	}
}
