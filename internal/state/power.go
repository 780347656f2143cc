package state

import "drover.dev/api"

// power folds a NodePower in.
func (s *State) power(n *Node, e *NodePower) {
	if e.State == api.PowerWaking {
		s.slept(n)
	}
	s.cleared(n.Name)
	delete(s.Strains, n.Name)
	n.Power, n.PowerAt, n.Wake = e.State, s.Now, 0
	if e.State == api.PowerWaking {
		s.Wakes++
		n.Wake = s.Wakes
	}
	s.remember(e.Key, Answer{Action: "updated"})
}

// On reports whether a node is switched on, as far as the cell knows.
func (n *Node) On() bool { return n.Power == "" || n.Power == api.PowerOn }

// IdleSince is since when a node is on and holds nothing; it is not idle that holds
// something, or sleeps.
func (n *Node) IdleSince() (since api.Time, idle bool) {
	if len(n.Held) > 0 || !n.On() {
		return 0, false
	}
	return max(n.Idle, n.PowerAt, n.Registered), true
}
