package chaos

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"

	"drover.dev/internal/agent/core"
	"drover.dev/internal/state"
)

// printer writes values in a canonical form, unexported fields included: two
// reducers with equal prints have the same future. It leaves out what has none:
// see forgotten and folded.
type printer struct {
	buf    []byte
	seen   map[spot]int   // pointers on the way here, numbered: lists are circular
	shared map[spot]known // immutable values of package api, by pointer
	fields map[reflect.Type][]field
}

// spot is a pointer; an object and its first field share an address.
type spot struct {
	typ reflect.Type
	at  uintptr
}

// known is the print of a value; holding the value, which is not the pointer to it,
// keeps its address from being used again.
type known struct {
	value reflect.Value
	print []byte
}

type field struct {
	index int
	rule  rule
}

// rule says how a field takes part in a print.
type rule uint8

const (
	whole  rule = iota
	skip        // it cannot matter
	coming      // only whether that time is still to come matters
	called      // matters while its call is under way
)

// rules lists the fields that do not take part whole, by type and name, so that
// histories which differ in nothing that matters are one state.
func rules() map[string]rule {
	return map[string]rule{
		// Statistics and explanations, on which nothing is decided.
		"state.State.Totals":  skip,
		"state.Task.Decision": skip,
		// Numbers of which only their order or equality matters.
		"core.timers.seq":     skip,
		"core.timers.most":    skip,
		"core.timer.seq":      skip,
		"core.attempt.sweep":  skip, // sets come whole here
		"core.setState.sweep": skip,
		"core.link.ticket":    skip,   // letters know their call by its kind
		"core.call.ticket":    coming, // is there one
		"core.call.at":        called,
		// Waits that are shorter than a tick, or longer than any run.
		"core.link.nextBeat": coming,
		"core.call.notYet":   coming,
		"core.setState.next": coming,
	}
}

func newPrinter() *printer {
	return &printer{seen: map[spot]int{}, shared: map[spot]known{}, fields: map[reflect.Type][]field{}}
}

// print returns the canonical form of values; the result is valid until the next call.
func (p *printer) print(values ...any) []byte {
	p.buf = p.buf[:0]
	for _, v := range values {
		clear(p.seen)
		p.value(reflect.ValueOf(v), 0)
	}
	return p.buf
}

func (p *printer) value(v reflect.Value, now int64) {
	switch v.Kind() {
	case reflect.Invalid:
		p.buf = append(p.buf, 0)
	case reflect.Bool:
		p.flag(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.buf = binary.AppendVarint(p.buf, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.uint(v.Uint())
	case reflect.String:
		p.uint(uint64(v.Len()))
		p.buf = append(p.buf, v.String()...)
	case reflect.Slice, reflect.Array:
		p.uint(uint64(v.Len()))
		for i := range v.Len() {
			p.value(v.Index(i), now)
		}
	case reflect.Map:
		p.mapping(v, now)
	case reflect.Struct:
		p.structure(v, now)
	case reflect.Interface:
		p.boxed(v, now)
	case reflect.Pointer:
		p.pointer(v, now)
	}
}

func (p *printer) flag(b bool) {
	if b {
		p.uint(1)
	} else {
		p.uint(0)
	}
}

func (p *printer) uint(n uint64) { p.buf = binary.AppendUvarint(p.buf, n) }

func (p *printer) boxed(v reflect.Value, now int64) {
	if v.IsNil() {
		p.uint(0)
		return
	}
	p.buf = append(p.buf, v.Elem().Type().String()...)
	p.value(v.Elem(), now)
}

func (p *printer) pointer(v reflect.Value, now int64) {
	if v.IsNil() {
		p.uint(0)
		return
	}
	at := spot{v.Type(), v.Pointer()}
	if v.Type().Elem().PkgPath() == "drover.dev/api" { // never changed: what it says counts, not where it is
		if k, ok := p.shared[at]; ok {
			p.buf = append(p.buf, k.print...)
			return
		}
		from := len(p.buf)
		p.value(v.Elem(), now)
		p.shared[at] = known{v.Elem(), bytes.Clone(p.buf[from:])}
		return
	}
	n, ok := p.seen[at]
	if ok {
		p.uint(uint64(n))
		return
	}
	p.seen[at] = len(p.seen) + 1
	p.value(v.Elem(), now)
}

// mapping prints entries in the order of their printed keys.
func (p *printer) mapping(v reflect.Value, now int64) {
	type entry struct {
		key   []byte
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	from := len(p.buf)
	for it := v.MapRange(); it.Next(); {
		p.value(it.Key(), now)
		entries = append(entries, entry{bytes.Clone(p.buf[from:]), it.Value()})
		p.buf = p.buf[:from]
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	p.uint(uint64(len(entries)))
	for _, e := range entries {
		p.buf = append(p.buf, e.key...)
		p.value(e.value, now)
	}
}

func (p *printer) structure(v reflect.Value, now int64) {
	if v.Type() == reflect.TypeFor[core.Core]() {
		now = v.FieldByName("now").Int()
	}
	for _, f := range p.fieldsOf(v.Type()) {
		x := v.Field(f.index)
		if f.rule == whole || f.rule == called && v.FieldByName("ticket").Uint() > 0 {
			p.value(x, now)
			continue
		}
		later := f.rule == coming && (x.CanUint() && x.Uint() > 0 || x.CanInt() && x.Int() > now)
		p.flag(later)
	}
}

// fieldsOf lists the fields that take part.
func (p *printer) fieldsOf(t reflect.Type) []field {
	if list, ok := p.fields[t]; ok {
		return list
	}
	var list []field
	all := rules()
	for i := range t.NumField() {
		f := field{index: i, rule: all[t.String()+"."+t.Field(i).Name]}
		if f.rule != skip {
			list = append(list, f)
		}
	}
	p.fields[t] = list
	return list
}

// missing lists rules about fields that no longer exist.
func missing() (out []string) {
	known := map[string]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			if t.Kind() == reflect.Map {
				walk(t.Key())
			}
			walk(t.Elem())
		case reflect.Struct:
			if known[t.String()] {
				return
			}
			known[t.String()] = true
			for i := range t.NumField() {
				known[t.String()+"."+t.Field(i).Name] = true
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[core.Core]())
	walk(reflect.TypeFor[state.State]())
	for name := range rules() { // order-free: sorted below
		if !known[name] {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
