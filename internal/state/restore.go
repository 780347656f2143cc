package state

import "drover.dev/api"

// Restore rebuilds what is derived after a State was decoded from a snapshot.
func (s *State) Restore() {
	s.Workloads = orMake(s.Workloads)
	s.Nodes = orMake(s.Nodes)
	s.Sites = orMake(s.Sites)
	s.Strategies = orMake(s.Strategies)
	s.Tenants = orMake(s.Tenants)
	s.Signals = orMake(s.Signals)
	s.Books = orMake(s.Books)
	s.Scalings = orMake(s.Scalings)
	s.Sizings = orMake(s.Sizings)
	s.Keys = orMake(s.Keys)
	s.Histories = orMake(s.Histories)
	s.Refusals = orMake(s.Refusals)
	s.Reservations = orMake(s.Reservations)
	s.Spending = orMake(s.Spending)
	s.Batteries = orMake(s.Batteries)
	s.Strains = orMake(s.Strains)
	s.Ledger = orMake(s.Ledger)
	if s.Slicing != nil {
		s.Slicing.Waits = orMake(s.Slicing.Waits)
	}
	if s.Consolidation != nil {
		s.Consolidation.Nodes = orMake(s.Consolidation.Nodes)
	}
	s.load, s.promised = Load{}, map[string]*promises{}
	s.names = make(map[string]uint64, len(s.Workloads))
	s.restoreCells()
	for _, name := range s.SortedNodes() {
		n := s.Nodes[name]
		n.Held, n.Used = map[api.TaskRef]*Task{}, api.Resources{}
	}
	for _, id := range s.SortedWorkloads() { // ascending: the newest of a name stays
		w := s.Workloads[id]
		s.names[w.Spec.Tenant+"/"+w.Spec.Name] = id
		w.Counts, w.load, w.Scaling = api.Counts{}, &s.load, s.Scalings[id]
		w.Sizing = s.Sizings[id]
		w.linkSizes()
		w.linkTasks()
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				w.count(t.Status, 1)
				s.promise(w, t.Expects, 1)
				if n := s.Nodes[t.Node]; n != nil && t.Status.Holds() {
					n.hold(t, w.SpecOf(t))
				}
			}
		}
	}
}

func orMake[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}
