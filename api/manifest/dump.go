package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Dump writes v as YAML: what encoding/json makes of it, in the same order of
// fields. Load reads it back.
func Dump(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	r := jsonReader{data: text.String(), nodes: text.Len()}
	var n node
	if err := r.value(&n); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	var w writer
	w.value(&n, 0)
	return w.Bytes(), nil
}

// writer writes nodes in block style.
type writer struct{ bytes.Buffer }

// value writes n as a block of its own.
func (w *writer) value(n *node, indent int) {
	switch {
	case n.kind == kindMapping && len(n.fields) > 0:
		for i := range n.fields {
			if i > 0 {
				w.indent(indent)
			}
			w.text(n.fields[i].key, indent, false)
			w.WriteByte(':')
			w.after(&n.fields[i].value, indent)
		}
	case n.kind == kindList && len(n.items) > 0:
		for i := range n.items {
			if i > 0 {
				w.indent(indent)
			}
			w.WriteString("- ")
			w.value(&n.items[i], indent+2)
		}
	default:
		w.scalar(n, indent)
		w.WriteByte('\n')
	}
}

// after writes the value of a key: a scalar on the same line, blocks below.
func (w *writer) after(n *node, indent int) {
	if len(n.fields) == 0 && len(n.items) == 0 {
		w.WriteByte(' ')
		w.scalar(n, indent+2)
		w.WriteByte('\n')
		return
	}
	w.WriteByte('\n')
	w.indent(indent + 2)
	w.value(n, indent+2)
}

func (w *writer) indent(n int) {
	for range n {
		w.WriteByte(' ')
	}
}

func (w *writer) scalar(n *node, indent int) {
	switch n.kind {
	case kindMapping:
		w.WriteString("{}")
	case kindList:
		w.WriteString("[]")
	case kindString:
		w.text(n.text, max(indent, 2), true)
	default:
		w.WriteString(n.text)
	}
}

// text writes a string in the plainest way that reads back as the same.
func (w *writer) text(s string, indent int, block bool) {
	switch {
	case plain(s):
		w.WriteString(s)
	case block && literal(s):
		w.WriteByte('|')
		body, ended := strings.CutSuffix(s, "\n")
		if !ended {
			w.WriteByte('-')
		}
		for line := range strings.SplitSeq(body, "\n") {
			w.WriteByte('\n')
			if line != "" {
				w.indent(indent)
				w.WriteString(line)
			}
		}
	default:
		w.quoted(s)
	}
}

// quoted writes a JSON string, which is a YAML string, too.
func (w *writer) quoted(s string) {
	e := json.NewEncoder(&w.Buffer)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into memory
	w.Truncate(w.Len() - 1)
}

// plain reports whether s needs no quotes: it has only harmless signs, and no
// reader takes it for a number, a time, a truth value or null.
func plain(s string) bool {
	if s == "" || len(s) > 200 || numberLike(s) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case letter(c), c >= '0' && c <= '9', c == '_', c == '/', c == '.':
		case i == 0:
			return false
		case c == '-', c == '+', c == '=', c == '@', c == '(', c == ')', c == ',', c == '{', c == '}':
		case c == ':' && i+1 < len(s) && s[i+1] != ' ', c == ' ' && i+1 < len(s) && s[i+1] != ' ':
		default:
			return false
		}
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan":
		return false
	}
	return true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// numberLike reports whether s begins like a number and holds nothing that no
// number, time or date has.
func numberLike(s string) bool {
	if c := s[0]; (c < '0' || c > '9') && c != '.' {
		return false
	}
	return strings.Trim(s, "0123456789.,:_+-abcdefABCDEFxXoOTZ ") == ""
}

// literal reports whether s can stand in a literal block.
func literal(s string) bool {
	if !strings.Contains(s, "\n") || strings.HasSuffix(s, "\n\n") || s[0] == ' ' || s[0] == '\n' {
		return false
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasSuffix(line, " ") {
			return false
		}
	}
	for _, r := range s {
		if r < ' ' && r != '\n' || r > '~' {
			return false
		}
	}
	return true
}
