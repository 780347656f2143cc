package api

import (
	"slices"
	"strings"
)

// cycles reports tasks that wait for each other in a circle. Each circle that a
// depth-first walk in the order of the tasks closes is reported once.
func (c *checker) cycles(tasks []Task, index taskIndex) {
	if index == nil {
		return
	}
	w := walk{checker: c, tasks: tasks, index: index, state: make([]visit, len(tasks))}
	for i := range tasks {
		w.from(i)
	}
}

type visit uint8

const (
	unseen visit = iota
	open         // on the path that is being walked
	done
)

type walk struct {
	*checker
	tasks []Task
	index taskIndex
	state []visit
	path  []int
}

// from walks everything that task i waits for. It recurses at most MaxTasks
// deep.
func (w *walk) from(i int) {
	if w.state[i] != unseen {
		return
	}
	w.state[i] = open
	w.path = append(w.path, i)
	t := &w.tasks[i]
	for _, name := range t.After {
		w.edge(name, "after")
	}
	for j := range t.Inputs {
		if name := t.Inputs[j].Task; name != "" && !slices.Contains(t.After, name) {
			w.edge(name, "inputs")
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[i] = done
}

// edge follows a dependency of the last task of the path.
func (w *walk) edge(name, field string) {
	to, ok := w.index[name]
	if !ok {
		return
	}
	if w.state[to] == open {
		w.enterAt("tasks", w.path[len(w.path)-1])
		w.fault(field, "waits in a cycle: %s", w.circle(to))
		w.leave()
		return
	}
	w.from(to)
}

// circle spells out who waits for whom, "a → b → a"; of a long circle the
// beginning and the end.
func (w *walk) circle(to int) string {
	const few = 8
	from := slices.Index(w.path, to)
	names := make([]string, 0, few+2)
	for _, i := range w.path[from:] {
		names = append(names, w.tasks[i].Name)
	}
	if n := len(names); n > few {
		names = slices.Concat(names[:few-1], []string{"…"}, names[n-1:])
	}
	return strings.Join(append(names, w.tasks[to].Name), " → ")
}
