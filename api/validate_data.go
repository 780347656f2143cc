package api

import (
	"path"
	"strings"
)

// inputs checks what task i takes, and the tasks that it waits for.
func (c *checker) inputs(tasks []Task, i int, index taskIndex) {
	t := &tasks[i]
	distinct(c, "after", t.After, func(j int) {
		// A task that an input names is spoken of there.
		if _, ok := index[t.After[j]]; !ok && !t.takesFrom(t.After[j]) && c.room() {
			c.faultAt("after", j, "%s", unknownTask(t.After[j], tasks))
		}
	})
	c.atMost("inputs", len(t.Inputs), MaxItems)
	list := t.Inputs[:min(len(t.Inputs), MaxItems)]
	places := make([]string, len(list))
	for j := range list {
		c.enterAt("inputs", j)
		c.input(&list[j], tasks, t, index)
		places[j] = destination(&list[j], tasks, index)
		for k := range j {
			if collide(places[j], places[k]) {
				c.fault("path", "%s would be put at the place of inputs[%d], or into it", quote(list[j].Path), k)
				break
			}
		}
		c.leave()
	}
}

// destination is where below the input directory the file of an input goes;
// those of an array, with * for the index.
func destination(in *Input, tasks []Task, index taskIndex) string {
	i, ok := index[in.Task]
	if in.Task == "" || !ok {
		return in.Path
	}
	from := &tasks[i]
	switch file := from.fileOf(in.Output); {
	case from.Count > 1 && in.Each != EachSame:
		return path.Join(in.Path, "*", file)
	case in.Path == ".":
		return file
	}
	return in.Path
}

// fileOf is the base name of an output's file.
func (t *Task) fileOf(output string) string {
	for i := range t.Outputs {
		if o := &t.Outputs[i]; o.Name == output && o.Path != "" {
			return path.Base(o.Path)
		}
	}
	return "stdout"
}

// collide reports whether files cannot be at both paths.
func collide(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	return b != "" && strings.HasPrefix(a, b) && (len(a) == len(b) || a[len(b)] == '/')
}

func (t *Task) takesFrom(task string) bool {
	for i := range t.Inputs {
		if t.Inputs[i].Task == task {
			return true
		}
	}
	return false
}

func (c *checker) input(in *Input, tasks []Task, t *Task, index taskIndex) {
	c.inside("path", in.Path, "the input directory")
	if in.Task == "" {
		c.misfit(in.Output != "", "output", "it belongs to task, which is missing")
		c.misfit(in.Each != "", "each", "it belongs to task, which is missing")
		if in.Path == "." {
			c.fault("path", "is the input directory itself; name a file in it")
		}
		if in.File == "" && in.Digest == "" {
			c.fault("", "names no bytes; write file, digest, or task and output")
			return
		}
		c.source(&in.Source)
		return
	}
	if in.Source != (Source{}) {
		c.fault("", "names bytes twice; write either task and output, or file, or digest")
	}
	oneOf(c, "each", in.Each, EachAll, EachSame)
	from, ok := index[in.Task]
	if !ok {
		if c.room() {
			c.fault("task", "%s", unknownTask(in.Task, tasks))
		}
		return
	}
	c.taken(in, &tasks[from], t)
}

// taken checks an input of task t against the task that makes it.
func (c *checker) taken(in *Input, from, t *Task) {
	if !from.makes(in.Output) && c.room() {
		c.fault("output", "%s", from.unmade(in.Output))
	}
	if a, b := max(from.Count, 1), max(t.Count, 1); in.Each == EachSame && a != b {
		c.fault("each", "%s needs arrays of one size; task %s has %d elements and this one %d", EachSame, in.Task, a, b)
	}
}

func (t *Task) makes(output string) bool {
	for i := range t.Outputs {
		if t.Outputs[i].Name == output && output != "" {
			return true
		}
	}
	return false
}

// unmade says why an output cannot be taken from t.
func (t *Task) unmade(output string) string {
	names := make([]string, len(t.Outputs))
	for i := range t.Outputs {
		names[i] = t.Outputs[i].Name
	}
	switch {
	case len(names) == 0:
		return "task " + t.Name + " has no outputs"
	case output == "":
		return "is missing; task " + t.Name + " has " + shortList(names)
	}
	return quote(output) + " is not an output of task " + t.Name + nearestOf(output, names)
}

func unknownTask(name string, tasks []Task) string {
	names := make([]string, len(tasks))
	for i := range tasks {
		names[i] = tasks[i].Name
	}
	return quote(name) + " is not a task of this workload" + nearestOf(name, names)
}

// nearestOf is didYouMean without the list of all names when there are many.
func nearestOf(name string, known []string) string {
	if k := Nearest(name, known); k != "" {
		return "; did you mean " + k + "?"
	}
	return "; there are " + shortList(known)
}

// shortList shows the first few names.
func shortList(names []string) string {
	const few = 8
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func (c *checker) outputs(list []Output) {
	c.atMost("outputs", len(list), MaxItems)
	list = list[:min(len(list), MaxItems)]
	for i := range list {
		o := &list[i]
		c.enterAt("outputs", i)
		c.name("name", o.Name)
		switch {
		case o.Stdout == (o.Path != ""):
			c.fault("", "needs exactly one of path and stdout")
		case o.Path == ".":
			c.fault("path", "is the output directory itself; name a file in it")
		case !o.Stdout:
			c.inside("path", o.Path, "the output directory")
		}
		within(c, "expect", o.Expect, 0, MaxStorage)
		for j := range i {
			if list[j].Name == o.Name && o.Name != "" {
				c.fault("name", "%s is already the name of outputs[%d]", quote(o.Name), j)
				break
			}
		}
		for j := range i {
			if list[j].Path == o.Path && o.Path != "" {
				c.fault("path", "%s is already the path of outputs[%d]", quote(o.Path), j)
				break
			}
		}
		c.leave()
	}
}

// reservedTargets are the directories that Drover itself puts into a task.
var reservedTargets = [...]string{"/in", "/out", "/work", "/secrets"}

func (c *checker) volumes(list []Volume) {
	c.atMost("volumes", len(list), MaxItems)
	list = list[:min(len(list), MaxItems)]
	for i := range list {
		v := &list[i]
		c.enterAt("volumes", i)
		c.target(v.Target)
		if (v.HostPath == "") == (v.Scratch == 0) {
			c.fault("", "needs exactly one of hostPath and scratch")
		}
		if v.HostPath != "" {
			c.absolute("hostPath", v.HostPath)
		}
		within(c, "scratch", v.Scratch, 0, MaxStorage)
		c.misfit(v.ReadOnly && v.Scratch > 0, "readOnly", "scratch space that cannot be written is of no use")
		for j := range i {
			if list[j].Target == v.Target {
				c.fault("target", "%s is already the target of volumes[%d]", quote(v.Target), j)
				break
			}
		}
		c.leave()
	}
}

func (c *checker) target(p string) {
	if p == "" {
		c.fault("target", "is missing; write where the task sees the directory, for example /data")
		return
	}
	if p == "/" {
		c.fault("target", "is the root directory; write for example /data")
		return
	}
	for _, r := range reservedTargets {
		if p == r || strings.HasPrefix(p, r+"/") {
			c.fault("target", "%s is a directory of Drover's; write for example /data", quote(p))
			return
		}
	}
	c.absolute("target", p)
}
