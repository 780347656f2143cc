package manifest

import (
	"encoding"
	"reflect"
	"strings"
	"sync"

	"drover.dev/api"
)

// form says how a Go type is written.
type form uint8

const (
	formText    form = iota // has UnmarshalText: a string or a number
	formString              //
	formInteger             //
	formBool                //
	formList                //
	formTable               // map of strings
	formPointer             // like what it points to
	formObject              // struct
)

// shape is what decoding needs to know of a Go type.
type shape struct {
	form   form
	bits   int    // of an integer
	elem   *shape // of a list or pointer
	typ    reflect.Type
	names  []string // of an object's fields, in order
	fields []member
}

// member is a field of an object.
type member struct {
	name  string
	index []int // embedded structs on the way
	shape *shape
}

func (s *shape) find(name string) (int, bool) {
	for i := range s.fields {
		if s.fields[i].name == name {
			return i, true
		}
	}
	return 0, false
}

// document is an object that is no workload as a document.
type document[T any] struct {
	APIVersion string   `json:"apiVersion"`
	Kind       api.Kind `json:"kind"`
	Object     T        `json:"-"`
}

// shapes are those of the documents, made once and then only read.
var shapes = sync.OnceValue(func() (s struct{ workload, site, strategy, tenant *shape }) {
	known := make(map[reflect.Type]*shape)
	s.workload = shapeOf(reflect.TypeFor[api.Workload](), known)
	s.site = shapeOf(reflect.TypeFor[document[api.Site]](), known)
	s.strategy = shapeOf(reflect.TypeFor[document[api.Strategy]](), known)
	s.tenant = shapeOf(reflect.TypeFor[document[api.Tenant]](), known)
	return s
})

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

func shapeOf(t reflect.Type, known map[reflect.Type]*shape) *shape {
	if s, ok := known[t]; ok {
		return s
	}
	s := &shape{typ: t}
	known[t] = s
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		s.form = formText
		return s
	}
	switch t.Kind() {
	case reflect.String:
		s.form = formString
	case reflect.Bool:
		s.form = formBool
	case reflect.Int32, reflect.Int64:
		s.form, s.bits = formInteger, t.Bits()
	case reflect.Slice:
		s.form, s.elem = formList, shapeOf(t.Elem(), known)
	case reflect.Map:
		s.form = formTable
	case reflect.Pointer:
		s.form, s.elem = formPointer, shapeOf(t.Elem(), known)
	case reflect.Struct:
		s.form = formObject
		s.addFields(t, nil, known)
	}
	return s
}

// addFields adds a struct's fields under their JSON names; an embedded struct
// without a name gives its own, as in encoding/json.
func (s *shape) addFields(t reflect.Type, path []int, known map[reflect.Type]*shape) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(path[:len(path):len(path)], i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" || name == "-" { // the object of a document
			s.addFields(f.Type, index, known)
			continue
		}
		s.names = append(s.names, name)
		s.fields = append(s.fields, member{name, index, shapeOf(f.Type, known)})
	}
}
