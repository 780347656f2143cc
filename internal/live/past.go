package live

import (
	"context"
	"iter"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
)

// past is what this server keeps of the cell's history.
func (c *Cell) past() *history.Source {
	return &history.Source{Journal: c.journal, Archive: c.archive, Snapshots: c.snapshots}
}

// Records gives all records of the cell, from the first: those of the archive,
// then those of the journal.
func (c *Cell) Records(ctx context.Context) (iter.Seq2[journal.Entry, error], error) {
	return c.past().Records(ctx, 1)
}
