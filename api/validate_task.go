package api

import (
	"maps"
	"slices"
	"strings"
)

// tasks checks each task and how they hang together.
func (c *checker) tasks(w *Workload) {
	if len(w.Tasks) == 0 {
		c.fault("tasks", "is missing; a workload has at least one task")
	}
	index := c.taskNames(w.Tasks)
	for i := range w.Tasks {
		c.enterAt("tasks", i)
		c.task(&w.Tasks[i])
		c.inputs(w.Tasks, i, index)
		c.residency(w.Tasks, i, index)
		c.leave()
	}
	c.cycles(w.Tasks, index)
}

// size refuses workloads that are too large to look at closely, or to keep.
func (c *checker) size(w *Workload) bool {
	if n := len(w.Tasks); n > MaxTasks {
		c.fault("tasks", "has %d entries; the limit is %d", n, MaxTasks)
		return false
	}
	if n := w.Size(); n > MaxSpec {
		c.fault("", "takes %d bytes in the journal; the limit is %d: put large values into artifacts", n, MaxSpec)
		return false
	}
	var elements int64
	for i := range w.Tasks {
		elements += max(int64(w.Tasks[i].Count), 1)
	}
	if len(w.Tasks) > 1 && elements > MaxArray {
		c.fault("tasks", "have %d elements together; the limit is %d", elements, MaxArray)
	}
	return true
}

// taskIndex finds tasks by name; of equal names, the first.
type taskIndex map[string]int

func (c *checker) taskNames(tasks []Task) taskIndex {
	for i := range tasks {
		c.enterAt("tasks", i)
		c.name("name", tasks[i].Name)
		c.leave()
	}
	if len(tasks) == 1 && len(tasks[0].After) == 0 && len(tasks[0].Inputs) == 0 {
		return nil // nothing to look up
	}
	index := make(taskIndex, len(tasks))
	for i := range tasks {
		if first, ok := index[tasks[i].Name]; ok && tasks[i].Name != "" {
			c.enterAt("tasks", i)
			c.fault("name", "%s is already the name of tasks[%d]", quote(tasks[i].Name), first)
			c.leave()
			continue
		}
		index[tasks[i].Name] = i
	}
	return index
}

func (c *checker) task(t *Task) {
	within(c, "count", t.Count, 0, MaxArray)
	c.program(t)
	c.environment(t)
	c.enter("resources")
	c.resources(&t.Resources, true)
	c.leave()
	c.enter("requires")
	c.requires(&t.Requires)
	c.leave()
	c.outputs(t.Outputs)
	c.volumes(t.Volumes)
	if sum := t.ScratchSize(); t.Resources.Storage > 0 && sum > t.Resources.Storage {
		c.fault("volumes", "scratch space of %v in all does not fit into resources.storage, %v: that is all the task may have on the disk", sum, t.Resources.Storage)
	}
	c.ports(t.Ports)
	c.checks(t)
	c.restart(t)
	within(c, "timeout", t.Timeout, 0, MaxDuration)
	within(c, "grace", t.Grace, 0, MaxGrace)
	oneOf(c, "onLost", t.OnLost, LostReplace, LostWait, LostFail)
	within(c, "maxLog", t.MaxLog, 0, MaxLog)
	within(c, "duration", t.Duration, 0, MaxDuration)
}

// program checks that there is something to run, and one thing only. Of a driver
// that validation does not know it asks for nothing.
func (c *checker) program(t *Task) {
	switch t.Driver {
	case "":
		c.fault("driver", "is missing; choose one of %s, %s", DriverWASM, DriverProcess)
	case DriverWASM:
		if t.Artifact == nil {
			c.fault("artifact", "is missing; the %s driver runs a module: write file or digest", DriverWASM)
		}
		c.misfit(len(t.Command) > 0, "command", "the wasm driver runs the artifact; arguments go into args")
	case DriverProcess:
		if t.Artifact == nil && len(t.Command) == 0 {
			c.fault("command", "is missing; the %s driver runs a command or an artifact", DriverProcess)
		}
		c.misfit(t.Artifact != nil && len(t.Command) > 0, "command", "there is an artifact to run; arguments go into args")
	case DriverNoop:
		c.misfit(t.Artifact != nil, "artifact", "the noop driver runs nothing")
		c.misfit(len(t.Command) > 0, "command", "the noop driver runs nothing")
	default:
		c.name("driver", t.Driver)
	}
	if t.Artifact != nil {
		c.enter("artifact")
		c.source(t.Artifact)
		c.leave()
	}
	if len(t.Command) > 0 && t.Command[0] == "" {
		c.faultAt("command", 0, "is empty; it is the program to run")
	}
	c.arguments("command", t.Command)
	c.arguments("args", t.Args)
}

func (c *checker) arguments(field string, args []string) {
	c.atMost(field, len(args), MaxItems)
	for i, a := range args {
		if fault := badValue(a); fault != "" {
			c.faultAt(field, i, "%s", fault)
		}
	}
}

// badValue says why a program cannot get s as an argument or a variable.
func badValue(s string) string {
	switch {
	case len(s) > MaxText:
		return "is longer than 32768 bytes; put it into an input"
	case strings.IndexByte(s, 0) >= 0:
		return "holds a zero byte"
	}
	return ""
}

// source checks that bytes are named in exactly one way.
func (c *checker) source(s *Source) {
	switch {
	case s.File == "" && s.Digest == "":
		c.fault("", "names no bytes; write file or digest")
	case s.File != "" && s.Digest != "":
		c.fault("", "names bytes twice; write either file or digest")
	case s.File != "":
		c.inside("file", strings.TrimPrefix(s.File, "./"), "the manifest's directory")
	default:
		if _, err := ParseDigest(string(s.Digest)); err != nil {
			c.fault("digest", "%v", err)
		}
	}
	within(c, "size", s.Size, 0, MaxStorage)
}

func (c *checker) environment(t *Task) {
	c.atMost("env", len(t.Env), MaxItems)
	if len(t.Env) > 0 {
		for _, k := range slices.Sorted(maps.Keys(t.Env)) {
			if fault := badVariable(k); fault != "" {
				c.faultKey("env", k, "%s", fault)
			}
			if fault := badValue(t.Env[k]); fault != "" {
				c.faultKey("env", k, "%s", fault)
			}
		}
	}
	distinct(c, "secrets", t.Secrets, func(i int) {
		c.enterAt("secrets", i)
		c.secret(&t.Secrets[i], t)
		c.leave()
	})
}

func badVariable(name string) string {
	switch {
	case !envName(name):
		return "is not the name of a variable: letters, digits and _, not a digit first"
	case strings.HasPrefix(name, "DROVER_"):
		return "names beginning with DROVER_ are set by Drover"
	}
	return ""
}

func (c *checker) secret(s *Secret, t *Task) {
	c.word("ref", s.Ref, 128)
	switch {
	case (s.Env == "") == (s.File == ""):
		c.fault("", "needs exactly one of env and file")
	case s.File != "":
		c.inside("file", s.File, "/secrets")
	default:
		if fault := badVariable(s.Env); fault != "" {
			c.fault("env", "%s", fault)
		}
		if _, ok := t.Env[s.Env]; ok {
			c.fault("env", "%s is also set by env", quote(s.Env))
		}
	}
	for i := range t.Secrets[:min(len(t.Secrets), MaxItems)] {
		o := &t.Secrets[i]
		if o == s {
			return
		}
		if s.Env != "" && o.Env == s.Env || s.File != "" && o.File == s.File {
			c.fault("", "has the same target as secrets[%d]", i)
			return
		}
	}
}
