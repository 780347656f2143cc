package respond

import (
	"fmt"

	"drover.dev/internal/energy/response"
)

// steps is by how many amounts of held tasks a node is planned that could be emptied
// instead; a planner takes no more options of one load.
const steps = 14

// action is what an option stands for: the first tasks of a node to be held still, or all
// of them to be stopped.
type action struct {
	node   int
	first  int // of Holdable
	behind int // up to here
	stop   bool
	sleep  bool // and then it falls asleep
}

// question is a survey as a planner takes it.
type question struct {
	loads   []response.Load
	actions [][]action // by load and option
}

// ask makes a question of a survey. hold says whether tasks may be held still, too. Where
// a node would be emptied for no more power than all of its tasks held still save, each
// task stands for itself.
func (s *Survey) ask(hold bool) (q question) {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		stops := n.Protected == "" && (n.Tasks > 0 || n.Sleep > 0)
		switch {
		case !hold || len(n.Holdable) == 0:
			if stops {
				q.add(n.stops(i))
			}
		case stops && n.Watts+n.Sleep > n.held(0, len(n.Holdable))+1e-9:
			q.either(n, i)
		default:
			for k := range n.Holdable {
				q.add([]response.Option{n.hold(k, k+1)}, []action{{node: i, first: k, behind: k + 1}})
			}
		}
	}
	return q
}

// either has some tasks of a node held still, those first that save most for their
// penalty, or all stopped.
func (q *question) either(n *Node, at int) {
	var options []response.Option
	var actions []action
	parts := min(len(n.Holdable), steps)
	for k := 1; k <= parts; k++ {
		behind := len(n.Holdable) * k / parts
		options = append(options, n.hold(0, behind))
		actions = append(actions, action{node: at, behind: behind})
	}
	all, done := n.stops(at)
	q.add(append(options, all...), append(actions, done...))
}

func (q *question) add(options []response.Option, actions []action) {
	q.loads, q.actions = append(q.loads, response.Load{Options: options}), append(q.actions, actions)
}

// stops are the ways in which all tasks of a node stop: it goes on idle, or sleeps.
func (n *Node) stops(at int) (options []response.Option, actions []action) {
	if n.Tasks > 0 {
		options = append(options, response.Option{Saves: n.Watts, After: n.After, Penalty: n.Penalty})
		actions = append(actions, action{node: at, stop: true})
	}
	if n.Sleep > 0 {
		options = append(options, response.Option{Saves: n.Watts + n.Sleep, After: n.After + n.Down, Penalty: n.Penalty})
		actions = append(actions, action{node: at, stop: true, sleep: true})
	}
	return options, actions
}

func (n *Node) hold(first, behind int) response.Option {
	o := response.Option{After: reaction, Saves: n.held(first, behind)}
	for _, t := range n.Holdable[first:behind] {
		o.Penalty += t.Penalty
	}
	return o
}

// held is what tasks of a node save that are held still, in W.
func (n *Node) held(first, behind int) (watts float64) {
	for _, t := range n.Holdable[first:behind] {
		watts += t.Watts
	}
	return watts
}

// choose plans an event: what is held still and what is stopped. It is never worse than
// with stops alone, also where neither plan is known to be the least.
func (s *Survey) choose(e response.Event) (p response.Plan, done []action, err error) {
	for _, hold := range [...]bool{false, true} {
		q := s.ask(hold)
		next, err := response.Respond(q.loads, e, nil)
		if err != nil {
			return p, nil, fmt.Errorf("plan the response: %w", err)
		}
		if hold && (next.Short > p.Short+1e-9 || next.Short > p.Short-1e-9 && next.Penalty > p.Penalty) {
			p.Exact, p.Bound = false, min(p.Bound, next.Bound)
			return p, done, nil
		}
		p, done = next, nil
		for i, k := range next.Choice {
			if k >= 0 {
				done = append(done, q.actions[i][k])
			}
		}
	}
	return p, done, nil
}
