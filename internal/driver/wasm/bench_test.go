package wasm

import (
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/tree"
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

// BenchmarkManySmallTasks is four small guests at a time for each core, with
// control groups and without: the groups must cost little.
func BenchmarkManySmallTasks(b *testing.B) {
	cache := b.TempDir()
	groups := tree.Detect()
	for name, parent := range map[string]*tree.Parent{"groups": &groups, "plain": {}} {
		b.Run(name, func(b *testing.B) {
			d := newDriver(b, Options{Idle: 4, Cache: cache, Parent: parent})
			dir := b.TempDir()
			var n atomic.Int64
			run := func() {
				h, err := d.Start(b.Context(), driver.Spec{
					Dir: filepath.Join(dir, strconv.FormatInt(n.Add(1), 10)), Module: guestPath(b), Args: []string{"exit", "0"},
					Limits: driver.Limits{Memory: 64 * mib, CPU: 1000},
				})
				if err != nil {
					b.Error(err)
					return
				}
				if e := drivertest.Wait(b, h); !e.OK() {
					b.Errorf("%+v", e)
				}
			}
			run() // fills the cache
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					run()
				}
			})
		})
	}
}
