package respond

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drover.dev/api"
)

// naps has nodes sleep while an event lasts.
type naps struct {
	cell          Cell
	tell          func(string)
	awake, asleep []string // that are to sleep, and that do
}

// take puts those to sleep that are empty by now.
func (n *naps) take(ctx context.Context) error {
	if len(n.awake) == 0 {
		return nil
	}
	nodes, err := n.cell.Nodes(ctx)
	if err != nil {
		return fmt.Errorf("ask for the nodes: %w", err)
	}
	busy := map[string]bool{}
	for i := range nodes {
		busy[nodes[i].Name] = nodes[i].Tasks > 0
	}
	var later []string
	for _, node := range n.awake {
		if busy[node] {
			later = append(later, node)
			continue
		}
		err := n.cell.Power(ctx, node, api.PowerRequest{Sleep: true})
		if refused(err) { // as long as something is promised room there
			later = append(later, node)
			continue
		}
		n.asleep = append(n.asleep, node) // also when the answer is lost
		if ctx.Err() != nil {
			return fmt.Errorf("put node %s to sleep: %w", node, err)
		}
		if err != nil && n.tell != nil {
			n.tell(fmt.Sprintf("whether node %s sleeps is not known: %v", node, err))
		}
	}
	n.awake = later
	return nil
}

// wake wakes all that were put to sleep, also when ctx has ended. The cell's own rules let
// them sleep again.
func (n *naps) wake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second+time.Duration(len(n.asleep))*100*time.Millisecond)
	defer cancel()
	var errs []error
	for _, node := range n.asleep {
		if err := n.cell.Power(ctx, node, api.PowerRequest{}); err != nil {
			errs = append(errs, fmt.Errorf("node %s sleeps, wake it with drover nodes wake %s: %w", node, node, err))
		}
	}
	return errors.Join(errs...)
}
