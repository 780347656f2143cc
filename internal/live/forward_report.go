package live

import (
	"context"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// report says what the parent does not know yet, until it knows all.
func (f *forwarder) report(ctx context.Context) error {
	for {
		list, more, err := f.news(ctx)
		if err != nil || len(list) == 0 {
			return err
		}
		var ack api.ReportsAck
		if err := f.call(ctx, "report", api.HandoverReports{Reports: list}, &ack); err != nil {
			return err
		}
		for i := range list {
			f.heard(&list[i])
		}
		if !more {
			return nil
		}
	}
}

// news collects a message of reports from one sequence of the child's journal.
func (f *forwarder) news(ctx context.Context) (list []api.HandoverReport, more bool, err error) {
	_, joined := f.link()
	parent := joined.Cell
	_, err = f.cell.View(ctx, 0, func(e *engine.Engine) {
		st, n, room := e.State(), f.cell.shadow.last, maxSaid
		for _, id := range st.Origins() {
			if len(list) == maxSaidAll || room <= 0 {
				more = true
				return
			}
			w := st.Workloads[id]
			if w.Origin.Settled || w.Origin.ID.Cell != parent {
				continue
			}
			r, left, fresh := f.newsOf(ctx, w, n, &room)
			if more = more || left; fresh {
				list = append(list, r)
			}
		}
		for _, key := range st.SortedDeclined() {
			d := st.Declined[key]
			if f.set[d.ID] && f.said[d.ID] == nil && len(list) < maxSaidAll {
				list = append(list, api.HandoverReport{ID: d.ID, N: n, Refused: true, Reason: d.Reason})
			}
		}
	})
	return list, more, err
}

// newsOf makes the report of one workload; fresh when it says something new.
func (f *forwarder) newsOf(ctx context.Context, w *state.Workload, n uint64, room *int) (r api.HandoverReport, more, fresh bool) {
	r = engine.Standing(w, n)
	known := f.said[r.ID]
	if known != nil && sameReport(&known.report, &r) && known.all(&r.Counts) {
		return r, false, false
	}
	r.Elements, more = engine.Endings(w, func(ref api.TaskRef) bool {
		if known != nil {
			if _, ok := known.ended[elementAt{ref.Task, ref.Index}]; ok {
				return true
			}
		}
		return !f.carried(ctx, w.Groups[ref.Task].Get(ref.Index))
	}, room)
	return r, more, known == nil || len(r.Elements) > 0 || !sameReport(&known.report, &r)
}

// all reports whether the ends of as many elements are known as the counts say.
func (s *said) all(c *api.Counts) bool {
	return len(s.ended) == int(c.Succeeded+c.Failed+c.Cancelled)
}

func sameReport(a, b *api.HandoverReport) bool {
	return a.Status == b.Status && a.Reason == b.Reason && a.Revision == b.Revision && a.Asked == b.Asked &&
		a.Healthy == b.Healthy && a.Counts == b.Counts
}

// heard notes that the parent has a report in its journal. When that takes the
// hand-over out of its set, the set is pulled soon, so that it can be let go.
func (f *forwarder) heard(r *api.HandoverReport) {
	s := f.said[r.ID]
	if s == nil {
		s = &said{ended: map[elementAt]struct{}{}}
		f.said[r.ID] = s
	}
	for i := range r.Elements {
		el := &r.Elements[i]
		for at := el.From; at < el.To; at++ {
			s.ended[elementAt{el.Task, at}] = struct{}{}
		}
	}
	s.report = *r
	s.report.Elements = nil
	if r.Refused || r.Status.Final() {
		f.again = true
	}
}

// carried reports whether the parent's store has the outputs of an element; it
// sees to those that it has not.
func (f *forwarder) carried(ctx context.Context, t *state.Task) bool {
	if t == nil || t.Result == nil {
		return true
	}
	all := true
	for i := range t.Result.Outputs {
		d := t.Result.Outputs[i].Digest
		if d == "" {
			continue
		}
		f.mu.Lock()
		done := f.done[d]
		f.mu.Unlock()
		if !done {
			all = false
			f.transfer("push "+string(d), func() { f.push(ctx, d) })
		}
	}
	return all
}

// needs lists the artifacts of a workload, each once.
func needs(w *api.Workload) (out []api.Digest) {
	addSpec(w, func(d api.Digest) {
		if d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	})
	return out
}
