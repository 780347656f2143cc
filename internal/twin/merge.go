package twin

import "slices"

// Tally is what a world that has run came to, with what Merge needs of it. It keeps
// nothing else of the world.
type Tally struct {
	meter  meter
	result Result
}

// Tally takes the result of the world's run.
func (w *World) Tally(r Result) Tally {
	t := Tally{w.meter, r}
	t.meter.unbegun, t.meter.first = nil, nil
	return t
}

// Merge is what worlds came to together that know nothing of each other: cells that
// share out one demand. The makespan is the longest one; the energy of each counts
// until its own end.
func Merge(list []Tally) Result {
	var all meter
	var out Result
	for i := range list {
		r, m := &list[i].result, &list[i].meter
		all.waits, all.completions = append(all.waits, m.waits...), append(all.completions, m.completions...)
		all.stretches = append(all.stretches, m.stretches...)
		all.cpu, all.asked, all.memory, all.gpu = all.cpu+m.cpu, all.asked+m.asked, all.memory+m.memory, all.gpu+m.gpu
		all.total.cpu += m.total.cpu
		all.total.memory += m.total.memory
		all.total.gpu += m.total.gpu
		out.Workloads, out.Tasks, out.Events, out.Decided = out.Workloads+r.Workloads, out.Tasks+r.Tasks, out.Events+r.Events, out.Decided+r.Decided
		out.Refused, out.Failed, out.Unfinished, out.Missed = out.Refused+r.Refused, out.Failed+r.Failed, out.Unfinished+r.Unfinished, out.Missed+r.Missed
		out.Failures, out.Cuts = out.Failures+r.Failures, out.Cuts+r.Cuts
		out.Sleeps, out.Moves = out.Sleeps+r.Sleeps, out.Moves+r.Moves
		out.Joules, out.Own, out.Generated = out.Joules+r.Joules, out.Own+r.Own, out.Generated+r.Generated
		out.Carbon, out.Cost = out.Carbon+r.Carbon, out.Cost+r.Cost
		out.Sites = mergeSites(out.Sites, r.Sites)
		out.Links = append(out.Links, r.Links...)
		out.Makespan = max(out.Makespan, r.Makespan)
	}
	out.Wait, out.Completion, out.Stretch = spread(all.waits), spread(all.completions), spreadOf(all.stretches)
	out.Utilisation = all.utilisation(out.Makespan)
	return out
}

// mergeSites adds what sites took to what those of the same names did.
func mergeSites(all, more []Supply) []Supply {
	for i := range more {
		at := slices.IndexFunc(all, func(s Supply) bool { return s.Site == more[i].Site })
		if at < 0 {
			all = append(all, more[i])
			continue
		}
		all[at].add(&more[i])
	}
	return all
}
