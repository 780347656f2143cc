package demo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxProcFile bounds what is read of one file: /proc/stat has a line per processor and one with a count per interrupt.
const maxProcFile = 4 << 20

// A reading is what the kernel says at one moment. What it does not say is NaN.
type reading struct {
	cpuTotal, cpuIdle float64 // clock ticks since boot, of all processors
	switches          float64 // since boot
	memTotal, memUsed float64 // bytes
	load1             float64
}

// readProc reads stat and meminfo, which must be there, and loadavg, which some sandboxes lack.
func readProc(root string) (reading, error) {
	nan := math.NaN()
	r := reading{cpuTotal: nan, cpuIdle: nan, switches: nan, memTotal: nan, memUsed: nan, load1: nan}
	for _, file := range []struct {
		name     string
		parse    func([]byte, *reading) error
		optional bool
	}{{"stat", parseStat, false}, {"meminfo", parseMeminfo, false}, {"loadavg", parseLoadavg, true}} {
		path := filepath.Join(root, file.name)
		data, err := readLimited(path)
		if file.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return r, err
		}
		if err := file.parse(data, &r); err != nil {
			return r, fmt.Errorf("%s: %w", path, err)
		}
	}
	return r, nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProcFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// eachLine calls f with the fields of each line that has some; an error gets the line's number.
func eachLine(data []byte, f func(fields []string) error) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxProcFile+1)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if err := f(fields); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func parseCount(text string) (float64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a count", text)
	}
	return float64(n), nil
}

// parseStat reads /proc/stat (proc_stat(5)): the line "cpu" and the line "ctxt".
func parseStat(data []byte, r *reading) error {
	err := eachLine(data, func(fields []string) (err error) {
		switch fields[0] {
		case "cpu":
			r.cpuTotal, r.cpuIdle, err = parseTicks(fields[1:])
		case "ctxt":
			if len(fields) != 2 {
				return fmt.Errorf("%q has %d values, want one", fields[0], len(fields)-1)
			}
			r.switches, err = parseCount(fields[1])
		}
		return err
	})
	if err == nil && math.IsNaN(r.cpuTotal) {
		return errors.New(`no line "cpu"`)
	}
	return err
}

// parseTicks adds up user, nice, system, idle, iowait, irq, softirq and steal; old kernels have fewer. What follows,
// guest and guest_nice, is counted in user and nice already. Idle is idle and iowait.
func parseTicks(fields []string) (total, idle float64, err error) {
	const counted = 8
	if len(fields) < 4 {
		return 0, 0, fmt.Errorf(`"cpu" has %d values, want four or more`, len(fields))
	}
	for i, text := range fields[:min(len(fields), counted)] {
		ticks, err := parseCount(text)
		if err != nil {
			return 0, 0, err
		}
		total += ticks
		if i == 3 || i == 4 {
			idle += ticks
		}
	}
	return total, idle, nil
}

// parseMeminfo reads /proc/meminfo (proc_meminfo(5)). Kernels before 3.14 do not say MemAvailable: free memory, buffers
// and page cache stand for it.
func parseMeminfo(data []byte, r *reading) error {
	bytesOf := map[string]float64{}
	err := eachLine(data, func(fields []string) error {
		key, _ := strings.CutSuffix(fields[0], ":")
		switch key {
		case "MemTotal", "MemAvailable", "MemFree", "Buffers", "Cached":
		default:
			return nil
		}
		if len(fields) != 3 || fields[2] != "kB" {
			return fmt.Errorf("%s is not a number of kB", key)
		}
		kib, err := parseCount(fields[1])
		bytesOf[key] = kib * 1024
		return err
	})
	if err != nil {
		return err
	}
	available, ok := bytesOf["MemAvailable"]
	if !ok {
		available = bytesOf["MemFree"] + bytesOf["Buffers"] + bytesOf["Cached"]
	}
	total := bytesOf["MemTotal"]
	if total == 0 || available > total {
		return fmt.Errorf("of %.0f bytes of memory %.0f are available", total, available)
	}
	r.memTotal, r.memUsed = total, total-available
	return nil
}

// parseLoadavg reads the first number of /proc/loadavg (proc_loadavg(5)).
func parseLoadavg(data []byte, r *reading) error {
	text, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	load, err := strconv.ParseFloat(text, 64)
	if err != nil || !(load >= 0) || math.IsInf(load, 0) {
		return fmt.Errorf("line 1: %.40q is not a load average", text)
	}
	r.load1 = load
	return nil
}
