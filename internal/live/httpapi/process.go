package httpapi

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// processMetrics are about the process, under the names that Prometheus' own Go
// client gives them.
func processMetrics() []Metric {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return append([]Metric{
		{Name: "go_goroutines", Help: "Goroutines of the process.", Value: float64(runtime.NumGoroutine())},
		{Name: "go_memstats_heap_alloc_bytes", Help: "Bytes of live and not yet collected heap.", Value: float64(m.HeapAlloc)},
		{Name: "go_memstats_heap_inuse_bytes", Help: "Bytes of heap in spans that hold something.", Value: float64(m.HeapInuse)},
		{Name: "go_memstats_heap_idle_bytes", Help: "Bytes of heap in spans that hold nothing, those given back included.", Value: float64(m.HeapIdle)},
		{Name: "go_memstats_heap_released_bytes", Help: "Bytes of heap given back to the system.", Value: float64(m.HeapReleased)},
		{Name: "go_memstats_next_gc_bytes", Help: "Size of the heap at which the next collection ends; the last one left about half of it.", Value: float64(m.NextGC)},
		{Name: "go_memstats_sys_bytes", Help: "Bytes obtained from the system, those given back included.", Value: float64(m.Sys)},
		{Name: "go_gc_cycles_total", Help: "Collections.", Counter: true, Value: float64(m.NumGC)},
	}, systemMetrics()...)
}

// systemMetrics are what the system says of the process; nothing where it has no /proc.
func systemMetrics() []Metric {
	var virtual, resident int64 // pages
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil
	}
	if _, err := fmt.Fscan(bytes.NewReader(statm), &virtual, &resident); err != nil {
		return nil
	}
	list := []Metric{{Name: "process_resident_memory_bytes", Help: "Resident memory, pages of files included.", Value: float64(resident * int64(os.Getpagesize()))}}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		list = append(list, Metric{Name: "process_open_fds", Help: "Open files and connections.", Value: float64(len(files))})
	}
	return list
}
