package live

import (
	"context"
	"fmt"
	"slices"
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
	maxMarks      = 64  // snapshots whose places are remembered
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
	data, err := journal.EncodePieces(k.cell.shadow.engine.State())
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

// cut is where the journal may begin after a snapshot at m: behind the snapshot
// before it, and behind what all servers of the cell have archived.
func (k *keeper) cut(m mark) (cut mark) {
	k.marks = append(k.marks, m)
	allowed := k.cell.cluster.archivedByAll(m.at.N)
	for i, before := range slices.Backward(k.marks[:len(k.marks)-1]) {
		if before.at.N <= allowed {
			cut, k.marks = before, k.marks[i:]
			break
		}
	}
	k.marks = k.marks[max(0, len(k.marks)-maxMarks):]
	return cut
}

// keep saves a snapshot, archives the records before the one before it and
// removes them from the journal. Two snapshots stay usable: if the newest is
// damaged, the journal continues the older one.
func (k *keeper) keep(ctx context.Context, m mark, data [][]byte) error {
	c := k.cell
	if err := c.snapshots.Save(m.at, data...); err != nil {
		return err
	}
	c.count.snapshots.Add(1)
	size := 0
	for _, piece := range data {
		size += len(piece)
	}
	c.log.Info("snapshot written", "record", m.at.N, "bytes", size)
	cut := k.cut(m)
	upto := cut.at.N
	if !c.cluster.sole {
		upto = max(upto, m.at.N) // whoever leads then may remove them
	}
	if upto == 0 {
		return nil
	}
	end, err := c.archive.Add(c.journal.Read(ctx, 0), upto)
	if err != nil {
		return err
	}
	c.archived.Store(end.N)
	if cut.at.N == 0 || !c.leading.Load() {
		return nil
	}
	c.fail.At(pointBeforeTruncate)
	if err := c.journal.Truncate(ctx, cut.seq); err != nil {
		return fmt.Errorf("shorten the journal: %w", err)
	}
	c.fail.At(pointAfterTruncate)
	return nil
}
