package trace

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

const usual = `{"id":"1","user":"7","submit":0.000084372,"run":960.871620641,"count":1,"each":{"cpu":"4","memory":"8Gi"},"estimate":60,"priority":3,"deadline":90,"program":"a b"}`

// Whatever is read quickly is what encoding/json reads.
func TestQuickRowsAreTheSame(t *testing.T) {
	cases := map[string]struct {
		line  string
		quick bool
	}{
		"as written":          {usual, true},
		"a key twice":         {`{"run":1,"run":2,"each":{"cpu":"1"},"each":{"memory":"2Gi"}}`, true},
		"blanks":              {`{"run": 1}`, false},
		"an escape":           {`{"id":"a\u0041"}`, false},
		"not ASCII":           {`{"id":"é"}`, false},
		"an exponent":         {`{"run":1e3}`, false},
		"negative":            {`{"priority":-1}`, false},
		"a leading nought":    {`{"run":01}`, false},
		"no digit before":     {`{"run":.5}`, false},
		"no digit after":      {`{"run":5.}`, false},
		"two points":          {`{"run":1.2.3}`, false},
		"hexadecimal":         {`{"run":0x10}`, false},
		"a fraction of one":   {`{"count":1.5}`, false},
		"more than 32 bits":   {`{"count":4294967297}`, false},
		"no such key":         {`{"runs":1}`, false},
		"another case":        {`{"Run":1}`, false},
		"null":                {`{"run":null}`, false},
		"devices":             {`{"each":{"accelerators":[{"kind":"gpu","count":"1"}]}}`, false},
		"a number of cores":   {`{"each":{"cpu":2}}`, false},
		"nothing asked":       {`{"each":{}}`, false},
		"an absurd amount":    {`{"each":{"cpu":"4 cores"}}`, false},
		"cut off":             {usual[:len(usual)-1], false},
		"something behind it": {usual + " x", false},
		"an empty object":     {`{}`, false},
		"a trailing comma":    {`{"run":1,}`, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			row, ok := quick(c.line)
			if ok != c.quick {
				t.Fatalf("read quickly: %v, want %v", ok, c.quick)
			}
			if want, err := slow(c.line); ok && (err != nil || !reflect.DeepEqual(row, want)) {
				t.Errorf("got %+v, encoding/json reads %+v, %v", row, want, err)
			}
		})
	}
}

// A line that was damaged anywhere is read as encoding/json reads it, or not quickly.
func TestQuickRowsWhateverTheLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := []byte(usual)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(line)-1).Draw(t, "at")
			by := rapid.SampledFrom([]string{"", "0", ".", "-", "e", `"`, "{", "}", ",", ":", "é", "\t", "nan", "99999999999999999999"}).Draw(t, "by")
			line = append(line[:at:at], append([]byte(by), line[at+1:]...)...)
		}
		row, ok := quick(string(line))
		if !ok {
			return
		}
		if want, err := slow(string(line)); err != nil || !reflect.DeepEqual(row, want) {
			t.Fatalf("%s is read as %+v, encoding/json reads %+v, %v", line, row, want, err)
		}
	})
}

func BenchmarkNative(b *testing.B) {
	for name, read := range map[string]func(string) (nativeRow, error){
		"quick": func(line string) (nativeRow, error) { w, _ := quick(line); return w, nil },
		"slow":  slow,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w, err := read(usual); err != nil || w.Count != 1 {
					b.Fatal(w, err)
				}
			}
		})
	}
}
