package wasm

import (
	"path/filepath"
	"strconv"
	"testing"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
)

// BenchmarkSmallTask is a small guest from Start to Exit, one after another.
// warm has idle workers and compiled code; nocache compiles each time; cold
// starts a process for each task.
func BenchmarkSmallTask(b *testing.B) {
	for name, o := range map[string]Options{
		"warm":    {Idle: 4, Cache: b.TempDir()},
		"nocache": {Idle: 4},
		"cold":    {Cache: b.TempDir()},
	} {
		b.Run(name, func(b *testing.B) {
			d := newDriver(b, o)
			dir, n := b.TempDir(), 0
			next := func() driver.Spec {
				n++
				return driver.Spec{Dir: filepath.Join(dir, strconv.Itoa(n)), Module: guestPath(b), Args: []string{"exit", "0"}}
			}
			drivertest.Wait(b, drivertest.Start(b, d, next())) // fills the cache
			for b.Loop() {
				s := next()
				h, err := d.Start(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				if e := drivertest.Wait(b, h); !e.OK() {
					b.Fatalf("%+v", e)
				}
			}
		})
	}
}
