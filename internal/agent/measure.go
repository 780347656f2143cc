package agent

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

// measure fills the fields of a node that its configuration left open. root is
// "/" but in tests; dataDir is where tasks will store.
//
// CPU honours affinity and control group quotas; memory the smaller of the
// machine's and the control group's, less a reserve for the system of a tenth,
// at most 256 MiB; storage is what is free now.
func measure(n *api.Node, root, dataDir string) {
	c := &n.Capacity
	if c.CPU == 0 {
		c.CPU = cpuOf(root)
	}
	if c.Memory == 0 {
		total := memoryOf(root)
		c.Memory = total - min(total/10, 256*api.MiB)
	}
	if c.Storage == 0 {
		c.Storage = freeDisk(dataDir)
	}
	if n.Speed == 0 {
		n.Speed = speed()
	}
	if n.Boot == "" {
		n.Boot = readLine(filepath.Join(root, "proc/sys/kernel/random/boot_id"))
	}
}

// cpuOf is the number of cores that this process may use, in thousandths.
// runtime.NumCPU honours the affinity mask.
func cpuOf(root string) api.Milli {
	cores := api.Milli(runtime.NumCPU()) * 1000
	eachGroup(root, "cpu", func(dir string) {
		if quota := quotaOf(dir); quota > 0 {
			cores = min(cores, max(quota, 1))
		}
	})
	return cores
}

// quotaOf is the CPU quota of one control group in thousandths of a core; 0 is none.
func quotaOf(dir string) api.Milli {
	if f := strings.Fields(readLine(filepath.Join(dir, "cpu.max"))); len(f) == 2 {
		return share(f[0], f[1])
	}
	return share(readLine(filepath.Join(dir, "cpu.cfs_quota_us")), readLine(filepath.Join(dir, "cpu.cfs_period_us")))
}

func share(quota, period string) api.Milli {
	q, err1 := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 || q > math.MaxInt64/1000 {
		return 0 // "max" and -1 are no limit
	}
	return api.Milli(q * 1000 / p)
}

// memoryOf is the memory that this process may use, in bytes.
func memoryOf(root string) api.Bytes {
	total := meminfo(root, "MemTotal:")
	eachGroup(root, "memory", func(dir string) {
		for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
			limit, err := strconv.ParseInt(readLine(filepath.Join(dir, name)), 10, 64)
			if err == nil && limit > 0 && (total == 0 || api.Bytes(limit) < total) {
				total = api.Bytes(limit)
			}
		}
	})
	return total
}

// meminfo reads one line of /proc/meminfo, which counts in KiB.
func meminfo(root, key string) api.Bytes {
	data, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		f := strings.Fields(string(line))
		if len(f) >= 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return api.Bytes(n) * api.KiB
		}
	}
	return 0
}

// eachGroup visits this process's control group and all above it: each of them
// limits. Inside a container the groups are seen from the mount's root.
func eachGroup(root, controller string, visit func(dir string)) {
	data, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		base := filepath.Join(root, "sys/fs/cgroup")
		if !ok || (controllers != "" && !hasItem(controllers, controller)) {
			continue
		}
		if controllers != "" {
			base = filepath.Join(base, controllers)
			if _, err := os.Stat(base); err != nil {
				base = filepath.Join(root, "sys/fs/cgroup", controller)
			}
		}
		for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
			visit(filepath.Join(base, path))
			if path == "/" {
				break
			}
		}
	}
}

func hasItem(list, item string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part == item {
			return true
		}
	}
	return false
}

func readLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// The speed benchmark: a chain of dependent multiplications and shifts, of which
// a core can do nothing in parallel.
const (
	speedRounds = 1 << 20
	// speedReference is how long the rounds take on the reference node, which
	// has speed 1000: an x86-64 server core at 3 GHz, about 4 ns a round.
	speedReference = speedRounds * 4 * time.Nanosecond
	speedStep      = 100
)

// speed is this node's single-core speed in thousandths of the reference node,
// in steps of 100 so that it does not change from start to start. It takes the
// best of three runs, about 15 ms.
func speed() api.Milli {
	best := time.Duration(math.MaxInt64)
	x := uint64(1)
	for range 3 {
		start := time.Now()
		x = churn(x)
		best = min(best, time.Since(start))
	}
	if x == 0 { // never, but the compiler cannot know
		return speedStep
	}
	return quantised(best)
}

func quantised(took time.Duration) api.Milli {
	exact := int64(speedReference) * 1000 / max(int64(took), 1)
	return api.Milli(max((exact+speedStep/2)/speedStep*speedStep, speedStep))
}

func churn(x uint64) uint64 {
	for range speedRounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		x *= 0x9e3779b97f4a7c15
	}
	return x | 1
}
