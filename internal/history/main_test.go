package history_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"go.uber.org/goleak"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded is a journal in memory.
type recorded []journal.Entry

func (r recorded) Read(_ context.Context, from uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for _, e := range r {
			if e.Seq >= from && !yield(e, nil) {
				return
			}
		}
	}
}

// cell decides batches and records them.
type cell struct {
	t       *testing.T
	engine  *engine.Engine
	encoder journal.Encoder
	now     api.Time
	at      journal.Link
	records recorded
}

// aCell has led one epoch: a node, and so many jobs.
func aCell(t *testing.T, jobs int) *cell {
	t.Helper()
	c := &cell{t: t, engine: engine.New(state.New()), now: api.Time(1_800_000_000 * api.Second)}
	c.step(&engine.Lead{Epoch: 1, Server: "s"})
	c.step(&engine.Register{Node: api.Node{
		Name: "n1", Site: "here", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop},
		Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB, Storage: api.GiB},
	}})
	for i := range jobs {
		w := &api.Workload{
			APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("job-", i),
			Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: 1}},
		}
		w.Normalize()
		c.step(&engine.Submit{Caller: engine.Caller{Principal: "test", Key: w.Name}, Workload: w})
	}
	return c
}

// step decides a batch and records it.
func (c *cell) step(inputs ...engine.Input) {
	c.t.Helper()
	c.now = c.now.Add(api.Second)
	out, err := c.engine.Step(c.now, inputs)
	if err != nil {
		c.t.Fatal(err)
	}
	c.record(inputs, out.Events)
}

// record writes a record, whether its events follow from the inputs or not.
func (c *cell) record(inputs []engine.Input, events []state.Event) {
	c.t.Helper()
	encoded := make([][]byte, 0, len(inputs))
	for _, in := range inputs {
		encoded = append(encoded, must[[]byte](c.t)(journal.EncodeInput(in)))
	}
	b := must[[]byte](c.t)(journal.Encode(journal.Record{
		Format: journal.Format, MinReader: journal.Format, N: c.at.N + 1, PrevHash: c.at.Hash, Epoch: 1, Now: int64(c.now), Build: "test",
		Inputs: c.encoder.Inputs(encoded), Events: must[[]byte](c.t)(c.encoder.Events(events)),
	}))
	c.at = journal.Link{N: c.at.N + 1, Hash: journal.Hash(b)}
	c.records = append(c.records, journal.Entry{Seq: c.at.N, Data: b})
}

func (c *cell) source() *history.Source { return &history.Source{Journal: c.records} }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
