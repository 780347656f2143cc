package history

import (
	"archive/zip"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Anonymiser replaces texts by tokens: the same text by the same token within one
// bundle, by a key that is thrown away with the Anonymiser. Every text is replaced
// unless it is a word of Drover's own, so that a new field is never forgotten.
// Numbers, times and decisions stay.
type Anonymiser struct {
	key  []byte
	seen map[string]bool // texts that were replaced, for those that quote them
	done map[any]bool    // pointers that were visited
}

// NewAnonymiser makes one with a key of its own.
func NewAnonymiser() *Anonymiser {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return &Anonymiser{key: key, seen: map[string]bool{}}
}

// ownWords are the plain texts that are words of Drover's, by field.
func ownWords() []string {
	return []string{"APIVersion", "Driver", "Drivers", "Strategy", "Objective", "Technology", "Why", "Action", "Cron", "Version"}
}

// Token is what a text is replaced by. An empty one stays, and so does the name of
// the tenant that every cell has.
func (a *Anonymiser) Token(s string) string {
	if s == "" || s == api.DefaultTenant {
		return s
	}
	a.seen[s] = true
	return "x" + a.sum(s)[:11]
}

func (a *Anonymiser) sum(s string) string {
	h := hmac.New(sha256.New, a.key)
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil))
}

// Hide replaces every text in what v points to.
func (a *Anonymiser) Hide(v any) {
	a.done = map[any]bool{}
	a.hide(reflect.ValueOf(v), "")
}

func (a *Anonymiser) hide(v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Kind() == reflect.Pointer && a.done[v.Interface()] {
			return
		}
		if v.Kind() == reflect.Pointer {
			a.done[v.Interface()] = true
		}
		a.hide(v.Elem(), field)
	case reflect.Struct:
		a.hideStruct(v)
	case reflect.Slice, reflect.Array:
		a.hideList(v, field)
	case reflect.Map:
		a.hideMap(v, field)
	case reflect.String:
		v.SetString(a.text(v, field))
	}
}

func (a *Anonymiser) hideStruct(v reflect.Value) {
	if r, ok := v.Addr().Interface().(*api.ReasonCount); ok {
		r.Reason = a.quote(r.Reason)
		return
	}
	_, term := v.Interface().(api.Term)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && f.Tag.Get("cbor") != "-" && !term {
			a.hide(v.Field(i), f.Name)
		}
	}
}

func (a *Anonymiser) hideList(v reflect.Value, field string) {
	if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
		v.SetZero() // values and outputs
		return
	}
	for i := range v.Len() {
		a.hide(v.Index(i), field)
	}
}

func (a *Anonymiser) hideMap(v reflect.Value, field string) {
	if v.IsNil() {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for _, k := range v.MapKeys() {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(k)
		value.Set(v.MapIndex(k))
		a.hide(key, field)
		a.hide(value, field)
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}

// text is what a text is replaced by. A type of its own is a list of words.
func (a *Anonymiser) text(v reflect.Value, field string) string {
	s := v.String()
	switch {
	case v.Type() == reflect.TypeFor[api.Digest]():
		if s == "" {
			return ""
		}
		return "sha256:" + a.sum(s)
	case v.Type() != reflect.TypeFor[string](), slices.Contains(ownWords(), field):
		return s
	}
	return a.Token(s)
}

var words = regexp.MustCompile(`[\pL\pN_./-]+`)

// quote replaces the texts that were seen, where a sentence of Drover's quotes
// them.
func (a *Anonymiser) quote(s string) string {
	return words.ReplaceAllStringFunc(s, func(w string) string {
		if a.seen[w] {
			return a.Token(w)
		}
		return w
	})
}

// anonymous writes the state at base and the records after it without names. Their
// inputs are left out and their chain is a new one: names take part in decisions
// (ties end in a hash of them), so that nothing could be audited any more.
func (s *Source) anonymous(ctx context.Context, z *zip.Writer, n uint64, a *Anonymiser, m *Manifest) error {
	st, at, _, err := s.base(n)
	if err != nil {
		return err
	}
	from := at.Link
	if err := s.learn(ctx, from, st, a); err != nil {
		return err
	}
	a.Hide(st)
	if at.N > 0 {
		if at.Link, err = putState(z, at.N, st); err != nil {
			return err
		}
	}
	m.Base, m.From, m.Last, m.To = at.N, at.Now, at.N, at.Now
	w, err := z.Create(partRecords)
	if err != nil {
		return err
	}
	return s.putHidden(ctx, w, from, at, a, m)
}

// learn meets every text once, for the sentences that quote them.
func (s *Source) learn(ctx context.Context, from journal.Link, st *state.State, a *Anonymiser) error {
	copied, err := journal.CopyState(st)
	if err != nil {
		return err
	}
	a.Hide(copied)
	for v, err := range s.verified(ctx, from) {
		if err != nil {
			return err
		}
		events, err := v.Record.DecodeEvents()
		if err != nil {
			return err
		}
		a.Hide(&events)
	}
	return nil
}

// putState writes a state as a snapshot and gives its place in the new chain.
func putState(z *zip.Writer, n uint64, st *state.State) (journal.Link, error) {
	data, err := journal.EncodeState(st)
	if err != nil {
		return journal.Link{}, err
	}
	at := journal.Link{N: n, Hash: journal.Hash(data)}
	dir, err := os.MkdirTemp("", "drover-bundle-")
	if err != nil {
		return at, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	list, err := journal.OpenSnapshots(dir, 2)
	if err != nil {
		return at, err
	}
	if err := list.Save(at, data); err != nil {
		return at, err
	}
	return at, putFile(z, partSnapshot, list.Path(n))
}

func (s *Source) putHidden(ctx context.Context, w io.Writer, from journal.Link, at Place, a *Anonymiser, m *Manifest) error {
	var encoder journal.Encoder
	size := 0
	for v, err := range s.verified(ctx, from) {
		if err != nil {
			return err
		}
		r := v.Record
		events, err := r.DecodeEvents()
		if err != nil {
			return err
		}
		a.Hide(&events)
		if r.Events, err = encoder.Events(events); err != nil {
			return err
		}
		r.Inputs, r.PrevHash = encoder.Inputs(nil), at.Hash
		b, err := journal.Encode(r)
		if err != nil {
			return err
		}
		at.Link = journal.Link{N: r.N, Hash: journal.Hash(b)}
		if err := m.count(r.N, api.Time(r.Now), &size, len(b)); err != nil {
			return err
		}
		if err := putRecord(w, b); err != nil {
			return err
		}
	}
	return nil
}
