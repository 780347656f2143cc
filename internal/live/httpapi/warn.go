package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// warner finds what is accepted but probably not meant. It asks the nodes once
// for each driver of a request, and stops at the first that has it.
type warner struct {
	nodes map[string]*state.Node
	has   map[string]bool // by driver
	all   []string        // see known
}

func newWarner(e *engine.Engine) *warner {
	return &warner{nodes: e.State().Nodes, has: map[string]bool{}}
}

// warnings are those of one workload, each with its path.
func (w *warner) warnings(spec *api.Workload) (list []api.FieldError) {
	for i := range spec.Tasks {
		if message := w.driver(spec.Tasks[i].Driver); message != "" {
			list = append(list, api.FieldError{Path: "tasks[" + strconv.Itoa(i) + "].driver", Message: message})
		}
	}
	return list
}

// driver is what is to be said of a driver: a node that has it may still come, so
// it is no fault. In a cell without nodes only unknown names are told of.
func (w *warner) driver(name string) string {
	if w.offered(name) || len(w.nodes) == 0 && slices.Contains(comesWith[:], name) {
		return ""
	}
	text := fmt.Sprintf("no registered node has the driver %q, so the task waits for one that does", name)
	known := w.known()
	if near := api.Nearest(name, known); near != "" && near != name {
		return text + "; did you mean " + near + "?"
	}
	const most = 10
	if len(w.nodes) > 0 && len(known) <= most {
		return text + "; nodes have " + strings.Join(known, ", ")
	}
	return text
}

// comesWith are the drivers that every Drover knows.
var comesWith = [...]string{api.DriverProcess, api.DriverWASM, api.DriverNoop}

func (w *warner) offered(name string) bool {
	has, asked := w.has[name]
	if asked {
		return has
	}
	for _, n := range w.nodes {
		if has = slices.Contains(n.Drivers, name); has {
			break
		}
	}
	w.has[name] = has
	return has
}

// known are the drivers that nodes have, in order; without nodes, those that
// every Drover knows.
func (w *warner) known() []string {
	if w.all != nil {
		return w.all
	}
	set := map[string]bool{}
	for _, n := range w.nodes {
		for _, d := range n.Drivers {
			set[d] = true
		}
	}
	if len(w.nodes) == 0 {
		for _, d := range comesWith {
			set[d] = true
		}
	}
	w.all = slices.Sorted(maps.Keys(set))
	return w.all
}
