package agent

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drover.dev/api"
)

const halfBusy = "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0\n"

// stat is halfBusy with so many more ticks busy and idle.
func stat(busy, idle string) string {
	return "cpu  " + busy + " 0 100 " + idle + " 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n"
}

// How full a node is: the machine, or a control group that limits the agent and is fuller,
// without what a group easily gives back.
func TestBusy(t *testing.T) {
	v2 := map[string]string{
		"proc/self/cgroup": "0::/pod/app\n", "sys/fs/cgroup/pod/cpu.max": "50000 100000\n", "sys/fs/cgroup/pod/cpu.stat": "usage_usec 1000000\nuser_usec 1\n",
		"sys/fs/cgroup/pod/memory.max": "1073741824\n", "sys/fs/cgroup/pod/memory.current": "1063256064\n", "sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file 20971520\n",
	}
	v1 := map[string]string{
		"proc/self/cgroup":                       "4:cpu,cpuacct:/job\n3:memory:/job\n",
		"sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000", "sys/fs/cgroup/cpu/job/cpuacct.usage": "1000000000",
		"sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1063256064",
		"sys/fs/cgroup/memory/job/memory.stat": "cache 1\ntotal_inactive_file 20971520\n",
	}
	for name, c := range map[string]struct {
		files, later map[string]string
		want         api.Busy
	}{
		"a machine alone": {nil, map[string]string{"proc/stat": stat("250", "850")}, api.Busy{CPU: 1500, OfCPU: 2000, Memory: 2 * api.GiB, OfMemory: 8 * api.GiB}},
		"a group that is fuller": {
			v2,
			map[string]string{"proc/stat": stat("150", "950"), "sys/fs/cgroup/pod/cpu.stat": "usage_usec 5900000\n"},
			api.Busy{CPU: 490, OfCPU: 500, Memory: 1063256064 - 20971520, OfMemory: api.GiB},
		},
		"a machine that is fuller": {
			v2,
			map[string]string{"proc/stat": stat("290", "810"), "proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 8 kB\n", "sys/fs/cgroup/pod/cpu.stat": "usage_usec 2000000\n"},
			api.Busy{CPU: 1900, OfCPU: 2000, Memory: 8*api.GiB - 8*api.KiB, OfMemory: 8 * api.GiB},
		},
		"a group of the first kind": {
			v1,
			map[string]string{"proc/stat": stat("150", "950"), "sys/fs/cgroup/cpu/job/cpuacct.usage": "5900000000"},
			api.Busy{CPU: 490, OfCPU: 500, Memory: 1063256064 - 20971520, OfMemory: api.GiB},
		},
		"a group that tells nothing": {
			map[string]string{"proc/self/cgroup": "0::/pod\n", "sys/fs/cgroup/pod/cpu.max": "50000 100000\n", "sys/fs/cgroup/pod/memory.max": "nonsense"},
			map[string]string{"proc/stat": stat("250", "850")},
			api.Busy{CPU: 1500, OfCPU: 2000, Memory: 2 * api.GiB, OfMemory: 8 * api.GiB},
		},
		"an old kernel":      {nil, map[string]string{"proc/stat": stat("250", "850"), "proc/meminfo": "MemTotal: 8388608 kB\n"}, api.Busy{CPU: 1500, OfCPU: 2000}},
		"ticks that go back": {nil, map[string]string{"proc/stat": stat("1", "1")}, api.Busy{Memory: 2 * api.GiB, OfMemory: 8 * api.GiB}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"proc/meminfo": meminfo8, "proc/stat": halfBusy}
			maps.Copy(files, c.files)
			root, now := tree(t, files), time.Unix(1e9, 0)
			b := busy{root: root}
			if got := b.take(now); got != nil {
				t.Errorf("at first %+v", got)
			}
			for path, text := range c.later {
				if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.take(now.Add(time.Second)); got != nil {
				t.Errorf("after a second %+v", got)
			}
			if got := b.take(now.Add(sampleEvery)); got == nil || *got != c.want {
				t.Errorf("then %+v, want %+v", got, c.want)
			}
		})
	}
	if got := (&busy{root: t.TempDir()}); got.take(time.Unix(1, 0)) != nil || got.take(time.Unix(100, 0)) != nil {
		t.Error("without /proc something is said")
	}
}
