package report_test

import (
	"strings"
	"testing"

	"drover.dev/internal/report"
)

func TestCSV(t *testing.T) {
	table := &report.Table{Columns: []report.Column{{Title: "site"}, {Title: "g"}, {Title: "source", Wide: true}}}
	table.Add("berlin", "-4.2", `says "so", twice`)
	table.Add("=1+1", "-", "@x")
	table.Add("short")
	var b strings.Builder
	if err := table.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "site,g,source\nberlin,-4.2,\"says \"\"so\"\", twice\"\n'=1+1,'-,'@x\nshort,,\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
