package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// CSV writes all columns of a table (RFC 4180), the first line their titles. Texts that a
// spreadsheet would take for a formula begin with an apostrophe.
func (t *Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	titles := make([]string, len(t.Columns))
	for i := range t.Columns {
		titles[i] = t.Columns[i].Title
	}
	rows := append([][]string{titles}, t.Rows...)
	for _, row := range rows {
		cells := make([]string, len(titles))
		for i := range cells[:min(len(cells), len(row))] {
			cells[i] = unformulated(Clean(row[i]))
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// unformulated is a cell that no spreadsheet computes; negative numbers stay as they are.
func unformulated(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) || s[0] == '-' && strings.Trim(s[1:], "0123456789.eE") == "" && len(s) > 1 {
		return s
	}
	return "'" + s
}
