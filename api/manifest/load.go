package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"drover.dev/api"
)

// Options of Load.
type Options struct {
	// File is the name that errors begin with; "" for standard input.
	File string
}

// Document is one document of an input, as written, that is, before Normalize:
// one of its pointers is set.
type Document struct {
	Index    int // among those of the input that are not empty, from 0
	Line     int // where it begins, from 1
	Workload *api.Workload
	Site     *api.Site
	Strategy *api.Strategy
	Tenant   *api.Tenant

	root *node
}

// Locate is where in the text the value of a path stands, from 1; of what is not
// there, what it should be in.
func (doc *Document) Locate(path string) (line, column int) {
	if doc.root == nil {
		return doc.Line, 0
	}
	at := doc.root.locate(path)
	return int(at.line), int(at.column)
}

// Load reads all documents of a text: YAML documents, or JSON: one object, or a
// list of them. It returns them only when none of them has a fault, otherwise an
// *Errors with every fault.
func Load(r io.Reader, o Options) ([]Document, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", o.name(), err)
	}
	return LoadBytes(data, o)
}

// LoadBytes is Load of a text at hand.
func LoadBytes(data []byte, o Options) ([]Document, error) {
	all := &Errors{File: o.name()}
	roots, err := parse(data, strings.HasSuffix(o.File, ".json"))
	if err != nil {
		all.add(0, syntaxFault(err))
		return nil, all
	}
	docs := make([]Document, len(roots))
	for i, p := range roots {
		if p.err != nil {
			all.add(i, syntaxFault(p.err))
			continue
		}
		docs[i] = Document{Index: i, Line: int(p.root.place.line), root: p.root}
		all.add(i, docs[i].decode(p.root))
	}
	if len(docs) == 0 {
		all.add(0, []api.FieldError{{Message: "there is no document in it"}})
	}
	if len(all.List) > 0 {
		return nil, all
	}
	return docs, nil
}

func (o Options) name() string {
	if o.File == "" {
		return "stdin"
	}
	return o.File
}

// parse reads the documents of a text in either language; what must be JSON is
// not looked at as YAML.
func parse(data []byte, isJSON bool) (docs []parsed, err error) {
	if len(data) > MaxSize {
		return nil, broken(place{}, "is larger than %s: submit it in parts, and put large values into artifacts", api.Bytes(MaxSize))
	}
	if text := bytes.TrimSpace(data); len(text) > 0 && (isJSON || (text[0] == '{' || text[0] == '[') && json.Valid(data)) {
		n, err := parseJSON(data)
		if err != nil {
			return nil, err
		}
		locateOffsets(data, n)
		docs = []parsed{{root: n}}
	} else if docs, err = parseYAML(data); err != nil {
		return nil, err
	}
	var flat []parsed
	for _, p := range docs {
		if p.err != nil || p.root.kind != kindList {
			flat = append(flat, p)
			continue
		}
		for i := range p.root.items {
			flat = append(flat, parsed{root: &p.root.items[i]})
		}
	}
	if len(flat) > MaxDocuments {
		return nil, broken(place{}, "there are more than %d documents: split the file", MaxDocuments)
	}
	return flat, nil
}

// decode makes a document of n and returns its faults in the order of
// the text.
func (doc *Document) decode(n *node) []api.FieldError {
	d := decoder{}
	var found []api.FieldError
	switch k := n.get("kind"); {
	case n.kind != kindMapping:
		d.fault(n.place, "is %s; a document is a mapping with apiVersion, kind and name", n.is())
	case k != nil && k.text == string(api.KindSite):
		var s document[api.Site]
		d.value(reflect.ValueOf(&s).Elem(), shapes().site, n)
		found = append(versionFaults(s.APIVersion), s.Object.Validate()...)
		doc.Site = &s.Object
	case k != nil && k.text == string(api.KindStrategy):
		var s document[api.Strategy]
		d.value(reflect.ValueOf(&s).Elem(), shapes().strategy, n)
		found = append(versionFaults(s.APIVersion), s.Object.Validate()...)
		doc.Strategy = &s.Object
	case k != nil && k.text == string(api.KindTenant):
		var s document[api.Tenant]
		d.value(reflect.ValueOf(&s).Elem(), shapes().tenant, n)
		found = append(versionFaults(s.APIVersion), s.Object.Validate()...)
		doc.Tenant = &s.Object
	default:
		w := new(api.Workload)
		d.value(reflect.ValueOf(w).Elem(), shapes().workload, n)
		found = w.Validate()
		nameSites(found, w.Kind)
		doc.Workload = w
	}
	all := d.all(found)
	for i := range all {
		if all[i].Line == 0 {
			all[i].Line, all[i].Column = doc.Locate(all[i].Path)
		}
	}
	slices.SortStableFunc(all, func(a, b api.FieldError) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return all
}

func versionFaults(version string) []api.FieldError {
	if version == api.Version {
		return nil
	}
	w := api.Workload{APIVersion: version}
	return keep(w.Validate(), "apiVersion")
}

// keep returns the faults of one path.
func keep(faults []api.FieldError, path string) (kept []api.FieldError) {
	for _, f := range faults {
		if f.Path == path {
			kept = append(kept, f)
		}
	}
	return kept
}

// nameSites completes what a workload's validation says about a wrong kind: a
// document may also be something else.
func nameSites(faults []api.FieldError, kind api.Kind) {
	kinds := []string{string(api.KindJob), string(api.KindService), string(api.KindSystem), string(api.KindSite), string(api.KindStrategy), string(api.KindTenant)}
	for i := range faults {
		if faults[i].Path != "kind" {
			continue
		}
		faults[i].Message = "is missing; choose one of " + strings.Join(kinds, ", ")
		if kind != "" {
			faults[i].Message = fmt.Sprintf("%.64q is not known; choose one of %s", string(kind), strings.Join(kinds, ", "))
			if meant := api.Nearest(string(kind), kinds); meant != "" {
				faults[i].Message = fmt.Sprintf("%.64q is not known; did you mean %s?", string(kind), meant)
			}
		}
	}
}

// all joins the decoder's faults with those of validation, without those that
// only follow from the former.
func (d *decoder) all(found []api.FieldError) []api.FieldError {
	all := d.faults
	for _, f := range found {
		if !d.explains(f.Path) {
			all = append(all, f)
		}
	}
	if d.unsaid > 0 {
		all = append(all, api.FieldError{Message: fmt.Sprintf("there are %d more faults; correct these first", d.unsaid)})
	}
	return all
}

// explains reports whether something at path, above or below it could not be
// decoded.
func (d *decoder) explains(path string) bool {
	for _, f := range d.faults {
		if path != "" && (under(f.Path, path) || under(path, f.Path)) {
			return true
		}
	}
	return slices.Contains(d.meant, path)
}

// under reports whether path is above or inside it.
func under(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// DecodeJSON reads one workload as the HTTP API takes it. It returns nil when
// its form is right; the caller goes on with Normalize and Validate. Otherwise
// it returns every fault, those that Validate finds in the rest included.
func DecodeJSON(data []byte, w *api.Workload) []api.FieldError {
	n, err := parseJSON(data)
	if err != nil {
		return syntaxFault(err)
	}
	var steps [8]step
	d := decoder{at: steps[:0]}
	d.value(reflect.ValueOf(w).Elem(), shapes().workload, n)
	if n.kind == kindNull {
		d.fault(place{}, "is null; write a workload")
	}
	if d.faults == nil {
		return nil
	}
	var found []api.FieldError
	if n.kind == kindMapping {
		found = w.Validate()
	}
	all := d.all(found)
	for i := range all {
		all[i].Line, all[i].Column = 0, 0 // offsets mean nothing to people
	}
	return all
}

func syntaxFault(err error) []api.FieldError {
	f := api.FieldError{Message: err.Error()}
	var s *syntaxError
	if errors.As(err, &s) {
		f.Line, f.Column = int(s.place.line), int(s.place.column)
	}
	return []api.FieldError{f}
}
