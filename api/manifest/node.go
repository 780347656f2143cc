package manifest

import "fmt"

// Limits of what is read.
const (
	MaxSize      = 4 << 20 // bytes of one input
	MaxDocuments = 1000    // documents of one input
	maxDepth     = 64      // lists and mappings inside each other
	maxTokens    = 400_000 // words and signs of one YAML document
	maxSiblings  = 4000    // keys of one block mapping
	maxNodes     = 400_000 // values of one input, those that aliases repeat counted each time
)

// kind is the form of a value.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindList
	kindMapping
)

// node is a value as written in YAML or JSON, with its place.
type node struct {
	kind   kind
	size   int32 // values in it, itself included
	place  place
	text   string // of a scalar: a number as it was written, a string's content
	items  []node // of a list
	fields []field
}

// field is an entry of a mapping, in the order of writing.
type field struct {
	key   string
	place place // of the key
	value node
}

// place is a position in the text, from 1; zero when not known.
type place struct{ line, column int32 }

// get returns the value of a key, nil when there is none.
func (n *node) get(key string) *node {
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i].value
		}
	}
	return nil
}

// is describes what a value is, for messages.
func (n *node) is() string {
	switch n.kind {
	case kindNull:
		return "nothing"
	case kindBool, kindNumber:
		return n.text
	case kindString:
		return fmt.Sprintf("the text %.64q", n.text)
	case kindList:
		return "a list"
	}
	return "a mapping"
}

// syntaxError is text that is not YAML or JSON, or exceeds a limit.
type syntaxError struct {
	place   place
	message string
}

func (e *syntaxError) Error() string { return e.message }

func broken(at place, format string, args ...any) error {
	return &syntaxError{at, fmt.Sprintf(format, args...)}
}
