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
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for line := range strings.Lines(got) {
		_, after, ok := strings.Cut(rest, "\n"+line)
		if !ok {
			t.Fatalf("docs/protocol.md does not go on with %q", line)
		}
		rest = "\n" + after
	}
}
