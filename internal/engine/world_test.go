package engine_test

import (
	"bytes"
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// world is an engine with everything that must agree with it: a follower of its
// events, and engines that were rebuilt from its state and take the same inputs.
type world struct {
	now      api.Time
	engine   *engine.Engine
	follower *engine.Engine
	rebuilt  []*engine.Engine
	history  []record
	placed   [][]given         // by step
	shadow   state.ShadowTally // what a strategy in its shadow stage would have done, since it was last told
	events   []state.Event     // of the last Step
	answers  []state.Answer
	more     bool
	wake     api.Time
	limit    int
	ordered  bool                 // the queue was not always ordered by priority
	booked   map[api.TaskRef]bool // for whom room was being freed before the last Step; nil: nobody asks
}

type record struct {
	now    api.Time
	inputs [][]byte
	events []byte
}

const start = api.Time(1_700_000_000_000_000_000)

// bookings notes for whom room is being freed.
func (w *world) bookings() {
	if w.booked == nil {
		return
	}
	clear(w.booked)
	for _, l := range w.engine.State().Workloads {
		for gi := range l.Groups {
			for _, t := range l.Groups[gi].Tasks {
				if t.Booking != nil {
					w.booked[t.Ref] = true
				}
			}
		}
	}
}

// fataler is what rapid's T and testing's have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// newWorld begins with an empty cell. limit bounds the batches.
func newWorld(limit int) *world {
	w := &world{now: start, engine: engine.New(state.New()), follower: engine.NewFollower(state.New()), limit: limit}
	w.engine.Limit(limit)
	return w
}

// resume has the world go on from a state.
func (w *world) resume(t fataler, st *state.State) {
	t.Helper()
	copied, err := journal.DecodeState(stateBytes(t, st))
	if err != nil {
		t.Fatalf("decode state: %v", err)
	}
	w.engine, w.follower = engine.New(st), engine.NewFollower(copied)
	w.engine.Limit(w.limit)
}

func encodeAll(t fataler, in []engine.Input) [][]byte {
	t.Helper()
	out := make([][]byte, len(in))
	for i := range in {
		b, err := journal.EncodeInput(in[i])
		if err != nil {
			t.Fatalf("encode %T: %v", in[i], err)
		}
		out[i] = b
	}
	return out
}

// decodeAll gives inputs of their own, so that no two engines share memory.
func decodeAll(t fataler, in [][]byte) []engine.Input {
	t.Helper()
	out := make([]engine.Input, len(in))
	for i := range in {
		v, err := journal.DecodeInput(in[i])
		if err != nil {
			t.Fatalf("decode input: %v", err)
		}
		out[i] = v
	}
	return out
}

func eventBytes(t fataler, events []state.Event) []byte {
	t.Helper()
	b, err := new(journal.Encoder).Events(events)
	if err != nil {
		t.Fatalf("encode events: %v", err)
	}
	return bytes.Clone(b)
}

func stateBytes(t fataler, st *state.State) []byte {
	t.Helper()
	b, err := journal.EncodeState(st)
	if err != nil {
		t.Fatalf("encode state: %v", err)
	}
	return bytes.Clone(b)
}

// step lets everything take the inputs and checks that all agree.
func (w *world) step(t fataler, in ...engine.Input) {
	t.Helper()
	raw := encodeAll(t, in)
	w.bookings()
	out, err := w.engine.Step(w.now, decodeAll(t, raw))
	if err != nil {
		t.Fatalf("step: %v", err)
	}
	if err := engine.Check(w.engine, out); err != nil {
		t.Fatalf("check of the batch: %v", err)
	}
	if err := engine.CheckState(w.engine.State()); err != nil {
		t.Fatalf("check of the state: %v", err)
	}
	if why := w.engine.HeldDiffers(); why != "" {
		t.Fatalf("%s", why)
	}
	events := eventBytes(t, out.Events)
	w.events, w.answers, w.more, w.wake = out.Events, out.Answers, out.More, out.Wake
	w.history = append(w.history, record{w.now, raw, events})
	w.placed = append(w.placed, placedIn(out.Events))
	w.follow(t, events)
	for i, r := range w.rebuilt {
		other, err := r.Step(w.now, decodeAll(t, raw))
		if err != nil {
			t.Fatalf("step of the rebuilt engine %d: %v", i, err)
		}
		if got := eventBytes(t, other.Events); !bytes.Equal(got, events) {
			t.Fatalf("engine %d, rebuilt from a snapshot, decided otherwise:\n%s\nthan the first:\n%s", i, show(other.Events), show(out.Events))
		}
		if fmt.Sprint(other.Answers, other.More) != fmt.Sprint(out.Answers, out.More) {
			t.Fatalf("engine %d, rebuilt from a snapshot, answers %v %v, the first %v %v", i, other.Answers, other.More, out.Answers, out.More)
		}
	}
}

func placedIn(events []state.Event) (out []given) {
	for _, ev := range events {
		if p, ok := ev.(*state.TaskPlaced); ok {
			out = append(out, given{p.Node, api.Attempt{TaskRef: p.Ref, Try: p.Try}})
		}
	}
	return out
}

func (w *world) follow(t fataler, events []byte) {
	t.Helper()
	r := journal.Record{Format: journal.Format, Events: events}
	list, err := r.DecodeEvents()
	if err != nil {
		t.Fatalf("decode events: %v", err)
	}
	if err := w.follower.Follow(w.now, nil); err != nil { // time passes first
		t.Fatalf("%v", err)
	}
	for i, ev := range list {
		if p, ok := ev.(*state.TaskPlaced); ok {
			if r := w.follower.State().Rollout; p.Decision.Stage == api.StageCanary && p.Decision.Strategy != r.To {
				t.Fatalf("%s decided for a canary of %s: %s", p.Decision.Strategy, r.To, show(w.events))
			}
			w.follower.Beside(p, &w.shadow, false)
		}
		if err := w.follower.Follow(w.now, list[i:i+1]); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if a, b := stateBytes(t, w.engine.State()), stateBytes(t, w.follower.State()); !bytes.Equal(a, b) {
		t.Fatalf("the follower's state differs after %s", show(w.events))
	}
}

// rebuild adds an engine that is made from a snapshot of the present state.
func (w *world) rebuild(t fataler) {
	t.Helper()
	st, err := journal.DecodeState(stateBytes(t, w.engine.State()))
	if err != nil {
		t.Fatalf("decode state: %v", err)
	}
	r := engine.New(st)
	r.Limit(w.limit)
	if why := w.engine.Index().Diff(r.Index()); why != "" {
		t.Fatalf("the index differs from one built from the state: %s", why)
	}
	w.rebuilt = append(w.rebuilt, r)
	if len(w.rebuilt) > 2 {
		w.rebuilt = w.rebuilt[1:]
	}
}

// replay runs the whole history on a fresh engine.
func (w *world) replay(t fataler) {
	t.Helper()
	e := engine.New(state.New())
	e.Limit(w.limit)
	for i, r := range w.history {
		out, err := e.Step(r.now, decodeAll(t, r.inputs))
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		if got := eventBytes(t, out.Events); !bytes.Equal(got, r.events) {
			t.Fatalf("replay of step %d decided otherwise:\n%s", i, show(out.Events))
		}
	}
}

// settle steps until nothing is left over.
func (w *world) settle(t fataler) {
	t.Helper()
	for i := 0; w.more; i++ {
		if i > 10_000 {
			t.Fatalf("the engine always wants to go on")
		}
		w.step(t)
	}
}
