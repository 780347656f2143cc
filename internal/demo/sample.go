package demo

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// SampleHeader is the first line that Sample writes, and the contract with the module that reads it.
const SampleHeader = "t_ms,cpu_percent,mem_used_bytes,mem_total_bytes,load1,ctx_switches"

// Limits of Sample's arguments.
const (
	MinSampleEvery = 10 * time.Millisecond // the kernel counts processor time in hundredths of a second
	MaxSampleFor   = time.Hour
)

// Sample watches the machine for the time `length` and writes one CSV row each `every` to w, after SampleHeader:
//
//	t_ms             whole milliseconds since Sample started
//	cpu_percent      busy share of all processors since the row before, 0..100
//	mem_used_bytes   total less available memory
//	mem_total_bytes  memory of the machine
//	load1            load average over one minute
//	ctx_switches     context switches since boot
//
// What the kernel does not tell is an empty field. procRoot is "/proc", or a folder with files like it. When the machine
// is too busy to keep the pace, rows are missing rather than late. Sample returns ctx's error when it is cancelled, with
// all rows so far written, and otherwise an error that names the file and line that it does not understand.
func Sample(ctx context.Context, procRoot string, every, length time.Duration, w io.Writer) error {
	if every < MinSampleEvery || length < every || length > MaxSampleFor {
		return fmt.Errorf("sample every %v for %v: the first must be %v or more, the second between it and %v",
			every, length, MinSampleEvery, MaxSampleFor)
	}
	start := time.Now()
	last, err := readProc(procRoot)
	if err != nil {
		return fmt.Errorf("sample the machine: %w", err)
	}
	if err := writeLine(w, SampleHeader); err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for elapsed := time.Duration(0); elapsed < length-every/2; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		elapsed = time.Since(start)
		now, err := readProc(procRoot)
		if err != nil {
			return fmt.Errorf("sample the machine after %v: %w", elapsed.Round(time.Millisecond), err)
		}
		if err := writeLine(w, sampleRow(elapsed, last, now)); err != nil {
			return err
		}
		last = now
	}
	return nil
}

func writeLine(w io.Writer, line string) error {
	if _, err := io.WriteString(w, line+"\n"); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return nil
}

// sampleRow formats the reading `now`; processor use is measured against the reading before.
func sampleRow(elapsed time.Duration, last, now reading) string {
	return fmt.Sprintf("%d,%s,%s,%s,%s,%s", elapsed.Milliseconds(), field(busyPercent(last, now), 2),
		field(now.memUsed, 0), field(now.memTotal, 0), field(now.load1, 2), field(now.switches, 0))
}

// busyPercent is NaN when no processor time passed between the readings, or counters ran back.
func busyPercent(last, now reading) float64 {
	total, idle := now.cpuTotal-last.cpuTotal, now.cpuIdle-last.cpuIdle
	if !(total > 0) || idle < 0 { // also when either is NaN
		return math.NaN()
	}
	return min(100, max(0, 100*(1-idle/total)))
}

func field(v float64, decimals int) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
