package api

import (
	"fmt"
	"strings"
)

// checker gathers the faults of one object. It knows where it is, so that checks
// name fields only; a path is spelled out when there is a fault at it.
type checker struct {
	faults []FieldError
	unsaid int // faults beyond MaxErrors
	at     []step
}

// step is one part of a path: a field, or an element of a list field.
type step struct {
	field string
	index int // -1: the field itself
}

func (c *checker) enter(field string)              { c.at = append(c.at, step{field, -1}) }
func (c *checker) enterAt(field string, index int) { c.at = append(c.at, step{field, index}) }
func (c *checker) leave()                          { c.at = c.at[:len(c.at)-1] }

// fault records that something is wrong with a field of the present object; the
// field "" is the object itself.
func (c *checker) fault(field, format string, args ...any) {
	c.faultKey(field, "", format, args...)
}

// faultAt is fault for an element of a list field.
func (c *checker) faultAt(field string, i int, format string, args ...any) {
	c.enterAt(field, i)
	c.fault("", format, args...)
	c.leave()
}

// faultKey is fault for an entry of a map field.
func (c *checker) faultKey(field, key, format string, args ...any) {
	if !c.room() {
		return
	}
	path := ""
	for _, s := range c.at {
		path = PathKey(path, s.field)
		if s.index >= 0 {
			path = PathAt(path, s.index)
		}
	}
	if field != "" {
		path = PathKey(path, field)
	}
	if key != "" {
		path = PathKey(path, key)
	}
	c.faults = append(c.faults, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// room reports whether another fault would be listed; if not, it is counted. Ask
// before making a message that takes long to make.
func (c *checker) room() bool {
	if len(c.faults) < MaxErrors {
		return true
	}
	c.unsaid++
	return false
}

// done returns the faults, nil when there are none.
func (c *checker) done() []FieldError {
	if c.unsaid > 0 {
		c.faults = append(c.faults, FieldError{Message: fmt.Sprintf("there are %d more faults; correct these first", c.unsaid)})
	}
	return c.faults
}

// within requires lo ≤ v ≤ hi.
func within[T ~int32 | ~int64](c *checker, field string, v, lo, hi T) {
	switch {
	case v < 0 && lo == 0:
		c.fault(field, "%v is negative", v)
	case v < lo:
		c.fault(field, "%v is below the least possible value, %v", v, lo)
	case v > hi:
		c.fault(field, "%v is above the limit of %v", v, hi)
	}
}

// oneOf requires v to be empty or one of known.
func oneOf[T ~string](c *checker, field string, v T, known ...T) {
	if v == "" {
		return
	}
	for _, k := range known {
		if v == k {
			return
		}
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	c.fault(field, "%s is not known%s", quote(string(v)), didYouMean(string(v), names))
}

// present requires a value.
func present[T ~string](c *checker, field string, v T, example string) {
	if v == "" {
		c.fault(field, "is missing; write for example %s", example)
	}
}

// atMost limits the length of a list or map.
func (c *checker) atMost(field string, n, most int) {
	if n > most {
		c.fault(field, "has %d entries; the limit is %d", n, most)
	}
}

// distinct requires the elements of a list to differ and calls each for every
// one. Lists here are short: MaxItems bounds them.
func distinct[T comparable](c *checker, field string, list []T, each func(i int)) {
	c.atMost(field, len(list), MaxItems)
	list = list[:min(len(list), MaxItems)]
	for i, v := range list {
		for j := range i {
			if list[j] == v {
				c.faultAt(field, i, "repeats %v", PathAt(field, j))
				break
			}
		}
		each(i)
	}
}

// name requires a name: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
func (c *checker) name(field, s string) {
	switch {
	case ValidName(s):
	case s == "":
		c.fault(field, "is missing; write a name of small letters, digits and -")
	default:
		c.fault(field, "%s", badName(s))
	}
}

// ValidName reports whether s can name a workload, a task, a node, a site or a
// tenant: 1 to 63 small letters, digits and "-", which neither begins nor ends
// it.
func ValidName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func badName(s string) string {
	const rule = "%s is not a name: 1 to 63 small letters, digits and -, neither first nor last"
	meant := strings.Trim(strings.Map(func(r rune) rune {
		if r < 0x80 && alphanumeric(byte(r)) {
			return r
		}
		return '-'
	}, strings.ToLower(s[:min(len(s), 63)])), "-")
	if len(s) <= 63 && ValidName(meant) {
		return fmt.Sprintf(rule+"; did you mean %s?", quote(s), meant)
	}
	return fmt.Sprintf(rule, quote(s))
}

// text requires a value of at most limit bytes without control characters.
func (c *checker) text(field, s string, limit int) {
	if len(s) > limit {
		c.fault(field, "has %d bytes; the limit is %d", len(s), limit)
	}
	if !printable(s) {
		c.fault(field, "%s holds control characters", quote(s))
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
