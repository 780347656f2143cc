package history_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
)

// shrinking is a journal that gives its first entries up to the archive when it has been
// looked at, as a server does that has a new snapshot.
type shrinking struct {
	recorded
	archive *journal.Archive
	upto    uint64
	looks   int
}

func (s *shrinking) Read(ctx context.Context, from uint64) iter.Seq2[journal.Entry, error] {
	s.looks++
	if s.looks == 1 {
		return s.recorded.Read(ctx, from)
	}
	return func(yield func(journal.Entry, error) bool) {
		if _, err := s.archive.Add(s.recorded.Read(ctx, 0), s.upto); err != nil {
			yield(journal.Entry{}, err)
			return
		}
		s.recorded.Read(ctx, max(from, s.upto+1))(yield)
	}
}

// TestRecordsOfAJournalThatIsShortenedMeanwhile: what the journal gives up between two looks
// is read from the archive.
func TestRecordsOfAJournalThatIsShortenedMeanwhile(t *testing.T) {
	c := aCell(t, 8)
	for _, from := range []uint64{1, 4, 10} {
		archive := must[*journal.Archive](t)(journal.OpenArchive(t.TempDir(), 1<<20))
		s := &history.Source{Journal: &shrinking{recorded: c.records, archive: archive, upto: 6}, Archive: archive}
		var got []uint64
		for e, err := range must[iter.Seq2[journal.Entry, error]](t)(s.Records(t.Context(), from)) {
			if err != nil {
				t.Fatal(err)
			}
			if r := must[journal.Record](t)(journal.Decode(e.Data)); r.N >= from {
				got = append(got, r.N)
			}
		}
		var want []uint64
		for n := from; n <= 10; n++ {
			want = append(want, n)
		}
		if !slices.Equal(got, want) {
			t.Errorf("from %d: records %d, want %d", from, got, want)
		}
	}
}
