//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live"
	"drover.dev/internal/state"
)

// story is what a server's data directory tells after everything was stopped.
type story struct {
	records, audited int
	events, leaders  int
	duplicates       map[string]int // recorded ends of what had ended, by the first word of the workload's name
	resent           map[string]int // ends that were reported more than once, by that word
	reported         map[api.Attempt]bool
	submitted        map[string][]uint64
	ended            map[uint64]int // final ends of each workload
}

// retell reads all records of a stopped server: the chain must be whole, each
// record must be what its inputs lead to, and whichever way the state is built
// it must be the same, byte for byte.
func retell(t *testing.T, dir string) *story {
	t.Helper()
	return retellOf(t, live.Config{Dir: dir})
}

// retellOf is retell of a server that keeps its journal elsewhere.
func retellOf(t *testing.T, cfg live.Config) *story {
	t.Helper()
	ctx := context.Background()
	cell, err := live.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cell.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := &story{duplicates: map[string]int{}, resent: map[string]int{}, reported: map[api.Attempt]bool{}, submitted: map[string][]uint64{}, ended: map[uint64]int{}}
	if s.audited, err = cell.Audit(ctx); err != nil {
		t.Errorf("the records decided again: %v", err)
	}
	whole := s.fold(t, cell)
	var restored []byte
	if _, err := cell.View(ctx, 0, func(e *engine.Engine) { restored = encoded(t, e.State()) }); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole, restored) {
		t.Errorf("the last snapshot with the records after it is another state (%d bytes) than all records (%d bytes)", len(restored), len(whole))
	}
	t.Logf("%d records with %d events: all decided again with the same bytes; the snapshot with its tail is the whole", s.records, s.events)
	return s
}

// fold builds the state from all records, and halfway writes it down and reads
// it back, as a snapshot would.
func (s *story) fold(t *testing.T, cell *live.Cell) []byte {
	t.Helper()
	entries, err := cell.Records(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	whole, halved := state.New(), state.New()
	for v, err := range journal.Verify(entries, journal.NewVerifier(journal.Link{})) {
		if err != nil {
			t.Fatalf("after record %d: %v", s.records, err)
		}
		events, err := v.Record.DecodeEvents()
		if err != nil {
			t.Fatal(err)
		}
		s.records++
		apply(t, whole, &v.Record, events)
		again, err := v.Record.DecodeEvents() // states may share nothing
		if err != nil {
			t.Fatal(err)
		}
		apply(t, halved, &v.Record, again)
		if s.records == s.audited/2 {
			if halved, err = journal.DecodeState(encoded(t, halved)); err != nil {
				t.Fatal(err)
			}
		}
		s.tell(whole, events)
		inputs, err := v.Record.DecodeInputs()
		if err != nil {
			t.Fatal(err)
		}
		s.hear(whole, inputs)
	}
	if s.records != s.audited {
		t.Errorf("%d records, of which %d were audited", s.records, s.audited)
	}
	if !bytes.Equal(encoded(t, whole), encoded(t, halved)) {
		t.Error("a snapshot halfway with the records after it is another state than all records")
	}
	return encoded(t, whole)
}

func apply(t *testing.T, st *state.State, r *journal.Record, events []state.Event) {
	t.Helper()
	st.Now = max(st.Now, api.Time(r.Now))
	for _, ev := range events {
		if err := st.Apply(api.Time(r.Now), ev); err != nil {
			t.Fatalf("record %d: %v", r.N, err)
		}
	}
}

func encoded(t *testing.T, st *state.State) []byte {
	t.Helper()
	b, err := journal.EncodeState(st)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *story) tell(st *state.State, events []state.Event) {
	s.events += len(events)
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.WorkloadSubmitted:
			s.submitted[ev.Spec.Name] = append(s.submitted[ev.Spec.Name], ev.ID)
		case *state.LeaderStarted:
			s.leaders++
		case *state.TaskEnded:
			if ev.Next.Final() {
				s.ended[ev.Attempt.Workload]++
			}
		case *state.ReportDuplicate:
			s.duplicates[wordOf(st, ev.Attempt)]++
		}
	}
}

// hear counts what the agents said more than once.
func (s *story) hear(st *state.State, inputs []engine.Input) {
	for _, in := range inputs {
		reports, ok := in.(*engine.Reports)
		if !ok {
			continue
		}
		for i := range reports.Reports {
			r := &reports.Reports[i]
			if r.Kind != api.ReportEnded {
				continue
			}
			if s.reported[r.Attempt] {
				s.resent[wordOf(st, r.Attempt)]++
			}
			s.reported[r.Attempt] = true
		}
	}
}

func wordOf(st *state.State, a api.Attempt) string {
	w := st.Workloads[a.Workload]
	if w == nil {
		return ""
	}
	word, _, _ := strings.Cut(w.Spec.Name, "-")
	return word
}

// must checks the journal against what was answered: each accepted name stands
// there once, under the number that was answered, and has ended once.
func (s *story) must(t *testing.T, accepted map[string]uint64) {
	t.Helper()
	for name, id := range accepted {
		if got := s.submitted[name]; len(got) != 1 || got[0] != id {
			t.Errorf("%s was answered as %d and stands in the journal as %v", name, id, got)
		}
		if n := s.ended[id]; n != 1 {
			t.Errorf("%s has ended %d times", name, n)
		}
	}
	if len(s.submitted) != len(accepted) {
		t.Errorf("the journal holds %d workloads, %d were accepted", len(s.submitted), len(accepted))
	}
}
