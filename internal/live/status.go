package live

import (
	"sync/atomic"
	"time"

	"drover.dev/api"
	"drover.dev/internal/live/httpapi"
)

// counters count since the start of the server.
type counters struct {
	batches, inputs, events, bytes atomic.Uint64
	appendNanos                    atomic.Uint64
	beats, hints, snapshots        atomic.Uint64
	lastBatch                      atomic.Int64  // when one was stored, in Unix nanoseconds
	unseen                         atomic.Uint64 // records that the witness could not note
	unknown                        atomic.Uint64 // reports that concern nothing
	leaderships, adopted           atomic.Uint64
	refused, open                  atomic.Uint64 // appends that were, or whose outcome was not known
	forwarded, foreign             atomic.Uint64
}

func (n *counters) batch(f *flight, took time.Duration) {
	n.batches.Add(1)
	n.inputs.Add(uint64(len(f.fold.inputs)))
	n.events.Add(uint64(len(f.fold.events)))
	n.bytes.Add(uint64(len(f.record)))
	n.appendNanos.Add(uint64(took))
	n.lastBatch.Store(time.Now().UnixNano())
}

// Status implements httpapi.Cell.
func (c *Cell) Status() api.CellStatus {
	s, role := c.shadow, c.cluster.role()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.engine.State()
	out := api.CellStatus{
		Version: c.cfg.Build, Cell: c.cfg.Cell, Leader: role == api.RoleLeader, Role: role, Servers: c.cluster.view(), Epoch: st.Epoch, Seq: s.last,
		Nodes: int32(len(st.Nodes)), Finished: int64(st.Totals.Ended),
	}
	out.Record, out.Probation, out.Rollout = s.at.N, s.engine.ViewProbation(), s.engine.ViewRollout()
	for _, l := range st.Losses {
		out.Losses = append(out.Losses, api.AcceptedLoss{From: l.From, Entries: l.Entries, Epoch: l.Epoch, At: l.At})
	}
	for _, n := range st.Nodes { // order-free: a count
		if n.Silent {
			out.Silent++
		}
	}
	load := st.Load()
	out.Pending, out.Running = int32(load.Pending), int32(load.Held)
	return out
}

// Metrics implements httpapi.Cell.
func (c *Cell) Metrics() []httpapi.Metric {
	st := c.Status()
	gauge := func(name, help string, v float64) httpapi.Metric {
		return httpapi.Metric{Name: name, Help: help, Value: v}
	}
	counter := func(name, help string, v float64) httpapi.Metric {
		return httpapi.Metric{Name: name, Help: help, Value: v, Counter: true}
	}
	n := &c.count
	out := []httpapi.Metric{
		gauge("drover_leader", "1 while this server leads its cell.", truth(st.Leader)),
		gauge("drover_epoch", "Epoch of the last leader.", float64(st.Epoch)),
		gauge("drover_sequence", "Sequence of the journal that reads reflect.", float64(st.Seq)),
		gauge("drover_nodes", "Registered nodes.", float64(st.Nodes)),
		gauge("drover_nodes_silent", "Nodes that are not heard of.", float64(st.Silent)),
		gauge("drover_tasks_pending", "Task elements that wait for a place.", float64(st.Pending)),
		gauge("drover_tasks_running", "Task elements that hold a place.", float64(st.Running)),
		counter("drover_tasks_finished_total", "Task elements that ended, since the cell began.", float64(st.Finished)),
		gauge("drover_queue_inputs", "Inputs that wait for the next batch.", float64(c.queue.len())),
		counter("drover_batches_total", "Records appended.", float64(n.batches.Load())),
		counter("drover_inputs_total", "Inputs in them.", float64(n.inputs.Load())),
		counter("drover_events_total", "Events in them.", float64(n.events.Load())),
		counter("drover_record_bytes_total", "Bytes of them.", float64(n.bytes.Load())),
		counter("drover_batch_seconds_total", "Time from deciding a batch to its acknowledgement.", float64(n.appendNanos.Load())/1e9),
		counter("drover_leaderships_total", "Times that this server began to lead.", float64(n.leaderships.Load())),
		counter("drover_batches_refused_total", "Records that the journal refused: another server's came first, or there was no room.", float64(n.refused.Load())),
		counter("drover_batches_unknown_total", "Records of which it was not known at first whether they are stored.", float64(n.open.Load())),
		counter("drover_batches_adopted_total", "Records whose acknowledgement was lost and that were found in the journal.", float64(n.adopted.Load())),
		counter("drover_forwarded_total", "Commands passed on to the server that leads.", float64(n.forwarded.Load())),
		counter("drover_foreign_messages_total", "Messages between servers that were not sealed with this cell's secret.", float64(n.foreign.Load())),
		counter("drover_heartbeats_total", "Heartbeats of nodes.", float64(n.beats.Load())),
		counter("drover_reports_unknown_total", "Reports of nodes that were not recorded, because they concern no attempt that is waited for.", float64(n.unknown.Load())),
		counter("drover_agent_messages_dropped_total", "Messages of nodes that sent more than one node may.", float64(c.post.dropped())),
		counter("drover_hints_total", "Hints sent to nodes.", float64(n.hints.Load())),
		counter("drover_snapshots_total", "Snapshots written.", float64(n.snapshots.Load())),
		gauge("drover_storage_failing", "1 while the journal cannot be written.", truth(c.storageError() != nil)),
	}
	if c.observer != nil {
		n := c.observer.ahead.Counts()
		out = append(out,
			gauge("drover_series_bytes", "Bytes that the series take on disk.", float64(c.observer.store.Bytes())),
			counter("drover_series_refused_total", "Values for which there was no place: one part of the names has its share.", float64(c.observer.store.Refused())),
			counter("drover_forecast_fits_total", "Models fitted to series.", float64(n.Fits)),
			counter("drover_forecast_updates_total", "Forecasts of models that were fitted before, after the values that came since.", float64(n.Updated)),
			counter("drover_forecast_failures_total", "Models that could not be fitted.", float64(n.Failed)),
			counter("drover_forecast_seconds_total", "Time spent on fitting.", n.Seconds),
			counter("drover_forecast_graded_total", "Values that a forecast was held against.", float64(n.Graded)),
			counter("drover_forecast_switches_total", "Times that another model was taken for a series.", float64(n.Switched)),
			counter("drover_forecast_damaged_total", "Files of fitted models that were damaged, and fitted anew.", float64(n.Damaged)),
			counter("drover_anomalies_total", "Values far outside of what was expected.", float64(n.Anomalies)),
		)
	}
	if a := c.audit; a != nil {
		out = append(out,
			counter("drover_divergence_total", "Records that do not hold what their inputs lead to; it must stay 0.", float64(a.divergences.Load())),
			counter("drover_audited_records_total", "Records that were decided again and agreed or not.", float64(a.audited.Load())),
			gauge("drover_audit_lag_records", "Records that are not audited yet.", float64(a.lag())),
		)
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
