package chaos

import "math/rand/v2"

// Walk follows one random history, much longer than any that can be explored
// exhaustively, and says how many moves it made.
func (in Instance) Walk(seed uint64, moves int) Report {
	t := in.tables()
	rng := rand.New(rand.NewPCG(seed, 1))
	first := in.begin(t)
	w := first
	r := Report{Instance: in.Name}
	var path, calm []move
	for len(path) < moves && r.Violation == "" {
		x := &run{world: w, in: &in, t: t}
		list := x.moves()
		if len(list) == 0 {
			break
		}
		m := pick(rng, list)
		path = append(path, m)
		next := in.step(t, w, m)
		w, r.Violation = next.world, next.fault
	}
	if r.Violation == "" {
		r.Violation, calm = in.finishes(t, w, map[[16]byte]struct{}{})
	}
	r.Transitions, r.Depth, r.Reducers = len(path), len(path), t.steps
	if w.tail.view.done {
		r.Ended = 1
	}
	if r.Violation != "" {
		r.Moves, r.Trace = len(path), in.trace(t, first, append(path, calm...), len(path))
	}
	return r
}

// pick draws a move; faults, campaigns and time are rarer than work.
func pick(rng *rand.Rand, list []move) move {
	total := 0
	for _, m := range list {
		total += weight(m)
	}
	at := rng.IntN(total)
	for _, m := range list {
		if at -= weight(m); at < 0 {
			return m
		}
	}
	return list[0]
}

func weight(m move) int {
	switch {
	case m.kind >= mRefuse || m.kind == mCampaign:
		return 1
	case m.kind == mTick || m.kind == mExit:
		return 3
	}
	return 20
}
