package journal_test

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"drover.dev/api"
	"drover.dev/internal/journal"
	cell "drover.dev/internal/state"
)

// canonical encodes a state in one call, as snapshots always were.
func canonical(t testing.TB, st *cell.State) []byte {
	t.Helper()
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	mode, err := o.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// largeState has so many workloads and other things of every kind.
func largeState(t testing.TB, workloads int) *cell.State {
	st := busyState(t)
	for _, w := range st.Workloads { // any of them will do
		for id := range uint64(workloads) {
			other := *w
			other.ID = 1000 + id*id
			st.Workloads[other.ID] = &other
		}
		break
	}
	st.Keys["a longer key"] = cell.Answer{ID: 7}
	st.Keys["b"] = cell.Answer{Message: "no"}
	st.Losses = []cell.Loss{{From: 3}}
	st.Strategies = map[string]*api.Strategy{"mine": {}}
	st.Planning = new(cell.Planning)
	st.Versions = 9
	return st
}

func states(t testing.TB) map[string]*cell.State {
	return map[string]*cell.State{
		"no state at all": {}, "a new one": cell.New(), "a busy one": busyState(t), "a large one": largeState(t, 1000),
	}
}

func TestAStateInPiecesIsTheStateInOne(t *testing.T) {
	for name, st := range states(t) {
		want := canonical(t, st)
		pieces, err := journal.EncodePieces(st)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(pieces...); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes in %d pieces, want these %d", name, len(got), len(pieces), len(want))
		}
		if name == "a large one" && len(pieces) < 2 {
			t.Errorf("%d bytes are %d pieces", len(want), len(pieces))
		}
	}
}

func TestACopyIsWhatWasEncodedAndDecoded(t *testing.T) {
	for name, st := range states(t) {
		before := canonical(t, st)
		want, err := journal.DecodeState(before)
		if err != nil {
			t.Fatal(err)
		}
		got, err := journal.CopyState(st)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the copy differs from what is decoded", name)
		}
		if !bytes.Equal(canonical(t, st), before) {
			t.Errorf("%s: copying has changed it", name)
		}
		moved, err := journal.MoveState(st)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(moved, want) || len(st.Workloads) > 0 {
			t.Errorf("%s: what was moved differs, or %d workloads stay behind", name, len(st.Workloads))
		}
	}
}

// What is once needed to write a large state down must not be kept for good: a
// buffer of twice its size is, if the encoder makes it, since each small thing that
// is encoded later takes it out of the pool and puts it back.
func TestWritingAStateKeepsNoMemory(t *testing.T) {
	st := largeState(t, 5000)
	used := func() int {
		for range 3 { // what is pooled outlives one
			_, _ = cbor.Marshal(1)
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before, size := used(), 0
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	peak := m.TotalAlloc
	pieces, err := journal.EncodePieces(st)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&m)
	for _, p := range pieces {
		size += len(p)
	}
	if allocated := int(m.TotalAlloc - peak); allocated > 4*size { // in one call it is eight times; the race detector's pool forgets some
		t.Errorf("%d bytes are allocated for %d", allocated, size)
	}
	pieces = nil
	if kept := used() - before; kept > size/4 {
		t.Errorf("%d bytes stay after %d were written", kept, size)
	}
	runtime.KeepAlive(st)
}
