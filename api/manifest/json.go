package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonReader makes nodes of text that json.Valid accepts: it looks for structure
// only. Places are offsets, in line; see locateOffsets.
type jsonReader struct {
	data  string // nodes hold parts of it
	at    int
	nodes int // left of maxNodes
	depth int
}

// parseJSON reads one JSON value.
func parseJSON(data []byte) (*node, error) {
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	r := jsonReader{data: string(data), nodes: maxNodes}
	n := new(node)
	if err := r.value(n); err != nil {
		return nil, err
	}
	return n, nil
}

// checkJSON refuses what is not one JSON value in UTF-8.
func checkJSON(data []byte) error {
	if len(data) > MaxSize {
		return broken(place{}, "has %d bytes; the limit is %d", len(data), MaxSize)
	}
	if !utf8.Valid(data) {
		return broken(placeOf(data, invalidUTF8(data)), "is not UTF-8 text")
	}
	if json.Valid(data) {
		return nil
	}
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	var syntax *json.SyntaxError
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return broken(place{}, "is empty")
	case errors.As(err, &syntax):
		return broken(placeOf(data, int(syntax.Offset)-1), "is not JSON: %v", syntax)
	case err != nil:
		return broken(place{}, "is not JSON: %v", err)
	}
	return broken(place{}, "is not JSON: %v", io.ErrUnexpectedEOF)
}

func (r *jsonReader) value(n *node) error {
	if r.nodes--; r.nodes < 0 {
		return broken(placeOf([]byte(r.data), r.at), "has more than %d values", maxNodes)
	}
	before := r.nodes
	n.place.line = int32(r.next())
	var err error
	switch r.data[r.at] {
	case '{':
		n.kind = kindMapping
		err = r.nested(n, r.mapping)
	case '[':
		n.kind = kindList
		err = r.nested(n, r.list)
	case '"':
		n.kind, n.text = kindString, r.str()
	default:
		n.text = r.word()
		n.kind = wordKind(n.text)
	}
	n.size = int32(1 + before - r.nodes)
	return err
}

func wordKind(word string) kind {
	switch word[0] {
	case 't', 'f':
		return kindBool
	case 'n':
		return kindNull
	}
	return kindNumber
}

func (r *jsonReader) nested(n *node, read func(*node) error) error {
	if r.depth++; r.depth > maxDepth {
		return broken(placeOf([]byte(r.data), r.at), "is nested more than %d deep", maxDepth)
	}
	err := read(n)
	r.depth--
	return err
}

func (r *jsonReader) mapping(n *node) error {
	r.at++
	n.fields = make([]field, 0, 4)
	for r.next() >= 0 && r.data[r.at] != '}' {
		if r.data[r.at] == ',' {
			r.at++
		}
		f := field{place: place{line: int32(r.next())}, key: r.str()}
		r.next()
		r.at++ // the colon
		n.fields = append(n.fields, f)
		if err := r.value(&n.fields[len(n.fields)-1].value); err != nil {
			return err
		}
	}
	r.at++
	return nil
}

func (r *jsonReader) list(n *node) error {
	r.at++
	for r.next() >= 0 && r.data[r.at] != ']' {
		if r.data[r.at] == ',' {
			r.at++
		}
		n.items = append(n.items, node{})
		if err := r.value(&n.items[len(n.items)-1]); err != nil {
			return err
		}
	}
	r.at++
	return nil
}

// next skips white space and returns where the next token begins.
func (r *jsonReader) next() int {
	for {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return r.at
		}
	}
}

func (r *jsonReader) word() string {
	from := r.at
	for r.at < len(r.data) && strings.IndexByte(",]} \t\n\r", r.data[r.at]) < 0 {
		r.at++
	}
	return r.data[from:r.at]
}

// str reads a string; the text is known to be well formed.
func (r *jsonReader) str() string {
	from, escaped := r.at, false
	for r.at++; r.data[r.at] != '"'; r.at++ {
		if r.data[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	raw := r.data[from:r.at]
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return raw
	}
	return s
}

// locateOffsets turns the offsets that jsonReader leaves into lines and columns.
// Nodes come in the order of the text, so one pass over it is enough.
func locateOffsets(data []byte, n *node) {
	c := cursor{data: data, at: place{1, 1}}
	c.node(n)
}

// cursor walks the text forward.
type cursor struct {
	data   []byte
	offset int
	at     place
}

func (c *cursor) move(p *place) {
	for c.offset < int(p.line) && c.offset < len(c.data) {
		switch b := c.data[c.offset]; {
		case b == '\n':
			c.at = place{c.at.line + 1, 1}
		case utf8.RuneStart(b):
			c.at.column++
		}
		c.offset++
	}
	*p = c.at
}

func (c *cursor) node(n *node) {
	c.move(&n.place)
	for i := range n.fields {
		c.move(&n.fields[i].place)
		c.node(&n.fields[i].value)
	}
	for i := range n.items {
		c.node(&n.items[i])
	}
}

// placeOf finds the line and column of an offset.
func placeOf(data []byte, offset int) place {
	before := data[:max(0, min(offset, len(data)))]
	line := bytes.Count(before, []byte("\n"))
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return place{int32(line) + 1, int32(column) + 1}
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}
