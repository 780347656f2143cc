package live

import (
	"context"
	"fmt"
	"time"

	"drover.dev/internal/journal"
)

// keeper writes snapshots and shortens the journal. Its method due runs in the
// shadow's goroutine, where the state stands still; the rest in one of its own.
type keeper struct {
	cell    *Cell
	records int // since the last snapshot
	bytes   int
	taken   time.Time
	busy    chan struct{} // of capacity 1
	marks   []mark        // of the snapshots written, oldest first
}

// mark is a snapshot's place.
type mark struct {
	at  journal.Link
	seq uint64
}

// Even a quiet cell gets a snapshot now and then, so that its restart is quick.
const (
	snapshotAge   = 15 * time.Minute
	snapshotLeast = 200 // records
)

func newKeeper(c *Cell) *keeper {
	return &keeper{cell: c, taken: time.Now(), busy: make(chan struct{}, 1)}
}

// due counts a record and takes a snapshot if it is time.
func (k *keeper) due(ctx context.Context, f *fold) {
	k.records++
	k.bytes += f.size
	old := k.records >= snapshotLeast && time.Since(k.taken) > snapshotAge
	if !old && k.records < k.cell.cfg.SnapshotEvery && k.bytes < int(k.cell.cfg.SnapshotBytes) {
		return
	}
	select {
	case k.busy <- struct{}{}:
	default:
		return // the one before is still being written
	}
	k.cell.fail.At(pointBeforeSnapshot)
	k.records, k.bytes, k.taken = 0, 0, time.Now()
	data, err := journal.EncodeState(k.cell.shadow.engine.State())
	m := mark{at: f.at, seq: f.seq}
	k.cell.background.Go(func() {
		defer func() { <-k.busy }()
		if err == nil {
			err = k.keep(ctx, m, data)
		}
		if err != nil && ctx.Err() == nil {
			k.cell.log.Error("a snapshot failed; the journal is kept whole", "record", m.at.N, "error", err)
		}
	})
}

// keep saves a snapshot, archives the records before the one before it and
// removes them from the journal. Two snapshots stay usable: if the newest is
// damaged, the journal continues the older one.
func (k *keeper) keep(ctx context.Context, m mark, data []byte) error {
	c := k.cell
	if err := c.snapshots.Save(m.at, data); err != nil {
		return err
	}
	c.count.snapshots.Add(1)
	c.log.Info("snapshot written", "record", m.at.N, "bytes", len(data))
	k.marks = append(k.marks, m)
	cut := mark{}
	if n := len(k.marks); n > 1 {
		cut = k.marks[n-2]
		k.marks = k.marks[n-2:]
	}
	if cut.at.N == 0 {
		return nil
	}
	if _, err := c.archive.Add(c.journal.Read(ctx, 0), cut.at.N); err != nil {
		return err
	}
	c.fail.At(pointBeforeTruncate)
	if err := c.journal.Truncate(ctx, cut.seq); err != nil {
		return fmt.Errorf("shorten the journal: %w", err)
	}
	c.fail.At(pointAfterTruncate)
	return nil
}
