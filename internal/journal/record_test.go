package journal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"drover.dev/internal/journal"
)

func TestRecordsSurviveEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := journal.Record{
			Format: journal.Format, MinReader: 1, N: rapid.Uint64Min(2).Draw(t, "n"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			Now: rapid.Int64().Draw(t, "now"), Build: rapid.StringN(0, -1, journal.MaxBuild).Draw(t, "build"),
			Inputs: rapid.SliceOf(rapid.Byte()).Draw(t, "inputs"), Events: rapid.SliceOf(rapid.Byte()).Draw(t, "events"),
		}
		copy(r.PrevHash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev"))
		b, err := journal.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := journal.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := journal.Encode(got)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
		if got.PrevHash != r.PrevHash || got.Now != r.Now || got.Build != r.Build || !bytes.Equal(got.Events, r.Events) {
			t.Fatalf("%+v became %+v", r, got)
		}
	})
}

func TestDecodeOfAnyBytesGivesARecordOrAnError(t *testing.T) {
	whole, err := journal.Encode(record(1, [32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "garbage")
		if rapid.Bool().Draw(t, "nearly right") {
			b = bytes.Clone(whole)
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if r, err := journal.Decode(b); err == nil && (r.N == 0 || r.MinReader == 0 || r.MinReader > r.Format) {
			t.Fatalf("%x gave %+v", b, r)
		}
	})
	for n := range whole {
		if _, err := journal.Decode(whole[:n]); err == nil {
			t.Fatalf("the first %d bytes are a record", n)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, change := range map[string]func(*journal.Record){
		"number zero":                    func(r *journal.Record) { r.N = 0 },
		"no reader":                      func(r *journal.Record) { r.MinReader = 0 },
		"a reader newer than the format": func(r *journal.Record) { r.MinReader = 2 },
		"a first record that follows":    func(r *journal.Record) { r.N, r.PrevHash = 1, [32]byte{1} },
		"a long build name":              func(r *journal.Record) { r.Build = strings.Repeat("x", journal.MaxBuild+1) },
		"a build name that is no text":   func(r *journal.Record) { r.Build = "\xff" },
		"too many bytes":                 func(r *journal.Record) { r.Events = make([]byte, journal.MaxRecord) },
	} {
		t.Run(name, func(t *testing.T) {
			r := record(2, [32]byte{1})
			change(&r)
			if _, err := journal.Encode(r); err == nil {
				t.Error("was encoded")
			}
		})
	}
}

// fields is a record as a map, to change it in ways that Encode would not.
func fields(t *testing.T, change func(map[int]any)) []byte {
	t.Helper()
	b, err := journal.Encode(record(2, [32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	m := map[int]any{}
	if err := cbor.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = mode.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordsOfOtherVersions(t *testing.T) {
	var newer *journal.ReaderError
	for name, c := range map[string]struct {
		change func(map[int]any)
		check  func(error) bool
	}{
		"as it is": {func(map[int]any) {}, func(err error) bool { return err == nil }},
		"a newer format that this build may read": {
			func(m map[int]any) { m[1], m[10], m[11] = 9, "new", map[string]int{"x": 1} },
			func(err error) bool { return err == nil },
		},
		"a newer format that it may not read": {
			func(m map[int]any) { m[1], m[2], m[9] = 9, 7, "events are text now" },
			func(err error) bool {
				return errors.As(err, &newer) && newer.N == 2 && newer.MinReader == 7 &&
					strings.Contains(err.Error(), "record 2 needs a reader of format ≥ 7, this build reads 1: upgrade")
			},
		},
		"this format with an unknown key": {
			func(m map[int]any) { m[10] = 1 },
			func(err error) bool { return err != nil && !errors.As(err, &newer) },
		},
		"a short hash": {
			func(m map[int]any) { m[4] = []byte{1} },
			func(err error) bool { return err != nil },
		},
		"a long hash": {
			func(m map[int]any) { m[4] = make([]byte, 33) },
			func(err error) bool { return err != nil },
		},
		"no hash": {
			func(m map[int]any) { delete(m, 4) },
			func(err error) bool { return err != nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := journal.Decode(fields(t, c.change)); !c.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}
