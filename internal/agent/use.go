package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"drover.dev/api"
)

// use measures what the machine is busy with, for heartbeats. Where /proc is
// missing it says nothing.
type use struct {
	root        string
	busy, total uint64 // ticks of all cores at the last measurement
}

// now is the use since the last call: CPU averaged, memory at this moment.
func (u *use) now() api.Resources {
	var r api.Resources
	busy, total, cores := u.ticks()
	if total > u.total && u.total > 0 {
		r.CPU = api.Milli((busy - u.busy) * 1000 * uint64(cores) / (total - u.total))
	}
	u.busy, u.total = busy, total
	r.Memory = max(meminfo(u.root, "MemTotal:")-meminfo(u.root, "MemAvailable:"), 0)
	return r
}

// ticks sums the first line of /proc/stat: user nice system idle iowait irq
// softirq steal. Idle and waiting for I/O are not busy.
func (u *use) ticks() (busy, total uint64, cores int) {
	data, err := os.ReadFile(filepath.Join(u.root, "proc/stat"))
	if err != nil {
		return 0, 0, 0
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 8 && f[0] == "cpu":
			for i, text := range f[1:9] {
				n, _ := strconv.ParseUint(text, 10, 64)
				total += n
				if i != 3 && i != 4 {
					busy += n
				}
			}
		case len(f) > 0 && strings.HasPrefix(f[0], "cpu"):
			cores++
		}
	}
	return max(busy, u.busy), total, cores
}
