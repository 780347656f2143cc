package manifest

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"drover.dev/api"
)

// decoder puts a node into a Go value and gathers every fault on the way.
type decoder struct {
	faults []api.FieldError
	unsaid int
	// meant are the paths of known fields that unknown ones were most likely
	// meant to be: that they are missing needs no second message.
	meant []string
	at    []step
}

// step is one part of a path: a key, or a position if key is "".
type step struct {
	key   string
	index int
}

func (d *decoder) path() string {
	p := ""
	for _, s := range d.at {
		if s.key != "" {
			p = api.PathKey(p, s.key)
		} else {
			p = api.PathAt(p, s.index)
		}
	}
	return p
}

func (d *decoder) enter(key string, index int) { d.at = append(d.at, step{key, index}) }
func (d *decoder) leave()                      { d.at = d.at[:len(d.at)-1] }

// fault records a fault of the present value.
func (d *decoder) fault(at place, format string, args ...any) {
	if len(d.faults) >= api.MaxErrors {
		d.unsaid++
		return
	}
	d.faults = append(d.faults, api.FieldError{
		Path: d.path(), Message: fmt.Sprintf(format, args...),
		Line: int(at.line), Column: int(at.column),
	})
}

// value decodes n into v. Nothing written (null) leaves v as it is.
func (d *decoder) value(v reflect.Value, s *shape, n *node) {
	if n.kind == kindNull {
		return
	}
	switch s.form {
	case formText:
		d.text(v, n)
	case formString:
		d.str(v, n)
	case formInteger:
		d.integer(v, s, n)
	case formBool:
		if d.expect(n, kindBool, "true or false") {
			v.SetBool(n.text == "true" || n.text == "True" || n.text == "TRUE")
		}
	case formList:
		d.list(v, s, n)
	case formTable:
		d.table(v, n)
	case formPointer:
		p := reflect.New(s.elem.typ)
		d.value(p.Elem(), s.elem, n)
		v.Set(p)
	case formObject:
		d.object(v, s, n)
	}
}

func (d *decoder) expect(n *node, k kind, what string) bool {
	if n.kind != k {
		d.fault(n.place, "is %s; write %s", n.is(), what)
	}
	return n.kind == k
}

func (d *decoder) text(v reflect.Value, n *node) {
	if n.kind != kindString && n.kind != kindNumber {
		d.fault(n.place, "is %s; write a text or a number", n.is())
		return
	}
	u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return
	}
	if err := u.UnmarshalText([]byte(n.text)); err != nil {
		d.fault(n.place, "%v", err)
	}
}

func (d *decoder) str(v reflect.Value, n *node) {
	switch n.kind {
	case kindString:
		v.SetString(strings.Clone(n.text)) // the value outlives the document
	case kindNumber, kindBool:
		d.fault(n.place, "%.64s is not text; put it into quotes: %.64q", n.text, n.text)
	default:
		d.fault(n.place, "is %s; write text", n.is())
	}
}

func (d *decoder) integer(v reflect.Value, s *shape, n *node) {
	if !d.expect(n, kindNumber, "a whole number") {
		return
	}
	i, err := strconv.ParseInt(n.text, 10, s.bits)
	switch {
	case err == nil:
		v.SetInt(i)
	case strings.ContainsFunc(strings.TrimPrefix(n.text, "-"), notDigit):
		d.fault(n.place, "%.64s is not a whole number", n.text)
	default:
		d.fault(n.place, "%.64s is out of range", n.text)
	}
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

func (d *decoder) list(v reflect.Value, s *shape, n *node) {
	if !d.expect(n, kindList, "a list") {
		return
	}
	v.Set(reflect.MakeSlice(s.typ, len(n.items), len(n.items)))
	for i := range n.items {
		d.enter("", i)
		if n.items[i].kind == kindNull {
			d.fault(n.items[i].place, "is nothing; write a value or leave the entry out")
		}
		d.value(v.Index(i), s.elem, &n.items[i])
		d.leave()
	}
}

func (d *decoder) table(v reflect.Value, n *node) {
	if !d.expect(n, kindMapping, "a mapping of names to texts") {
		return
	}
	m := make(map[string]string, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		d.enter(f.key, 0)
		var s string
		if _, twice := m[f.key]; twice {
			d.fault(f.place, "is given twice")
		}
		d.value(reflect.ValueOf(&s).Elem(), &shape{form: formString}, &f.value)
		m[strings.Clone(f.key)] = s
		d.leave()
	}
	v.Set(reflect.ValueOf(m).Convert(v.Type()))
}

func (d *decoder) object(v reflect.Value, s *shape, n *node) {
	if n.kind != kindMapping {
		d.fault(n.place, "is %s; write a mapping with fields such as %s", n.is(), strings.Join(s.names[:min(len(s.names), 4)], ", "))
		return
	}
	var seen uint64 // no object has more than 64 fields
	for i := range n.fields {
		f := &n.fields[i]
		m, ok := s.find(f.key)
		if !ok {
			d.unknown(f, s)
			continue
		}
		d.enter(f.key, 0)
		if seen>>m&1 != 0 {
			d.fault(f.place, "is given twice")
		}
		seen |= 1 << m
		d.value(v.FieldByIndex(s.fields[m].index), s.fields[m].shape, &f.value)
		d.leave()
	}
}

// unknown reports a field that an object does not have.
func (d *decoder) unknown(f *field, s *shape) {
	if len(d.faults) >= api.MaxErrors {
		d.unsaid++
		return
	}
	meant := api.Nearest(f.key, s.names)
	if meant != "" {
		d.meant = append(d.meant, api.PathKey(d.path(), meant))
	}
	d.enter(f.key, 0)
	defer d.leave()
	switch {
	case meant != "":
		d.fault(f.place, "is not a known field; did you mean %s?", meant)
	default:
		d.fault(f.place, "is not a known field; there are %s", strings.Join(s.names, ", "))
	}
}
