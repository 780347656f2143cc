package agent

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// mounts resolves the task's volumes. A path of the node must lie, all links
// followed, in one that its operator allowed.
func (n *node) mounts(dir string, t *api.Task) ([]driver.Mount, error) {
	var mounts []driver.Mount
	for i, v := range t.Volumes {
		m := driver.Mount{Source: scratchDir(dir, i), Target: v.Target, ReadOnly: v.ReadOnly, Size: int64(v.Scratch)}
		if !filepath.IsAbs(v.Target) {
			return nil, reject("volume at %q: the target must be an absolute path", v.Target)
		}
		if v.HostPath != "" {
			var err error
			if m.Source, err = n.hostPath(v.HostPath, v.ReadOnly); err != nil {
				return nil, err
			}
		}
		mounts = append(mounts, m)
	}
	if wantsSecretFiles(t) && t.Driver == api.DriverWASM {
		mounts = append(mounts, driver.Mount{Source: filepath.Join(dir, secretsName), Target: guestSecrets, ReadOnly: true})
	}
	return mounts, nil
}

func (n *node) hostPath(path string, readOnly bool) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || !filepath.IsAbs(real) {
		return "", reject("host path %q: not there on this node", path)
	}
	for _, allowed := range n.cfg.HostPaths {
		base, only := strings.CutSuffix(allowed, ":ro")
		if base, err = filepath.EvalSymlinks(base); err != nil {
			continue
		}
		rel, err := filepath.Rel(base, real)
		if err == nil && filepath.IsLocal(rel) && (readOnly || !only) {
			return real, nil
		}
	}
	return "", reject("host path %q: the operator of this node does not allow it", path)
}

func scratchDir(dir string, i int) string {
	return filepath.Join(dir, volumesName, strconv.Itoa(i))
}

// scratch makes the scratch volumes, which go with the task's directory. The
// driver bounds each by its own size, and not by the limit on output.
func scratch(dir string, t *api.Task) error {
	for i, v := range t.Volumes {
		if v.HostPath != "" {
			continue
		}
		if err := os.MkdirAll(scratchDir(dir, i), 0o777); err != nil {
			return fmt.Errorf("make scratch space: %w", err)
		}
	}
	return nil
}

// choosePorts finds a free TCP port for each one that the task leaves open, and
// makes sure that the others are free now.
func choosePorts(ports []api.Port) ([]api.Port, error) {
	out := make([]api.Port, 0, len(ports))
	var held []net.Listener // until all are chosen, so that no two are alike
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, p := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(int(p.Port))))
		if err != nil {
			return nil, reject("port %q: %w", p.Name, err)
		}
		held = append(held, l)
		out = append(out, api.Port{Name: p.Name, Port: int32(l.Addr().(*net.TCPAddr).Port)})
	}
	return out, nil
}
