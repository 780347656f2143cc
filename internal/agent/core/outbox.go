package core

import "drover.dev/api"

// report gives a fact its number and keeps it until the server has it.
func (c *Core) report(a *attempt, r api.Report) {
	a.n++
	r.Attempt, r.N = a.Attempt, a.n
	tidy(&r)
	c.out.Sync = true
	c.out.Record.Reports = append(c.out.Record.Reports, r)
	a.reports = append(a.reports, r)
	if !a.queued {
		a.queued = true
		c.outbox = append(c.outbox, a)
	}
}

// sendReports sends the oldest reports, those of one attempt in order and
// together. One batch is under way at a time; what comes meanwhile gathers.
func (c *Core) sendReports() {
	c.tidyOutbox()
	if len(c.outbox) == 0 {
		return
	}
	var batch []api.Report
	size := 0
	for _, a := range c.outbox {
		for i := range a.reports {
			size += sizeOf(&a.reports[i])
			if len(batch) > 0 && (len(batch) >= c.link.batch() || size > MaxBatchBytes) {
				c.dispatchReports(batch)
				return
			}
			batch = append(batch, a.reports[i])
		}
	}
	c.dispatchReports(batch)
}

func (c *Core) dispatchReports(batch []api.Report) {
	c.link.sent = batch
	c.do(SendReports{Ticket: c.link.reports.send(c), Reports: batch})
}

// onAck lets go of the reports of the last batch, unless the server could not
// record them.
func (c *Core) onAck(ack api.ReportsAck) {
	if ack.Epoch < c.link.epoch {
		c.link.reports.fail(c) // not the leader any more: it may not know what they are about
		c.link.sent = nil
		return
	}
	c.sawEpoch(ack.Epoch)
	if ack.Error != "" {
		c.refuseReports()
		return
	}
	c.link.reports.ok()
	c.link.shrink = 0
	for i := range c.link.sent {
		r := &c.link.sent[i]
		a, ok := c.attempts[r.Attempt]
		if !ok {
			continue
		}
		a.acked(r.N)
		c.mark(r)
		c.forget(a)
	}
	c.link.sent = nil
	c.tidyOutbox()
}

// mark records an acknowledgement; the marks of one attempt become one.
func (c *Core) mark(r *api.Report) {
	m := Mark{Attempt: r.Attempt, N: r.N}
	marks := c.out.Record.Acked
	if last := len(marks) - 1; last >= 0 && marks[last].Attempt == m.Attempt {
		marks[last] = m
		return
	}
	c.out.Record.Acked = append(marks, m)
}

// refuseReports halves the next batch, so that a report which the server cannot
// take does not keep the others back; alone, it makes way for them.
func (c *Core) refuseReports() {
	c.link.reports.fail(c)
	if c.link.batch() > 1 {
		c.link.shrink++
	} else if len(c.outbox) > 1 {
		c.outbox = append(c.outbox[1:], c.outbox[0])
	}
	c.link.sent = nil
}

// tidyOutbox takes out attempts without reports. Acknowledged ones are mostly at
// the front; one in the middle waits until it gets there.
func (c *Core) tidyOutbox() {
	n := 0
	for n < len(c.outbox) && len(c.outbox[n].reports) == 0 {
		c.outbox[n].queued = false
		c.outbox[n] = nil
		n++
	}
	c.outbox = c.outbox[n:]
}

// sizeOf estimates the encoded size of a report in bytes.
func sizeOf(r *api.Report) int {
	n := 64 + len(r.Detail)
	for _, p := range r.Ports {
		n += 8 + len(p.Name)
	}
	if r.Result == nil {
		return n
	}
	n += 96 + len(r.Result.Signal) + len(r.Result.Reason) + len(r.Result.Detail)
	for i := range r.Result.Outputs {
		v := &r.Result.Outputs[i]
		n += 24 + len(v.Name) + len(v.File) + len(v.Digest) + len(v.Inline)
	}
	return n
}
