package agent

import (
	"testing"

	"drover.dev/api"
)

// No task may fill the disk, whatever it asked for.
func TestOutputIsBounded(t *testing.T) {
	n := &node{cfg: &Config{TaskStorage: taskStorage(200 * api.GiB)}}
	for name, c := range map[string]struct {
		task api.Task
		want api.Bytes
	}{
		"asked for":          {api.Task{Resources: api.Resources{Storage: api.GiB}}, api.GiB},
		"asked for nothing":  {api.Task{}, 10 * api.GiB},
		"less scratch space": {api.Task{Resources: api.Resources{Storage: 3 * api.GiB}, Volumes: []api.Volume{{Scratch: api.GiB}, {HostPath: "/srv"}}}, 2 * api.GiB},
		"scratch space only": {api.Task{Resources: api.Resources{Storage: api.GiB}, Volumes: []api.Volume{{Scratch: api.GiB}}}, 10 * api.GiB},
	} {
		if got := n.limits(&c.task).Output; got != int64(c.want) {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for node, want := range map[api.Bytes]api.Bytes{0: 64 * api.MiB, 10 * api.GiB: api.GiB, 1 << 50: 10 * api.GiB} {
		if got := taskStorage(node); got != want {
			t.Errorf("a node of %v: %v, want %v", node, got, want)
		}
	}
}
