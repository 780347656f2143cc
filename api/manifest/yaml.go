package manifest

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parsed is one document, or why it cannot be read.
type parsed struct {
	root *node
	err  error
}

// parseYAML reads the documents of a text; empty ones are left out. The library
// could read all at once, but it drops those after an empty one, and one that it
// cannot read would hide the faults of all others.
func parseYAML(data []byte) ([]parsed, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, broken(placeOf(data, invalidUTF8(data)), "is not UTF-8 text")
	}
	var docs []parsed
	nodes := maxNodes
	for _, p := range splitDocuments(data) {
		c := converter{anchors: make(map[string]*node), nodes: nodes, above: p.line - 1}
		n, err := c.document(p.text)
		if n != nil || err != nil {
			docs = append(docs, parsed{n, err})
		}
		if len(docs) > MaxDocuments {
			return nil, broken(place{p.line, 1}, "there are more than %d documents: split the file", MaxDocuments)
		}
		nodes = c.nodes
	}
	return docs, nil
}

// part is the text of one document.
type part struct {
	text []byte
	line int32 // of the whole text, where it begins
}

// splitDocuments cuts a text at the lines that begin with "---" or "...". No
// scalar can hold such a line (YAML 1.2.2, section 9.1.2, c-forbidden).
func splitDocuments(data []byte) []part {
	current := part{line: 1}
	var parts []part
	for line := int32(1); len(data) > 0; line++ {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		text := data[:end]
		if rest, ok := cutMarker(text); ok {
			parts = append(parts, current)
			// Spaces keep the columns of what follows the marker.
			current = part{text: append([]byte("   "), rest...), line: line}
		} else {
			current.text = append(current.text, text...)
		}
		data = data[end:]
	}
	return append(parts, current)
}

func cutMarker(line []byte) (rest []byte, ok bool) {
	if !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("...")) {
		return nil, false
	}
	rest = line[3:]
	return rest, len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0
}

// document reads one document; nil when it is empty.
func (c *converter) document(text []byte) (n *node, err error) {
	// The parser is a library's that has panicked on odd input before. It works
	// on its own data only, so a panic in it leaves nothing half done.
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, broken(place{c.above + 1, 1}, "is not YAML that can be read (%v)", r)
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if err := c.guard(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, c.yamlError(err)
	}
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if n != nil {
			return nil, broken(c.placeAt(d.Body.GetToken()), "is a second document; write --- before it")
		}
		n = new(node)
		if err := c.convert(n, d.Body, 0); err != nil {
			return nil, err
		}
	}
	if n != nil && n.kind == kindNull {
		return nil, nil
	}
	return n, nil
}

// yamlError takes message and place out of the library's error.
func (c *converter) yamlError(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) {
		return broken(place{}, "is not YAML: %v", err)
	}
	at := place{}
	if t := e.GetToken(); t != nil {
		at = c.placeAt(t)
	}
	return broken(at, "is not YAML: %s", e.GetMessage())
}

func (c *converter) placeAt(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{c.above + int32(t.Position.Line), int32(t.Position.Column)}
}

// converter makes nodes of one document's syntax tree.
type converter struct {
	anchors map[string]*node
	nodes   int   // left of maxNodes
	above   int32 // lines before the document
}

func (c *converter) convert(n *node, from ast.Node, depth int) error {
	if depth > maxDepth {
		return broken(c.placeAt(from.GetToken()), "is nested more than %d deep", maxDepth)
	}
	if err := c.take(1, from); err != nil {
		return err
	}
	n.size, n.place = 1, c.placeAt(from.GetToken())
	switch v := from.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			n.place = c.placeAt(v.Values[0].Key.GetToken()) // the library says where the colon is
		}
		return c.mapping(n, v.Values, depth)
	case *ast.MappingValueNode:
		n.place = c.placeAt(v.Key.GetToken())
		return c.mapping(n, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		return c.list(n, v, depth)
	case *ast.AnchorNode:
		if err := c.convert(n, v.Value, depth+1); err != nil {
			return err
		}
		// Known only now, so that nothing can contain itself.
		c.anchors[v.Name.GetToken().Value] = n
		return nil
	case *ast.AliasNode:
		return c.alias(n, v)
	}
	return c.scalar(n, from)
}

// take counts values against the limit.
func (c *converter) take(values int32, at ast.Node) error {
	if c.nodes -= int(values); c.nodes < 0 {
		return broken(c.placeAt(at.GetToken()), "has more than %d values", maxNodes)
	}
	return nil
}

func (c *converter) alias(n *node, v *ast.AliasNode) error {
	name := v.Value.GetToken().Value
	target, ok := c.anchors[name]
	if !ok {
		return broken(c.placeAt(v.GetToken()), "there is no anchor &%.64s before this alias", name)
	}
	if err := c.take(target.size, v); err != nil {
		return err
	}
	at := n.place
	*n = *target
	n.place = at
	return nil
}

func (c *converter) scalar(n *node, from ast.Node) error {
	switch v := from.(type) {
	case *ast.NullNode:
		n.kind = kindNull
	case *ast.BoolNode:
		n.kind, n.text = kindBool, v.Token.Value
	case *ast.IntegerNode:
		n.kind, n.text = kindNumber, v.Token.Value
	case *ast.FloatNode:
		n.kind, n.text = kindNumber, v.Token.Value
	case *ast.InfinityNode:
		n.kind, n.text = kindNumber, v.Token.Value
	case *ast.NanNode:
		n.kind, n.text = kindNumber, v.Token.Value
	case *ast.StringNode:
		n.kind, n.text = kindString, v.Value
	case *ast.LiteralNode:
		n.kind, n.text = kindString, v.Value.Value
	case *ast.TagNode:
		return broken(n.place, "the tag %.64s is not supported; leave it out", v.Start.Value)
	default:
		return broken(n.place, "a %s is not supported here", from.Type())
	}
	return nil
}

func (c *converter) list(n *node, v *ast.SequenceNode, depth int) error {
	n.kind, n.items = kindList, make([]node, len(v.Values))
	for i, item := range v.Values {
		if err := c.convert(&n.items[i], item, depth+1); err != nil {
			return err
		}
		n.size += n.items[i].size
	}
	return nil
}

func (c *converter) mapping(n *node, values []*ast.MappingValueNode, depth int) error {
	n.kind, n.fields = kindMapping, make([]field, 0, len(values))
	var merges []node
	for _, v := range values {
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			merges = append(merges, node{})
			if err := c.convert(&merges[len(merges)-1], v.Value, depth+1); err != nil {
				return err
			}
			continue
		}
		key, err := c.keyOf(v.Key)
		if err != nil {
			return err
		}
		n.fields = append(n.fields, field{key: key, place: c.placeAt(v.Key.GetToken())})
		value := &n.fields[len(n.fields)-1].value
		if err := c.convert(value, v.Value, depth+1); err != nil {
			return err
		}
		n.size += value.size
	}
	return n.mergeAll(merges)
}

// mergeAll adds the fields of other mappings that n does not have; earlier ones
// win.
func (n *node) mergeAll(from []node) error {
	if len(from) == 0 {
		return nil
	}
	has := make(map[string]bool, len(n.fields))
	for i := range n.fields {
		has[n.fields[i].key] = true
	}
	for i := range from {
		if err := n.merge(&from[i], has); err != nil {
			return err
		}
	}
	return nil
}

func (c *converter) keyOf(k ast.MapKeyNode) (string, error) {
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, nil
	}
	return "", broken(c.placeAt(k.GetToken()), "a key must be plain text")
}

// merge adds the fields of a mapping, or of a list of them.
func (n *node) merge(from *node, has map[string]bool) error {
	switch from.kind {
	case kindMapping:
		for _, f := range from.fields {
			if !has[f.key] {
				has[f.key] = true
				n.fields = append(n.fields, f)
				n.size += f.value.size
			}
		}
	case kindList:
		for i := range from.items {
			if from.items[i].kind != kindMapping {
				return broken(from.items[i].place, "<< takes mappings, not %s", from.items[i].is())
			}
			if err := n.merge(&from.items[i], has); err != nil {
				return err
			}
		}
	default:
		return broken(from.place, "<< takes a mapping, not %s", from.is())
	}
	return nil
}
