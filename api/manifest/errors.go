package manifest

import (
	"fmt"
	"strings"

	"drover.dev/api"
)

// Errors is every fault of an input.
type Errors struct {
	File string
	List []Error // in the order of the text
}

// Error is one fault with the document that it is in, from 0.
type Error struct {
	api.FieldError
	Document int
}

// Error lists the faults, one a line: "file:line:column: path: message".
func (e *Errors) Error() string {
	lines := make([]string, len(e.List))
	for i, f := range e.List {
		lines[i] = e.line(f)
	}
	return strings.Join(lines, "\n")
}

func (e *Errors) line(f Error) string {
	var b strings.Builder
	b.WriteString(e.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

func (e *Errors) add(document int, faults []api.FieldError) {
	for _, f := range faults {
		e.List = append(e.List, Error{f, document})
	}
}
