package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"drover.dev/internal/driver"
)

// startPatience bounds a driver's Start and Adopt.
const startPatience = time.Minute

// start runs the task. One that needs no directory is started and, if it is over
// at once, ended right here: it costs neither a goroutine nor a file.
func (n *node) start(a core.Start) {
	n.fail.At(pointBeforeStart)
	as := &a.Assignment
	if slices.Contains(harmless(), as.Task.Driver) {
		n.startLight(as)
		return
	}
	n.spawn(func(ctx context.Context) {
		began := time.Now()
		s, err := n.spec(as, a.Ports)
		if err != nil {
			n.post(ended(as.Attempt, rejected("bad assignment", err)))
			return
		}
		ctx, cancel := context.WithTimeout(ctx, startPatience)
		h, err := n.drivers[as.Task.Driver].Start(ctx, s)
		cancel()
		if err != nil {
			n.failedStart(as, err)
			return
		}
		n.fail.At(pointAfterStart)
		n.began(as.Attempt, h)
		n.energy.began(as.Attempt, as.Task.Resources.CPU, h)
		n.post(core.Started{About: about(as.Attempt), PID: pid(h), Took: since(began)})
		n.follow(as.Attempt, h)
	})
}

func (n *node) startLight(as *api.Assignment) {
	d, ok := n.drivers[as.Task.Driver]
	if !ok {
		n.post(ended(as.Attempt, api.Result{Outcome: api.OutcomeRejected, Reason: "no driver", Detail: "this node has no driver " + as.Task.Driver}))
		return
	}
	s := driver.Spec{Dir: n.dirs.task(as.Attempt), Limits: n.limits(as.Task), Args: arguments(as.Task.Args, as.Index)}
	h, err := d.Start(n.ctx, s)
	if err != nil {
		n.failedStart(as, err)
		return
	}
	if exit, err := h.Wait(n.past); err == nil {
		n.post(ended(as.Attempt, resultOf(exit)))
		return
	}
	n.began(as.Attempt, h)
	n.energy.began(as.Attempt, as.Task.Resources.CPU, h)
	n.post(core.Started{About: about(as.Attempt)})
	n.spawn(func(context.Context) { n.follow(as.Attempt, h) })
}

// failedStart ends an attempt whose driver could not start it. What this node
// cannot do, another may.
func (n *node) failedStart(as *api.Assignment, err error) {
	if n.ctx.Err() != nil {
		return // the agent ends; the next one finds out what is there
	}
	n.post(ended(as.Attempt, rejected("start failed", err)))
}

// adopt finds what an earlier agent started.
func (n *node) adopt(a core.Adopt) {
	as := &a.Assignment
	n.spawn(func(ctx context.Context) {
		d, ok := n.drivers[as.Task.Driver]
		if !ok {
			n.post(ended(as.Attempt, lost("this agent has no driver "+as.Task.Driver)))
			return
		}
		ctx, cancel := context.WithTimeout(ctx, startPatience)
		h, err := d.Adopt(ctx, n.dirs.task(as.Attempt))
		cancel()
		switch {
		case errors.Is(err, driver.ErrGone):
			n.post(ended(as.Attempt, lost("the agent ended before its task had begun")))
		case n.ctx.Err() != nil:
		case err != nil:
			n.post(ended(as.Attempt, lost(err.Error())))
		default:
			n.began(as.Attempt, h)
			n.energy.began(as.Attempt, as.Task.Resources.CPU, h)
			n.log.Info("adopted", "task", as.Name, "attempt", as.Try, "pid", pid(h))
			n.post(core.Adopted{About: about(as.Attempt), PID: pid(h)})
			n.follow(as.Attempt, h)
		}
	})
}

// follow waits for the end of a task. When the agent ends first, the task runs
// on and nothing is said of it.
func (n *node) follow(id api.Attempt, h driver.Handle) {
	exit, err := h.Wait(n.ctx)
	if err != nil {
		return
	}
	n.over(id)
	result := resultOf(exit)
	result.Energy = n.energy.ended(id, exit.CPU)
	n.post(ended(id, result))
}

// stop ends a running task.
func (n *node) stop(a core.Stop) {
	h := n.handle(a.ID)
	if h == nil {
		return // it ended meanwhile
	}
	n.spawn(func(context.Context) {
		if err := h.Stop(time.Duration(a.Grace)); err != nil {
			n.log.Error("a task could not be stopped, trying again", "attempt", a.ID, "err", err)
		}
	})
}

// hold suspends a running task, or lets it go on. What has ended needs neither.
func (n *node) hold(a core.Hold) {
	h, d := n.handle(a.ID), n.drivers[a.Driver]
	if h == nil {
		n.post(core.Held{About: about(a.ID), Still: a.Still, Detail: "it has ended"})
		return
	}
	n.spawn(func(context.Context) {
		in := core.Held{About: about(a.ID), Still: a.Still}
		if err := suspend(d, h, a.Still); err != nil {
			in.Detail = err.Error()
			n.log.Warn("a task could not be suspended, or go on", "attempt", a.ID, "suspend", a.Still, "err", err)
		}
		n.post(in)
	})
}

func suspend(d driver.Driver, h driver.Handle, still bool) error {
	s, ok := d.(driver.Suspender)
	switch {
	case !ok:
		return driver.ErrUnsupported
	case still:
		return s.Suspend(h)
	}
	return s.Resume(h)
}

// resultOf is what a driver's exit says of the attempt.
func resultOf(e driver.Exit) api.Result {
	r := api.Result{
		Outcome: api.OutcomeFailed, ExitCode: int32(e.Code), Signal: e.Signal, Reason: string(e.Reason), Detail: e.Detail,
		Wall: api.Duration(e.Wall), CPU: api.Duration(e.CPU), MaxRSS: api.Bytes(e.MaxRSS),
	}
	switch {
	case e.OK():
		r.Outcome = api.OutcomeSucceeded
	case e.Reason == driver.Stopped:
		r.Outcome = api.OutcomeStopped
	case e.Reason == driver.Lost:
		r.Outcome = api.OutcomeLost
	}
	return r
}

func lost(detail string) api.Result {
	return api.Result{Outcome: api.OutcomeLost, Reason: string(driver.Lost), Detail: detail}
}

func about(id api.Attempt) core.About { return core.About{ID: id} }

func ended(id api.Attempt, r api.Result) core.Input { return core.Ended{About: about(id), Result: r} }

func pid(h driver.Handle) int32 { return int32(h.Identity().PID) }
