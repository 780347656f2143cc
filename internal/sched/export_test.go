package sched

// Reopen has nodes that are closed for a reason take work again.
func (x *Index) Reopen(why string) {
	for _, e := range x.nodes {
		if e.why == why {
			x.SetOpen(e.Name, true, "")
		}
	}
}

// Offer adds a driver to every node.
func (x *Index) Offer(driver string) {
	for _, e := range x.nodes {
		n := e.Node
		n.Drivers = append([]string{driver}, n.Drivers...)
		x.PutNode(n)
	}
}
