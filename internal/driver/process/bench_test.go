package process

import (
	"path/filepath"
	"strconv"
	"testing"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
)

// BenchmarkTrue is /bin/true from Start to Exit, one after another.
func BenchmarkTrue(b *testing.B) {
	groups := tree.Detect()
	for name, o := range map[string]Options{
		"groups": {Idle: 4, Parent: &groups}, "plain": {Idle: 4, Parent: &tree.Parent{}}, "cold": {Parent: &groups},
	} {
		b.Run(name, func(b *testing.B) {
			d, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			dir, n := b.TempDir(), 0
			for b.Loop() {
				n++
				h, err := d.Start(b.Context(), driver.Spec{Dir: filepath.Join(dir, strconv.Itoa(n)), Command: "/bin/true"})
				if err != nil {
					b.Fatal(err)
				}
				if e, err := h.Wait(b.Context()); !e.OK() || err != nil {
					b.Fatalf("%+v, %v", e, err)
				}
			}
		})
	}
}
