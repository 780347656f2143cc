package wasm

import (
	"fmt"
	"os"
	"path/filepath"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/worker"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental/sysfs"
)

// mounts makes the directories that the guest sees. /work is also its root,
// so that relative paths lead there, as they do for a process.
func (g *guest) mounts() (wazero.FSConfig, error) {
	dir := g.task.Dir
	conf := wazero.NewFSConfig()
	mount := func(source string, readOnly bool, q *quota, targets ...string) error {
		root, err := os.OpenRoot(source)
		if err != nil {
			return fmt.Errorf("make %s of %s: %w", targets[0], source, err)
		}
		d := &dirFS{root: root, readOnly: readOnly, quota: q}
		for _, target := range targets {
			conf = conf.(sysfs.FSConfig).WithSysFSMount(d, target)
		}
		return nil
	}
	if err := mount(filepath.Join(dir, driver.In), true, nil, "/in"); err != nil {
		return nil, err
	}
	output := newQuota(worker.Spaces(g.task.Spec)[0], g.full)
	if err := mount(filepath.Join(dir, driver.Out), false, output, "/out"); err != nil {
		return nil, err
	}
	if err := mount(filepath.Join(dir, driver.Work), false, output, "/work", "/"); err != nil {
		return nil, err
	}
	for _, m := range g.task.Mounts {
		var q *quota
		if m.Size > 0 {
			q = newQuota(worker.ScratchSpace(m), g.full)
		}
		source, err := m.Open()
		if err == nil {
			err = mount(driver.Held(source), m.ReadOnly, q, m.Target)
			source.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
	}
	return conf, nil
}
