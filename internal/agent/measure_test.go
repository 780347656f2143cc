package agent

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"drover.dev/api"
)

// tree writes files below a new root.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	meminfo8 = "MemTotal:        8388608 kB\nMemFree:  100 kB\nMemAvailable:    6291456 kB\n"
	all      = -1 // every core of the machine that runs the test
)

func TestMeasure(t *testing.T) {
	for _, k := range []struct {
		name   string
		files  map[string]string
		cpu    api.Milli
		memory api.Bytes
	}{
		{"a whole machine", map[string]string{"proc/meminfo": meminfo8}, all, 8*api.GiB - 256*api.MiB},
		{"groups of version 2, nested", map[string]string{
			"proc/meminfo": meminfo8, "proc/self/cgroup": "0::/pod/app\n",
			"sys/fs/cgroup/pod/app/cpu.max": "max 100000\n", "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
			"sys/fs/cgroup/pod/app/memory.max": "1073741824\n", "sys/fs/cgroup/pod/memory.max": "max\n",
		}, 500, 1*api.GiB - api.GiB/10},
		{"groups of version 1", map[string]string{
			"proc/meminfo": meminfo8, "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "75000\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "2147483648\n",
		}, 750, 2*api.GiB - 2*api.GiB/10},
		{"no limits of version 1", map[string]string{
			"proc/meminfo": meminfo8, "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, all, 8*api.GiB - 256*api.MiB},
	} {
		t.Run(k.name, func(t *testing.T) {
			if k.cpu == all {
				k.cpu = api.Milli(runtime.NumCPU()) * 1000
			}
			n := api.Node{Speed: 1000}
			measure(&n, tree(t, k.files), t.TempDir())
			if n.Capacity.CPU != k.cpu || n.Capacity.Memory != k.memory || n.Capacity.Storage <= 0 {
				t.Errorf("got %+v, want cpu %d and memory %d", n.Capacity, k.cpu, k.memory)
			}
		})
	}
}

func TestMeasureLeavesWhatIsStated(t *testing.T) {
	n := api.Node{Capacity: api.Resources{CPU: 250, Memory: 1, Storage: 2}, Speed: 300, Boot: "b"}
	measure(&n, "/", t.TempDir())
	if n.Capacity.CPU != 250 || n.Capacity.Memory != 1 || n.Capacity.Storage != 2 || n.Speed != 300 || n.Boot != "b" {
		t.Errorf("got %+v", n)
	}
}

func TestSpeedIsQuantised(t *testing.T) {
	for took, want := range map[time.Duration]api.Milli{
		speedReference: 1000, speedReference * 2: 500, speedReference / 3: 3000, speedReference * 100 / 96: 1000, time.Hour: 100,
	} {
		if got := quantised(took); got != want {
			t.Errorf("%v gives %d, want %d", took, got, want)
		}
	}
	if s := speed(); s < 100 || s%100 != 0 {
		t.Errorf("this machine has speed %d", s)
	}
}

func TestUse(t *testing.T) {
	root := tree(t, map[string]string{
		"proc/meminfo": meminfo8, "proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0\n",
	})
	u := use{root: root}
	if got := u.now(); got.CPU != 0 || got.Memory != 2*api.GiB {
		t.Errorf("at first %+v", got)
	}
	later := "cpu  150 0 150 850 50 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0\n"
	if err := os.WriteFile(filepath.Join(root, "proc/stat"), []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := u.now(); got.CPU != 1000 { // 100 of 200 ticks of two cores
		t.Errorf("then %+v", got)
	}
}
