package chaos

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden trace anew")

// TestOrdinaryRun tells a run in which nothing fails. docs/protocol.md explains the
// protocol by it.
func TestOrdinaryRun(t *testing.T) {
	in := Instance{Servers: 1, Agents: 1, Workloads: 1, Tasks: 1}
	got := strings.Join(in.Ordinary(), "\n") + "\n"
	const golden = "testdata/ordinary.txt"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the ordinary run has changed; if it should, run go test ./internal/chaos -rewrite:\n%s", got)
	}
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
