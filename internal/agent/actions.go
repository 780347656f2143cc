package agent

import (
	"context"
	"errors"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
)

// How long the answers to requests may take.
const (
	callPatience = 10 * time.Second
	beatPatience = 5 * time.Second
)

// carryOut does what the core decided. It never waits: what takes time gets a
// goroutine and posts its answer.
func (n *node) carryOut(a core.Action) {
	switch a := a.(type) {
	case core.Prepare:
		n.startPrepare(a.Assignment)
	case core.Cancel:
		n.cancel(a.ID)
	case core.Start:
		n.start(a)
	case core.Adopt:
		n.opened(a.Assignment.Attempt)
		n.adopt(a)
	case core.Stop:
		n.stop(a)
	case core.Hold:
		n.hold(a)
	case core.Collect:
		n.startCollect(a.Assignment)
	case core.Probe:
		n.startProbe(a)
	case core.Forget:
		n.forget(a.ID)
	case core.FallAsleep:
		n.spawn(n.fallAsleep)
	default:
		n.spawn(func(ctx context.Context) { n.send(ctx, a) })
	}
}

func (n *node) startPrepare(as api.Assignment) {
	n.opened(as.Attempt)
	n.job(as.Attempt, func(ctx context.Context) {
		began := time.Now()
		p, err := n.prepare(ctx, &as)
		if err != nil {
			n.over(as.Attempt)
			n.log.Warn("not prepared", "task", as.Name, "attempt", as.Try, "err", err)
			n.post(verdict(as.Attempt, err))
			return
		}
		n.post(core.Prepared{About: about(as.Attempt), Ports: p.ports, Took: since(began), BytesIn: p.bytesIn})
	})
}

func (n *node) startCollect(as api.Assignment) {
	n.fail.At(pointBeforeCollect)
	n.job(as.Attempt, func(ctx context.Context) {
		values, sum, err := n.collect(ctx, &as)
		if err != nil {
			n.log.Warn("outputs not stored", "task", as.Name, "attempt", as.Try, "err", err)
			n.post(verdict(as.Attempt, err))
			return
		}
		n.post(core.Collected{About: about(as.Attempt), Outputs: values, BytesOut: sum})
	})
}

func (n *node) startProbe(a core.Probe) {
	n.spawn(func(ctx context.Context) {
		in := core.Probed{About: about(a.Assignment.Attempt), Index: a.Index, OK: true}
		if err := n.probe(ctx, &a.Assignment, a.Ports, a.Index); err != nil {
			in.OK, in.Detail = false, err.Error()
		}
		n.post(in)
	})
}

func (n *node) forget(id api.Attempt) {
	n.over(id)
	n.fail.At(pointBeforeDelete)
	n.spawn(func(context.Context) {
		dir := n.dirs.task(id)
		if err := n.kept.keep(id, dir); err != nil {
			n.log.Warn("a task's logs could not be kept", "attempt", id, "err", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			n.log.Warn("a task's directory could not be removed", "attempt", id, "err", err)
		}
	})
}

// send makes one request to the server and posts its answer.
func (n *node) send(ctx context.Context, a core.Action) {
	in, ticket, err := n.exchange(ctx, a)
	if err != nil {
		if ctx.Err() == nil {
			n.log.Debug("a request failed, trying again", "err", err)
		}
		in = core.Refused{Ticket: ticket}
	}
	n.post(in)
}

func (n *node) exchange(ctx context.Context, a core.Action) (in core.Input, ticket uint64, err error) {
	patience := callPatience
	if _, ok := a.(core.SendBeat); ok {
		patience = beatPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch a := a.(type) {
	case core.SendHello:
		var w api.Welcome
		err = n.codec.call(ctx, n.link, "hello", api.Hello{Node: n.self}, &w)
		return core.Welcomed{Ticket: a.Ticket, Welcome: w}, a.Ticket, err
	case core.SendPull:
		var s api.AssignmentSet
		err = n.codec.call(ctx, n.link, "pull", a.Pull, &s)
		return core.Set{Ticket: a.Ticket, Set: s}, a.Ticket, err
	case core.SendBeat:
		var h api.Hint
		a.Beat.Used, a.Beat.Tasks, a.Beat.Busy = n.used(), n.taskUse(), n.busyNow()
		err = n.codec.call(ctx, n.link, "beat", a.Beat, &h)
		return core.Beaten{Ticket: a.Ticket, Hint: h}, a.Ticket, err
	case core.SendReports:
		n.fail.At(pointBeforeReport)
		var ack api.ReportsAck
		err = n.codec.call(ctx, n.link, "report", api.Reports{Reports: a.Reports}, &ack)
		n.complain(err, ack.Error)
		if err == nil {
			n.fail.At(pointAfterAck)
		}
		return core.Acked{Ticket: a.Ticket, Ack: ack}, a.Ticket, err
	}
	return nil, 0, errors.New("not a request")
}

// complainAfter is how many refusals of reports in a row are worth a warning.
const complainAfter = 5

// complain warns when reports do not get through again and again: the results of
// this node's tasks are then kept, but nobody sees them.
func (n *node) complain(err error, refusal string) {
	if err == nil && refusal != "" {
		err = errors.New(refusal)
	}
	if err == nil {
		n.refusals.Store(0)
		return
	}
	if row := n.refusals.Add(1); row%complainAfter == 0 {
		n.log.Warn("the server does not take this node's reports; they are kept and sent again", "in a row", row, "err", err)
	}
}

func (n *node) busyNow() *api.Busy { return n.busy.take(time.Now()) }

func (n *node) used() api.Resources {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.use.now()
}
