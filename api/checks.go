package api

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Checks of forms that several objects share.

// labels checks keys and values of a label map.
func (c *checker) labels(field string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	c.atMost(field, len(m), MaxLabels)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !validLabel(k) {
			c.faultKey(field, k, "%s", badLabel)
		}
		if v := m[k]; len(v) > 128 || !printable(v) {
			c.faultKey(field, k, "a value has at most 128 bytes and no control characters")
		}
	}
}

const badLabel = "a label's key has 1 to 128 letters, digits, and - _ . / inside"

// label checks the key of a label or taint.
func (c *checker) label(field, key string) {
	switch {
	case key == "":
		c.fault(field, "is missing; write the key of a label")
	case !validLabel(key):
		c.fault(field, "%s does not fit: %s", quote(key), badLabel)
	}
}

func validLabel(s string) bool {
	if s == "" || len(s) > 128 || !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if b := s[i]; !alphanumeric(b) && b != '-' && b != '_' && b != '.' && b != '/' {
			return false
		}
	}
	return true
}

// inside requires a path that stays in the directory that root describes.
func (c *checker) inside(field, p, root string) {
	switch {
	case p == "":
		c.fault(field, "is missing; write a path relative to %s", root)
	case strings.HasPrefix(p, "/"):
		c.fault(field, "%s is absolute; write it relative to %s", quote(p), root)
	case leaves(p):
		c.fault(field, `%s leaves %s; write it without ".."`, quote(p), root)
	default:
		c.cleanPath(field, p)
	}
}

// absolute requires an absolute path.
func (c *checker) absolute(field, p string) {
	if !strings.HasPrefix(p, "/") {
		c.fault(field, "%s is not absolute; begin it with /", quote(p))
		return
	}
	c.cleanPath(field, p)
}

func (c *checker) cleanPath(field, p string) {
	switch clean := path.Clean(p); {
	case len(p) > MaxPath:
		c.fault(field, "has %d bytes; the limit is %d", len(p), MaxPath)
	case !printable(p) || strings.Contains(p, `\`):
		c.fault(field, `%s holds control characters or \`, quote(p))
	case clean != p:
		c.fault(field, "%s is not in its simplest form; did you mean %s?", quote(p), quote(clean))
	}
}

// leaves reports whether p has an element "..".
func leaves(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// envName reports whether s can name an environment variable.
func envName(s string) bool {
	if s == "" || len(s) > 128 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && s[i] != '_' {
			return false
		}
	}
	return true
}

// word requires a name in a wider sense, as models, revisions and references to
// secrets have: 1 to limit bytes without control characters.
func (c *checker) word(field, s string, limit int) {
	if s == "" {
		c.fault(field, "is empty")
		return
	}
	c.text(field, s, limit)
}
