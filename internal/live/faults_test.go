package live

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// faulty is a journal that does once what a test tells it to.
type faulty struct {
	journal.Journal
	mu   sync.Mutex
	next func(ctx context.Context, expect uint64, record []byte) (uint64, error)
}

func (f *faulty) once(do func(ctx context.Context, expect uint64, record []byte) (uint64, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = do
}

func (f *faulty) Append(ctx context.Context, expect uint64, record []byte) (uint64, error) {
	f.mu.Lock()
	do := f.next
	f.next = nil
	f.mu.Unlock()
	if do == nil {
		do = f.Journal.Append
	}
	return do(ctx, expect, record)
}

// runFaulty runs a cell on a journal in memory.
func runFaulty(t *testing.T, faults journal.Faults) (*Cell, *faulty) {
	t.Helper()
	c := open(t, Config{})
	f := &faulty{Journal: journal.NewMemory(7, faults)}
	c.journal = f
	go func() { _ = c.Run(context.WithoutCancel(t.Context())) }() // ends with Close
	select {
	case <-c.Ready():
	case <-time.After(wait):
		t.Fatal("the cell does not lead")
	}
	return c, f
}

func TestALostAcknowledgementIsAdopted(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	f.once(func(ctx context.Context, expect uint64, record []byte) (uint64, error) {
		if _, err := f.Journal.Append(ctx, expect, record); err != nil {
			return 0, err
		}
		return 0, journal.ErrUnknown
	})
	_, seq := do(t, c, submit(job("one", 1)))
	view(t, c, seq, func(st *state.State) {
		if st.Epoch != 1 || len(st.Workloads) != 1 {
			t.Errorf("epoch %d, %d workloads; want 1, 1", st.Epoch, len(st.Workloads))
		}
	})
	must[int](t)(c.Audit(t.Context()))
}

func TestALostRecordEndsTheLeadershipAndARetrySucceeds(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	f.once(func(context.Context, uint64, []byte) (uint64, error) { return 0, journal.ErrUnknown })
	if _, _, err := c.Do(t.Context(), []engine.Input{submit(job("one", 1))}); !errors.Is(err, httpapi.ErrNotLeader) {
		t.Fatalf("got %v, want ErrNotLeader", err)
	}
	_, seq := do(t, c, submit(job("one", 1)))
	view(t, c, seq, func(st *state.State) {
		if st.Epoch != 2 || len(st.Workloads) != 1 {
			t.Errorf("epoch %d, %d workloads; want 2, 1", st.Epoch, len(st.Workloads))
		}
	})
	must[int](t)(c.Audit(t.Context()))
}

// A record that was given up can still arrive, before or after the next epoch
// is opened. It is a fact then, and the key of its command finds its answer.
func TestALateRecordIsAFact(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	f.once(func(ctx context.Context, expect uint64, record []byte) (uint64, error) {
		f.once(func(ctx context.Context, e uint64, r []byte) (uint64, error) {
			if _, err := f.Journal.Append(ctx, expect, record); err != nil { // just before the next one
				t.Error(err)
			}
			return f.Journal.Append(ctx, e, r)
		})
		return 0, journal.ErrUnknown
	})
	_, _, err := c.Do(t.Context(), []engine.Input{submit(job("one", 1))})
	if !errors.Is(err, httpapi.ErrNotLeader) {
		t.Fatalf("got %v, want ErrNotLeader", err)
	}
	answers, seq := do(t, c, submit(job("one", 1)))
	view(t, c, seq, func(st *state.State) {
		if len(st.Workloads) != 1 || answers[0].ID != 1 {
			t.Errorf("%d workloads, answer %+v: the command was carried out twice", len(st.Workloads), answers[0])
		}
	})
	must[int](t)(c.Audit(t.Context()))
}

// Nobody else can reach the journal of a sole server for long, so it leads again
// behind what the other one wrote.
func TestAnotherLeadersRecordsAreFoldedBeforeLeadingAgain(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	usurp(t, f.Journal.(*journal.Memory), 9)
	if _, _, err := c.Do(t.Context(), []engine.Input{submit(job("one", 1))}); !errors.Is(err, httpapi.ErrNotLeader) {
		t.Errorf("got %v, want ErrNotLeader", err)
	}
	until(t, c, "the next epoch", func(st *state.State) bool { return st.Epoch == 10 })
	do(t, c, submit(job("two", 1)))
}

// usurp appends the record that opens another leader's epoch.
func usurp(t *testing.T, m *journal.Memory, epoch uint64) {
	t.Helper()
	last := must[uint64](t)(m.Last(t.Context()))
	var at journal.Link
	for v, err := range journal.Verify(m.Read(t.Context(), 0), &journal.Verifier{}) {
		if err != nil {
			t.Fatal(err)
		}
		at = journal.Link{N: v.Record.N, Hash: v.Hash}
	}
	var enc journal.Encoder
	in := must[[]byte](t)(journal.EncodeInput(&engine.Lead{Epoch: epoch, Server: "other"}))
	events := must[[]byte](t)(enc.Events([]state.Event{&state.LeaderStarted{Epoch: epoch, Server: "other"}}))
	b := must[[]byte](t)(journal.Encode(journal.Record{
		Format: journal.Format, MinReader: 1, N: at.N + 1, PrevHash: at.Hash, Epoch: epoch, Now: time.Now().UnixNano(),
		Inputs: enc.Inputs([][]byte{in}), Events: events,
	}))
	must[uint64](t)(m.Append(t.Context(), last, b))
}

// Under a journal that fails in every way it can, every command that was
// answered stands, exactly once, and an audit agrees.
func TestNothingAnsweredIsLostUnderFaults(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	f.Journal.(*journal.Memory).SetFaults(journal.Faults{Refuse: 0.1, Drop: 0.1, LoseAck: 0.2})
	for i := range 40 {
		in := submit(job(fmt.Sprint("w", i), 2))
		for tries := 0; ; tries++ {
			_, _, err := c.Do(t.Context(), []engine.Input{in})
			if err == nil {
				break
			}
			if !errors.Is(err, httpapi.ErrNotLeader) && !errors.Is(err, httpapi.ErrStorage) || tries == 200 {
				t.Fatalf("after %d tries: %v", tries, err)
			}
		}
	}
	f.Journal.(*journal.Memory).SetFaults(journal.Faults{})
	_, seq := do(t, c, submit(job("last", 1)))
	view(t, c, seq, func(st *state.State) {
		if st.Totals.Submitted != 41 {
			t.Errorf("%d workloads were made of 41 commands", st.Totals.Submitted)
		}
	})
	must[int](t)(c.Audit(t.Context()))
}

// An input that the engine cannot decide fails alone, also when others share its
// batch.
func TestAnInputThatCannotBeDecidedFailsAlone(t *testing.T) {
	c, f := runFaulty(t, journal.Faults{})
	got := make(chan error, 3)
	offer := func(in engine.Input) {
		t.Helper()
		b := must[[]byte](t)(journal.EncodeInput(submit(job("x", 1))))
		if _, err := c.queue.offer("lane", []engine.Input{in}, [][]byte{b}, func(_ []state.Answer, _ uint64, err error) { got <- err }); err != nil {
			t.Fatal(err)
		}
	}
	f.once(func(ctx context.Context, expect uint64, record []byte) (uint64, error) {
		offer((*engine.Lead)(nil)) // these gather while the first is under way
		offer(submit(job("x", 1)))
		return f.Journal.Append(ctx, expect, record)
	})
	offer(&engine.Cancel{Tenant: "default", Name: "nobody"})
	for i, want := range []error{nil, errUndecided, nil} {
		select {
		case err := <-got:
			if !errors.Is(err, want) {
				t.Errorf("input %d: got %v, want %v", i, err, want)
			}
		case <-time.After(wait):
			t.Fatalf("input %d has no outcome", i)
		}
	}
}

func TestACommandThatFitsInNoRecordIsRefused(t *testing.T) {
	c := run(t, Config{})
	big := job("big", 1)
	big.Tasks[0].Args = []string{strings.Repeat("x", maxInput)}
	if _, _, err := c.Do(t.Context(), []engine.Input{submit(big)}); err == nil || !strings.Contains(err.Error(), "make it smaller") {
		t.Errorf("got %v", err)
	}
	answers, _, err := c.Do(t.Context(), []engine.Input{submit(job("good", 1)), &engine.Cancel{Tenant: "default", Name: "nobody"}})
	if err != nil || answers[0].Code != state.CodeOK || answers[1].Code != state.CodeNotFound {
		t.Errorf("got %+v, %v", answers, err)
	}
}

func TestADamagedJournalIsNotStartedOn(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	do(t, c, submit(job("one", 1)))
	seq := must[uint64](t)(c.journal.Last(t.Context()))
	var junk journal.Record
	junk.Format, junk.MinReader, junk.N, junk.Epoch = journal.Format, 1, 40, 1
	b := must[[]byte](t)(journal.Encode(junk))
	must[uint64](t)(c.journal.Append(t.Context(), seq, b))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "--accept-loss-from 3") {
		t.Fatalf("got %v, want what is lost and how to accept it", err)
	}
	c = run(t, Config{Dir: dir, AcceptLossFrom: 3})
	until(t, c, "the next epoch", func(st *state.State) bool { return st.Epoch == 2 })
	view(t, c, 0, func(st *state.State) {
		if len(st.Workloads) != 1 || len(st.Losses) != 1 || st.Losses[0].From != 3 || st.Losses[0].Entries != 1 || st.Losses[0].Epoch != 2 {
			t.Errorf("%d workloads, given up is %+v", len(st.Workloads), st.Losses)
		}
	})
	for deadline := time.Now().Add(wait); must[uint64](t)(c.journal.First(t.Context())) <= seq; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the damaged part stays in the journal")
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = run(t, Config{Dir: dir}) // the damage is gone
	must[int](t)(c.Audit(t.Context()))
}

func TestOneServerADirectory(t *testing.T) {
	c := open(t, Config{})
	_, err := Open(t.Context(), Config{Dir: c.cfg.Dir})
	if err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("got %v", err)
	}
}

func TestSnapshotsShortenTheJournalAndNothingIsLost(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, SnapshotEvery: 10}
	c := run(t, cfg)
	a := join(t, c, "n1")
	a.hello()
	n := 0
	for round := 0; must[uint64](t)(c.journal.First(t.Context())) == 1; round++ {
		do(t, c, submit(job(fmt.Sprint("w", round), 1)))
		a.work(1)
		if n++; n > 2000 {
			t.Fatal("the journal is never shortened")
		}
	}
	until(t, c, "the end of all tasks", finished(uint64(n)))
	if files, _ := filepath.Glob(filepath.Join(dir, "archive", "segment-*")); len(files) == 0 {
		t.Error("nothing was archived")
	}
	before := must[int](t)(c.Audit(t.Context()))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = run(t, cfg)
	view(t, c, 0, func(st *state.State) {
		if st.Totals.Ended != uint64(n) || len(st.Workloads) != n {
			t.Errorf("%d tasks and %d workloads of %d", st.Totals.Ended, len(st.Workloads), n)
		}
	})
	if after := must[int](t)(c.Audit(t.Context())); after <= before {
		t.Errorf("audited %d records, %d before", after, before)
	}
}
