package trace

import (
	"strconv"
	"strings"

	"drover.dev/api"
)

// quick reads the rows that are written the way [Writer] writes nearly all of them: no
// blanks, no escapes, no exponents, cpu and memory only. It says false of any other,
// whether or not that is a row; encoding/json, which takes ten times as long, has the
// last word then. A row that it reads is the one that encoding/json would have read.
func quick(line string) (w nativeRow, ok bool) {
	s := scanned{rest: line}
	ok = s.object(func(key string) bool { return w.quick(&s, key) })
	return w, ok && s.rest == ""
}

// quick reads the value of a key.
func (w *nativeRow) quick(s *scanned, key string) bool {
	switch key {
	case "id":
		return s.text(&w.ID)
	case "user":
		return s.text(&w.User)
	case "program":
		return s.text(&w.Program)
	case "submit":
		return s.number(&w.Submit)
	case "run":
		return s.number(&w.Run)
	case "estimate":
		return s.number(&w.Estimate)
	case "deadline":
		return s.number(&w.Deadline)
	case "count":
		return s.whole(&w.Count)
	case "priority":
		return s.whole(&w.Priority)
	case "each":
		return s.object(func(key string) bool { return s.resource(&w.Each, key) })
	}
	return false
}

// scanned is what is left of a line.
type scanned struct{ rest string }

// take takes what the line must go on with.
func (s *scanned) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// object takes {"key":value,…}; value takes what follows a key.
func (s *scanned) object(value func(key string) bool) bool {
	if !s.take('{') {
		return false
	}
	for {
		key, ok := s.quoted()
		if !ok || !s.take(':') || !value(key) {
			return false
		}
		if !s.take(',') {
			return s.take('}')
		}
	}
}

// quoted takes a string that stands for itself: printable ASCII without a backslash.
func (s *scanned) quoted() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			out := s.rest[:i]
			s.rest = s.rest[i+1:]
			return out, true
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

func (s *scanned) text(to *string) bool {
	v, ok := s.quoted()
	*to = strings.Clone(v) // the row outlives the line
	return ok
}

// figure takes a number of JSON that has no exponent and is not negative.
func (s *scanned) figure() (string, bool) {
	points, i := 0, 0
	for ; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '.':
			points++
			continue
		case c >= '0' && c <= '9':
			continue
		}
		break
	}
	v := s.rest[:i]
	s.rest = s.rest[i:]
	nought := len(v) > 1 && v[0] == '0' && v[1] != '.'
	return v, v != "" && points <= 1 && v[0] != '.' && v[len(v)-1] != '.' && !nought
}

func (s *scanned) number(to *float64) bool {
	v, ok := s.figure()
	if !ok {
		return false
	}
	var err error
	*to, err = strconv.ParseFloat(v, 64)
	return err == nil
}

func (s *scanned) whole(to *int32) bool {
	v, ok := s.figure()
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(v, 10, 32)
	*to = int32(n)
	return err == nil
}

// resource reads an amount that is written as text.
func (s *scanned) resource(to *api.Resources, key string) bool {
	v, ok := s.quoted()
	if !ok {
		return false
	}
	var err error
	switch key {
	case "cpu":
		to.CPU, err = api.ParseMilli(v)
	case "memory":
		to.Memory, err = api.ParseBytes(v)
	default:
		return false
	}
	return err == nil
}
