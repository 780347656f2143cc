package profile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the generated tables of docs/analysis.md")

// TestDocs keeps the tables of the documentation equal to the code's.
func TestDocs(t *testing.T) {
	const page = "../../docs/analysis.md"
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var classes, rows strings.Builder
	classes.WriteString("| class | when |\n|---|---|\n")
	for _, r := range ClassRules() {
		fmt.Fprintf(&classes, "| %s | %s |\n", r.Class, r.When)
	}
	rows.WriteString("| when | technology | strategy | because |\n|---|---|---|---|\n")
	for _, r := range Table() {
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", r.When, r.Technology, r.Strategy, r.Why)
	}
	want := section(t, section(t, string(have), "classes", classes.String()), "advice", rows.String())
	if want == string(have) {
		return
	}
	if !*rewrite {
		t.Fatalf("%s does not show the tables of the code: go test ./internal/profile -run Docs -rewrite", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// section replaces what stands between the marks of a generated section.
func section(t *testing.T, page, name, body string) string {
	t.Helper()
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	head, rest, ok1 := strings.Cut(page, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("the page has no section %s", name)
	}
	return head + begin + body + end + tail
}
