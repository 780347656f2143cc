package rehearse

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Change is a variation of a cell's fleet.
type Change struct {
	Node    string
	Down    bool // it has just been lost
	Drained bool // it takes no more work, and what runs there leaves
	More    int  // so many more of its kind
}

// maxMore bounds how many nodes a change may add.
const maxMore = 10_000

// ParseChange reads node=NAME=down, node=NAME=drained or node=NAME=+N.
func ParseChange(text string) (c Change, err error) {
	what, rest, _ := strings.Cut(text, "=")
	name, how, ok := strings.Cut(rest, "=")
	if what != "node" || !ok || name == "" {
		return c, fmt.Errorf("%.80q is no change: write node=NAME=down, node=NAME=drained or node=NAME=+N", text)
	}
	c.Node = name
	switch {
	case how == "down":
		c.Down = true
	case how == "drained":
		c.Drained = true
	case strings.HasPrefix(how, "+"):
		if c.More, err = strconv.Atoi(how[1:]); err != nil || c.More < 1 || c.More > maxMore {
			return c, fmt.Errorf("%.80q: how many more nodes is a number from 1 to %d", text, maxMore)
		}
	default:
		return c, fmt.Errorf("%.80q: a node can be down, drained, or +N for so many more of its kind", text)
	}
	return c, nil
}

// String gives what ParseChange reads.
func (c Change) String() string {
	switch {
	case c.Down:
		return "node=" + c.Node + "=down"
	case c.Drained:
		return "node=" + c.Node + "=drained"
	}
	return "node=" + c.Node + "=+" + strconv.Itoa(c.More)
}

// NoNodeError says that a change is of a node which the cell does not have.
type NoNodeError struct{ Node string }

// Error names it.
func (e *NoNodeError) Error() string { return "there is no node " + e.Node }

// apply changes the world that goes on from a state.
func (c Change) apply(st *state.State, cfg *twin.Config) error {
	n := st.Nodes[c.Node]
	switch {
	case n == nil:
		return &NoNodeError{c.Node}
	case c.Down:
		cfg.Down = append(cfg.Down, c.Node)
	case c.Drained:
		cfg.Settings = append(cfg.Settings, &engine.Drain{Node: c.Node})
	}
	for i := 0; len(cfg.Nodes) < maxMore && i < c.More; i++ {
		cfg.Nodes = append(cfg.Nodes, another(n.Node, st, len(cfg.Nodes)+1))
	}
	return nil
}

// another is a node of the same kind with a name of its own.
func another(n api.Node, st *state.State, at int) api.Node {
	name := n.Name
	for k := at; st.Nodes[n.Name] != nil; k++ {
		n.Name = name + "-more-" + strconv.Itoa(k)
	}
	return n
}
