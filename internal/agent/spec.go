package agent

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// Where a WASM task finds its directories. A process finds them through
// DROVER_IN, DROVER_OUT and DROVER_SECRETS.
const (
	guestIn      = "/in"
	guestOut     = "/out"
	guestWork    = "/work"
	guestSecrets = "/secrets"
)

// spec resolves an assignment for its driver.
func (n *node) spec(as *api.Assignment, ports []api.Port) (driver.Spec, error) {
	t := as.Task
	dir := n.dirs.task(as.Attempt)
	s := driver.Spec{Dir: dir, Limits: n.limits(t), Args: arguments(t.Args, as.Index)}
	if t.AtMostOnce {
		s.Lease = n.dirs.lease()
	}
	var err error
	if s.Mounts, err = n.mounts(dir, t); err != nil {
		return s, err
	}
	if s.Env, err = n.environment(as, dir, ports); err != nil {
		return s, err
	}
	switch {
	case t.Driver == api.DriverWASM:
		s.Module = filepath.Join(dir, programName)
	case t.Artifact != nil:
		s.Command = filepath.Join(dir, programName)
	case len(t.Command) > 0:
		command := arguments(t.Command, as.Index)
		s.Command, s.Args = command[0], slices.Concat(command[1:], s.Args)
	}
	return s, nil
}

func (n *node) limits(t *api.Task) driver.Limits {
	return driver.Limits{
		Memory: int64(t.Resources.Memory), CPU: int64(t.Resources.CPU), Wall: time.Duration(t.Timeout),
		Output: int64(n.output(t)), Log: int64(t.MaxLog),
	}
}

// output bounds what the task's own directories may hold: what its scratch
// volumes leave of the storage that it asked for. One that asked for none must
// not fill the node either.
func (n *node) output(t *api.Task) api.Bytes {
	if left := t.Resources.Storage - t.ScratchSize(); left > 0 {
		return left
	}
	return n.cfg.TaskStorage
}

// The bounds of the default of Config.TaskStorage.
const (
	leastTaskStorage = 64 * api.MiB
	mostTaskStorage  = 10 * api.GiB
)

func taskStorage(node api.Bytes) api.Bytes {
	return min(max(node/10, leastTaskStorage), mostTaskStorage)
}

// arguments puts the index of an array's element in place of "{index}".
func arguments(args []string, index uint32) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.ReplaceAll(a, "{index}", strconv.FormatUint(uint64(index), 10))
	}
	return out
}

// environment is all that the task sees, in alphabetical order. What the user
// says stands above defaults, and below what Drover says.
func (n *node) environment(as *api.Assignment, dir string, ports []api.Port) ([]string, error) {
	env := map[string]string{}
	guest := as.Task.Driver == api.DriverWASM
	if !guest {
		work := filepath.Join(dir, driver.Work)
		env["PATH"] = cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin")
		env["HOME"], env["TMPDIR"] = work, work
	}
	for k, v := range as.Task.Env {
		env[k] = strings.ReplaceAll(v, "{index}", strconv.FormatUint(uint64(as.Index), 10))
	}
	secrets, err := n.secretEnv(as.Task)
	if err != nil {
		return nil, err
	}
	maps.Copy(env, secrets)
	n.facts(env, as)
	env["DROVER_IN"], env["DROVER_OUT"] = guestIn, guestOut
	if !guest {
		env["DROVER_IN"], env["DROVER_OUT"] = filepath.Join(dir, driver.In), filepath.Join(dir, driver.Out)
	}
	if wantsSecretFiles(as.Task) {
		env["DROVER_SECRETS"] = guestSecrets
		if !guest {
			env["DROVER_SECRETS"] = filepath.Join(dir, secretsName)
		}
	}
	for _, p := range ports {
		env["DROVER_PORT_"+envName(p.Name)] = strconv.Itoa(int(p.Port))
	}
	list := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list, nil
}

// facts tells the task who it is and where it runs.
func (n *node) facts(env map[string]string, as *api.Assignment) {
	env["DROVER_INDEX"] = strconv.FormatUint(uint64(as.Index), 10)
	env["DROVER_COUNT"] = strconv.Itoa(int(max(as.Count, 1)))
	env["DROVER_TASK"] = as.Task.Name
	env["DROVER_WORKLOAD"] = workloadName(as)
	env["DROVER_ATTEMPT"] = strconv.FormatUint(uint64(as.Try), 10)
	env["DROVER_NODE"] = n.self.Name
	env["DROVER_SITE"] = n.self.Site
}

// workloadName is the part of the display name "workload.task[index]" before
// the task; names hold no dot.
func workloadName(as *api.Assignment) string {
	name, _, _ := strings.Cut(as.Name, ".")
	return name
}

// envName writes a port's name as an environment variable's.
func envName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9'):
			return r
		}
		return '_'
	}, name)
}
