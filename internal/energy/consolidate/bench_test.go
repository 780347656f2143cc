package consolidate_test

import (
	"testing"

	"drover.dev/internal/energy/consolidate"
)

func BenchmarkDay(b *testing.B) {
	use := day(b, "20110303")
	for _, p := range []string{consolidate.Own, "lr-1.2"} {
		b.Run(p, func(b *testing.B) {
			for b.Loop() {
				run(b, use, p, consolidate.MMT)
			}
		})
	}
}
