package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"drover.dev/internal/state"
)

// A state is written and copied entry by entry. To encode it in one call would take
// one buffer of twice its size, which the encoder keeps for later calls, for good.

// pieceSize is how many bytes of a state are gathered in one piece.
const pieceSize = 256 << 10

// EncodePieces gives the canonical bytes of a state, for a snapshot, in pieces that
// take no more memory than they need.
func EncodePieces(st *state.State) ([][]byte, error) {
	var w pieces
	if err := writeState(&w, st); err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	w.cut()
	return w.done, nil
}

// EncodeState is like EncodePieces, in one piece.
func EncodeState(st *state.State) ([]byte, error) {
	all, err := EncodePieces(st)
	return slices.Concat(all...), err
}

// CopyState gives a state of its own, as if st had been encoded and decoded.
func CopyState(st *state.State) (*state.State, error) { return copyState(st, false) }

// MoveState is like CopyState, but takes st to pieces on the way, so that there are
// never two whole ones.
func MoveState(st *state.State) (*state.State, error) { return copyState(st, true) }

// pieces gather what is written.
type pieces struct {
	buf  bytes.Buffer
	done [][]byte
}

// cut ends a piece.
func (p *pieces) cut() {
	if p.buf.Len() > 0 {
		p.done = append(p.done, bytes.Clone(p.buf.Bytes()))
		p.buf.Reset()
	}
}

// put adds a value.
func (p *pieces) put(v reflect.Value) error {
	if err := bodies.enc.MarshalToBuffer(v.Interface(), &p.buf); err != nil {
		return err
	}
	if p.buf.Len() >= pieceSize {
		p.cut()
	}
	return nil
}

// part is a field of the state that is encoded.
type part struct {
	key       uint64
	at        int // position among the fields
	omitEmpty bool
}

// partsOf reads the tags of the state's fields, in canonical order: by key.
func partsOf(t reflect.Type) ([]part, error) {
	var list []part
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("cbor")
		if !ok {
			continue
		}
		words := strings.Split(tag, ",")
		key, err := strconv.ParseUint(words[0], 10, 64)
		if err != nil || !slices.Contains(words, "keyasint") {
			return nil, fmt.Errorf("field %s has the tag %q", t.Field(i).Name, tag)
		}
		list = append(list, part{key, i, slices.Contains(words, "omitempty")})
	}
	slices.SortFunc(list, func(a, b part) int { return cmp.Compare(a.key, b.key) })
	return list, nil
}

// empty tells whether a field is left out.
func (f part) empty(v reflect.Value) bool {
	switch {
	case !f.omitEmpty:
		return false
	case v.Kind() == reflect.Map || v.Kind() == reflect.Slice:
		return v.Len() == 0
	}
	return v.IsZero()
}

func writeState(w *pieces, st *state.State) error {
	whole := reflect.ValueOf(st).Elem()
	all, err := partsOf(whole.Type())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(f part) bool { return f.empty(whole.Field(f.at)) })
	writeHead(&w.buf, majorMap, uint64(len(all)))
	for _, f := range all {
		writeHead(&w.buf, majorUint, f.key)
		v := whole.Field(f.at)
		if v.Kind() == reflect.Map {
			err = writeMap(w, v)
		} else {
			err = w.put(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeMap writes the entries in the canonical order: that of their keys' bytes.
func writeMap(w *pieces, m reflect.Value) error {
	type entry struct {
		key   []byte
		value reflect.Value
	}
	entries := make([]entry, 0, m.Len())
	for of := m.MapRange(); of.Next(); {
		var key bytes.Buffer
		if err := bodies.enc.MarshalToBuffer(of.Key().Interface(), &key); err != nil {
			return err
		}
		entries = append(entries, entry{key.Bytes(), of.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	writeHead(&w.buf, majorMap, uint64(len(entries)))
	for _, e := range entries {
		w.buf.Write(e.key)
		if err := w.put(e.value); err != nil {
			return err
		}
	}
	return nil
}

func copyState(from *state.State, move bool) (*state.State, error) {
	to, rest := new(state.State), *from
	source, target := reflect.ValueOf(&rest).Elem(), reflect.ValueOf(to).Elem()
	all, err := partsOf(source.Type())
	for _, f := range all {
		v := source.Field(f.at)
		switch {
		case err != nil:
		case f.empty(v): // it would be left out
		case v.Kind() == reflect.Map:
			err = copyMap(target.Field(f.at), v, move)
		default:
			err = copyValue(target.Field(f.at), v, new(bytes.Buffer))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("copy the state: %w", err)
	}
	to.Restore()
	return to, nil
}

// copyMap copies the entries one by one.
func copyMap(to, from reflect.Value, move bool) error {
	to.Set(reflect.MakeMapWithSize(to.Type(), from.Len()))
	var buf bytes.Buffer
	for of := from.MapRange(); of.Next(); {
		value := reflect.New(to.Type().Elem()).Elem()
		if err := copyValue(value, of.Value(), &buf); err != nil {
			return err
		}
		to.SetMapIndex(of.Key(), value)
		if move {
			from.SetMapIndex(of.Key(), reflect.Value{})
		}
	}
	return nil
}

// copyValue copies what is encoded of a value.
func copyValue(to, from reflect.Value, buf *bytes.Buffer) error {
	buf.Reset()
	if err := bodies.enc.MarshalToBuffer(from.Interface(), buf); err != nil {
		return err
	}
	return bodies.snapshots.Unmarshal(buf.Bytes(), to.Addr().Interface())
}
