package journal_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	cell "drover.dev/internal/state"
)

// filler gives every field a value that differs from its zero and from its
// neighbours', so that a field without a key, or two with the same one, show.
type filler struct{ n int64 }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("cbor") != "-" && v.Type().Field(i).IsExported() {
				f.fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprint("text-", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(1 + f.n%100)
	default:
		v.SetUint(uint64(1 + f.n%100))
	}
}

func full[T any](v T) T {
	new(filler).fill(reflect.ValueOf(v).Elem())
	return v
}

const lastKind = 128 // no kind has reached this number yet

func everyInput() (out []engine.Input) {
	for k := range engine.InputKind(lastKind) {
		if in := engine.NewInput(k); in != nil {
			out = append(out, full(in))
		}
	}
	return out
}

func everyEvent() (out []cell.Event) {
	for k := range cell.Kind(lastKind) {
		if ev := cell.NewEvent(k); ev != nil {
			out = append(out, full(ev))
		}
	}
	return out
}

func recordOf(t testing.TB, in []engine.Input, events []cell.Event) *journal.Record {
	t.Helper()
	var enc journal.Encoder
	encoded := make([][]byte, len(in))
	var err error
	for i := range in {
		if encoded[i], err = journal.EncodeInput(in[i]); err != nil {
			t.Fatal(err)
		}
	}
	r := &journal.Record{Format: journal.Format, MinReader: 1, N: 7, Inputs: bytes.Clone(enc.Inputs(encoded))}
	if r.Events, err = enc.Events(events); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryKindComesBackAsItWas(t *testing.T) {
	in, events := everyInput(), everyEvent()
	r := recordOf(t, in, events)
	gotIn, err := r.DecodeInputs()
	if err != nil {
		t.Fatal(err)
	}
	gotEvents, err := r.DecodeEvents()
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		if !reflect.DeepEqual(in[i], gotIn[i]) {
			t.Errorf("%T\n was %+v\n came back %+v", in[i], in[i], gotIn[i])
		}
	}
	for i := range events {
		if !reflect.DeepEqual(events[i], gotEvents[i]) {
			t.Errorf("%T\n was %+v\n came back %+v", events[i], events[i], gotEvents[i])
		}
	}
}

// TestGoldenBodies holds the bytes of one value of each kind. A changed line
// means that journals written before can no longer be read the same way; a new
// kind or field adds to the file.
func TestGoldenBodies(t *testing.T) {
	path := "testdata/bodies-v1.txt"
	var b strings.Builder
	for _, in := range everyInput() {
		enc, err := journal.EncodeInput(in)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "input %d %T %s\n", in.InputKind(), in, hex.EncodeToString(enc))
	}
	for _, ev := range everyEvent() {
		fmt.Fprintf(&b, "event %d %T %s\n", ev.Kind(), ev, hex.EncodeToString(recordOf(t, nil, []cell.Event{ev}).Events))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")
	for i := range max(len(wantLines), len(gotLines)) {
		if i >= len(wantLines) || i >= len(gotLines) || wantLines[i] != gotLines[i] {
			t.Fatalf("line %d of %s differs; if a field or kind was added, run with -rewrite and read the difference", i+1, path)
		}
	}
}

// TestEarlierBodies: inputs and events that earlier versions wrote, before fields were added,
// come back with nothing in these, and to the same bytes.
func TestEarlierBodies(t *testing.T) {
	lines, err := os.ReadFile("testdata/bodies-earlier.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		words := strings.Fields(line)
		body, err := hex.DecodeString(words[len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		if words[0] == "input" {
			earlierInput(t, words[2], body)
			continue
		}
		r := journal.Record{Format: journal.Format, N: 3, Events: body}
		events, err := r.DecodeEvents()
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: %d events, %v", words[2], len(events), err)
		}
		if got := recordOf(t, nil, events).Events; !bytes.Equal(got, body) {
			t.Errorf("%s\n was %x\n came back %x", words[2], body, got)
		}
		if e, is := events[0].(*cell.TaskEnded); is && ((e.Generated == nil) != (e.Took.Generated == 0) || e.Took.Embodied == nil || e.Site != "") {
			t.Errorf("it took %+v, %+v of its site's own power, and is booked at %q", e.Took, e.Generated, e.Site)
		}
	}
}

func earlierInput(t *testing.T, name string, body []byte) {
	t.Helper()
	var enc journal.Encoder
	r := journal.Record{Format: journal.Format, N: 3, Inputs: enc.Inputs([][]byte{body})}
	in, err := r.DecodeInputs()
	if err != nil || len(in) != 1 {
		t.Fatalf("%s: %d inputs, %v", name, len(in), err)
	}
	if got, err := journal.EncodeInput(in[0]); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%s\n was %x\n came back %x, %v", name, body, got, err)
	}
}

func TestBodiesThatDoNotFitAreRefused(t *testing.T) {
	ok := recordOf(t, nil, []cell.Event{&cell.NodeSilent{Node: "a"}}).Events
	for name, c := range map[string]struct {
		events []byte
		want   string
	}{
		"a later kind":       {[]byte{0x81, 0x82, 0x19, 0x40, 0x00, 0xa0}, "later version"},
		"a later field":      {[]byte{0x81, 0x82, 0x05, 0xa2, 0x01, 0x61, 'a', 0x18, 0x63, 0x01}, "later version"},
		"no list":            {[]byte{0xa0}, "not a list"},
		"nothing":            {nil, "not a list"},
		"a count beyond":     {[]byte{0x9a, 0x7f, 0xff, 0xff, 0xff, 0x82}, "not a list that fits"},
		"a cut body":         {ok[:len(ok)-1], "EOF"},
		"bytes behind":       {append(bytes.Clone(ok), 0), "follow the list"},
		"no pair":            {[]byte{0x81, 0x83, 0x01, 0x01, 0xa0}, "not a pair"},
		"a kind in two ways": {[]byte{0x81, 0x82, 0x18, 0x05, 0xa0}, "malformed"},
		"an endless list":    {[]byte{0x9f, 0xff}, "not a list"},
		"a wrong type":       {[]byte{0x81, 0x82, 0x05, 0xa1, 0x01, 0x02}, "NodeSilent"},
	} {
		t.Run(name, func(t *testing.T) {
			r := journal.Record{Format: journal.Format, N: 3, Events: c.events}
			_, err := r.DecodeEvents()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestALaterFieldIsPassedOverWhenItsWriterAllows(t *testing.T) {
	r := journal.Record{
		Format: journal.Format + 1, MinReader: journal.Format, N: 3,
		Events: []byte{0x81, 0x82, 0x05, 0xa2, 0x01, 0x61, 'a', 0x18, 0x63, 0x01},
	}
	events, err := r.DecodeEvents()
	if err != nil || !reflect.DeepEqual(events, []cell.Event{&cell.NodeSilent{Node: "a"}}) {
		t.Errorf("got %v, %v", events, err)
	}
}

func TestAStateComesBackToTheSameBytes(t *testing.T) {
	for name, st := range map[string]*cell.State{"new": cell.New(), "with work": busyState(t)} {
		t.Run(name, func(t *testing.T) {
			once, err := journal.EncodeState(st)
			if err != nil {
				t.Fatal(err)
			}
			back, err := journal.DecodeState(once)
			if err != nil {
				t.Fatal(err)
			}
			twice, err := journal.EncodeState(back)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(once, twice) {
				t.Errorf("%d bytes became %d others", len(once), len(twice))
			}
		})
	}
}

// busyState is what an engine makes of two nodes and some work.
func busyState(t testing.TB) *cell.State {
	t.Helper()
	e := engine.New(cell.New())
	in := []engine.Input{&engine.Lead{Epoch: 1, Server: "s"}}
	for _, name := range []string{"a", "b"} {
		in = append(in, &engine.Register{Node: api.Node{
			Name: name, Site: "here", Layer: api.LayerEdge, Drivers: []string{"noop"}, Speed: 1000,
			Capacity: api.Resources{CPU: 4000, Memory: api.GiB}, Labels: map[string]string{"x": "1", "y": "2"},
		}})
	}
	for i := range 20 {
		w := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("w", i),
			Tasks: []api.Task{{Name: "t", Driver: "noop", Count: 2, Resources: api.Resources{CPU: 500}}},
		}
		w.Normalize()
		in = append(in, &engine.Submit{Caller: engine.Caller{Principal: "me", Key: fmt.Sprint(i)}, Workload: w})
	}
	if _, err := e.Step(1_700_000_000_000_000_000, in); err != nil {
		t.Fatal(err)
	}
	return e.State()
}

func FuzzDecodeEvents(f *testing.F) {
	for _, ev := range everyEvent() {
		f.Add(recordOf(f, nil, []cell.Event{ev}).Events)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := journal.Record{Format: journal.Format, N: 1, Events: b}
		events, err := r.DecodeEvents()
		if err != nil {
			return
		}
		var enc journal.Encoder
		if _, err := enc.Events(events); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

func smallEvents(n int) []cell.Event {
	out := make([]cell.Event, n)
	for i := range out {
		a := api.Attempt{TaskRef: api.TaskRef{Workload: uint64(i)}, Try: 1}
		if i%2 == 0 {
			out[i] = &cell.TaskStarted{Attempt: a, N: 1}
		} else {
			out[i] = &cell.TaskEnded{Attempt: a, N: 2, Result: &api.Result{Wall: 1000}, Next: api.TaskSucceeded}
		}
	}
	return out
}

func BenchmarkEncodeEvents(b *testing.B) {
	events := smallEvents(1000)
	var enc journal.Encoder
	for b.Loop() {
		if _, err := enc.Events(events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDecodeEvents(b *testing.B) {
	r := recordOf(b, nil, smallEvents(1000))
	for b.Loop() {
		if _, err := r.DecodeEvents(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}
