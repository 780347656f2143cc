package journal_test

import (
	"fmt"
	"testing"

	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
)

// BenchmarkAppend is one synced append after another, on the disk under the
// temporary directory.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 512 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			j := newHost(b, bus.Options{}).journal(b, "main")
			data := make([]byte, size)
			last := uint64(0)
			b.SetBytes(int64(size))
			for b.Loop() {
				seq, err := j.Append(b.Context(), last, data)
				if err != nil {
					b.Fatal(err)
				}
				last = seq
			}
		})
	}
}

// BenchmarkRead reads a whole journal of 64 MB, as a start does, without and with
// proving its chain.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 512 << 10} {
		j := newHost(b, bus.Options{Unsynced: true}).journal(b, "main")
		total := fillChain(b, j, size, 64<<20)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				for _, err := range j.Read(b.Context(), 1) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("%dKiB-verified", size>>10), func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				for _, err := range journal.Verify(j.Read(b.Context(), 1), new(journal.Verifier)) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func fillChain(b *testing.B, j journal.Journal, size, upto int) (total int64) {
	b.Helper()
	for at := (journal.Link{}); total < int64(upto); {
		r := record(at.N+1, at.Hash)
		r.Events = make([]byte, size)
		data, err := journal.Encode(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := j.Append(b.Context(), at.N, data); err != nil {
			b.Fatal(err)
		}
		at = journal.Link{N: at.N + 1, Hash: journal.Hash(data)}
		total += int64(len(data))
	}
	return total
}
