package mirror

import "drover.dev/internal/grade"

// remember takes in what the store holds from before.
func (m *Mirror) remember(e *entry) {
	switch {
	case e.Made != nil:
		m.note(e.Made)
		if e.Made.Origin == grade.OfMirror {
			m.handled, m.rounds = max(m.handled, e.Made.ID), max(m.rounds, e.Made.Round)
		}
	case e.Graded != nil:
		m.learn(e.Graded)
	default:
		m.drop(e.Dropped)
	}
}

// note takes down that a prediction was made.
func (m *Mirror) note(p *grade.Prediction) {
	m.open[p.Key()] = p
	if p.Origin == grade.OfPlan {
		m.count.Plans++
	} else {
		m.count.Made++
	}
}

// learn closes a prediction whose truth has arrived.
func (m *Mirror) learn(g *grade.Graded) {
	delete(m.open, g.Key())
	if g.Origin == grade.OfMirror {
		m.count.Graded++
	}
	m.conform.Learn(g)
	m.drift.Add(g)
}

// drop closes the predictions of a job whose truth never comes; false when there is none.
func (m *Mirror) drop(job uint64) (dropped bool) {
	for _, key := range [...]grade.Key{{ID: job, Origin: grade.OfMirror}, {ID: job, Origin: grade.OfPlan}} {
		if m.open[key] == nil {
			continue
		}
		delete(m.open, key)
		if dropped = true; key.Origin == grade.OfMirror {
			m.count.Stopped++
		}
	}
	return dropped
}
