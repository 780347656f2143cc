package manifest

import (
	"strconv"
	"strings"
)

// locate finds the place of the value that a path names; of what is missing, the
// place of what it should be in.
func (n *node) locate(path string) place {
	at := n.place
	for path != "" {
		var key string
		var index int
		key, index, path = cutPath(path)
		switch next := n.child(key, index); {
		case next == nil:
			return at
		case next.kind == kindMapping || next.kind == kindList:
			n, at = next, n.placeOf(key, next)
		default:
			return next.place
		}
	}
	return at
}

// placeOf is where something with a structure is said to be: at its key, if it
// has one.
func (n *node) placeOf(key string, value *node) place {
	for i := range n.fields {
		if key != "" && n.fields[i].key == key {
			return n.fields[i].place
		}
	}
	return value.place
}

func (n *node) child(key string, index int) *node {
	if key != "" {
		return n.get(key)
	}
	if index < 0 || index >= len(n.items) {
		return nil
	}
	return &n.items[index]
}

// cutPath takes the first part off a path: a key, or a position when key is "".
func cutPath(path string) (key string, index int, rest string) {
	path = strings.TrimPrefix(path, ".")
	if !strings.HasPrefix(path, "[") {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		return path[:end], 0, path[end:]
	}
	if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
		key, _ = strconv.Unquote(quoted)
		_, rest, _ = strings.Cut(path[1+len(quoted):], "]")
		return key, -1, rest
	}
	number, rest, _ := strings.Cut(path[1:], "]")
	index, err := strconv.Atoi(number)
	if err != nil {
		index = -1
	}
	return "", index, rest
}
