package twin

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// machine is a simulated node.
type machine struct {
	node  *api.Node
	boot  uint32
	down  bool
	lost  bool // its silence was noticed
	speed api.Milli

	used  use      // at this moment
	since api.Time // when used last changed
}

// use is what runs on a machine.
type use struct {
	cpu    api.Milli // really used
	asked  api.Milli // asked for
	memory api.Bytes
	gpu    api.Milli
}

func newMachine(n *api.Node, now api.Time) machine {
	return machine{node: n, speed: max(n.Speed, 1), since: now}
}

// placed gives a task to its machine.
func (w *World) placed(ev *state.TaskPlaced) {
	j := w.jobs[ev.Ref.Workload]
	at := w.index[ev.Node]
	m := &w.nodes[at]
	if j == nil {
		return
	}
	t, truth := &j.spec.Tasks[ev.Ref.Task], j.truth[ev.Ref.Task]
	a := &attempt{
		id: api.Attempt{TaskRef: ev.Ref, Try: ev.Try}, node: at, boot: m.boot, driver: string(t.Driver), job: j,
		run: truth.of(ev.Ref.Index), asked: t.Resources.CPU, use: truth.CPU, memory: t.Resources.Memory, fails: truth.Fails,
	}
	if !truth.Waits {
		a.run = scale(a.run, m.speed)
	}
	for _, d := range ev.Devices {
		a.gpu += d.Share
	}
	if a.use == 0 {
		a.use = a.asked
	}
	if t.Timeout > 0 && a.run > t.Timeout {
		a.run, a.timeout = t.Timeout, true
	}
	w.tasks[ev.Ref] = a
	if m.down {
		return // it hears of the task when it is back, and has lost it by then
	}
	w.queue.push(event{at: w.now.Add(w.cfg.Startup[a.driver]), kind: starts, node: at, attempt: a})
}

// of is how long an element runs.
func (t *Truth) of(index uint32) api.Duration {
	if int(index) < len(t.Each) {
		return t.Each[index]
	}
	return t.Run
}

// scale turns a time on the reference node into one at a speed in thousandths.
func scale(d api.Duration, speed api.Milli) api.Duration {
	if speed == 1000 {
		return d
	}
	return api.Duration(float64(d) * 1000 / float64(speed))
}

// happen carries an event out.
func (w *World) happen(e event) {
	w.meter.events++
	a := e.attempt
	switch e.kind {
	case fails:
		w.die(e.node)
	case noticed:
		w.notice(e.node)
	case repaired:
		w.repair(e.node)
	case planned:
		w.inputs = append(w.inputs, w.plan...)
		w.plan = nil
	case starts:
		if a.over {
			return
		}
		a.running, a.started = true, w.now
		w.load(a, 1)
		w.report(a, api.Report{Attempt: a.id, N: 1, Kind: api.ReportStarted})
		w.meter.started(a, w.now)
		w.queue.push(event{at: w.now.Add(a.run), kind: ends, node: a.node, attempt: a})
	case ends, stopped:
		if a.over {
			return
		}
		w.leave(a)
		w.report(a, api.Report{Attempt: a.id, N: 2, Kind: api.ReportEnded, Result: a.result(e.kind, w.now)})
	}
}

func (a *attempt) result(k eventKind, now api.Time) *api.Result {
	r := &api.Result{}
	if a.running {
		r.Wall = now.Sub(a.started)
	}
	r.CPU = api.Duration(int64(r.Wall) / 1000 * int64(a.use))
	switch {
	case k == stopped:
		r.Outcome = api.OutcomeStopped
	case a.timeout:
		r.Outcome, r.Reason = api.OutcomeFailed, "timeout"
	case a.fails:
		r.Outcome, r.ExitCode = api.OutcomeFailed, 1
	}
	return r
}

// leave takes an attempt off its machine.
func (w *World) leave(a *attempt) {
	a.over = true
	if a.running {
		w.load(a, -1)
	}
}

// load adds an attempt's use to its machine, or takes it away.
func (w *World) load(a *attempt, sign int64) {
	m := &w.nodes[a.node]
	w.meter.elapsed(m, a.node, w.now)
	m.used.cpu += a.use * api.Milli(sign)
	m.used.asked += a.asked * api.Milli(sign)
	m.used.memory += a.memory * api.Bytes(sign)
	m.used.gpu += a.gpu * api.Milli(sign)
}

func (w *World) report(a *attempt, r api.Report) {
	w.inputs = append(w.inputs, &engine.Reports{Node: w.nodes[a.node].node.Name, Reports: []api.Report{r}})
}

// stop ends a task as its agent would.
func (w *World) stop(ref api.TaskRef) {
	a := w.tasks[ref]
	if a == nil || a.over || w.nodes[a.node].down {
		return
	}
	w.queue.push(event{at: w.now, kind: stopped, node: a.node, attempt: a})
}

// drop forgets an attempt that the engine does not wait for any more. If it still
// runs somewhere, its agent stops it.
func (w *World) drop(ref api.TaskRef) {
	a := w.tasks[ref]
	if a == nil {
		return
	}
	delete(w.tasks, ref)
	w.meter.dropped(a)
	if !a.over {
		w.leave(a)
	}
}

// breakLater has a machine die some time.
func (w *World) breakLater(n int32) {
	if mean := w.cfg.Failures.Between; mean > 0 {
		w.queue.push(event{at: w.now.Add(w.exponential(mean)), kind: fails, node: n})
	}
}

func (w *World) exponential(mean api.Duration) api.Duration {
	return api.Duration(w.random.ExpFloat64() * float64(mean))
}

// die takes a machine down with all that runs on it.
func (w *World) die(n int32) {
	m := &w.nodes[n]
	w.meter.failures++
	held := w.engine.State().Nodes[m.node.Name]
	for _, t := range held.SortedHeld() {
		if a := w.tasks[t.Ref]; a != nil && !a.over {
			w.leave(a)
		}
	}
	w.meter.elapsed(m, n, w.now)
	m.down = true
	m.boot++
	down := w.exponential(w.cfg.Failures.Repair)
	w.queue.push(event{at: w.now.Add(w.cfg.Failures.Notice), kind: noticed, node: n})
	w.queue.push(event{at: w.now.Add(max(down, w.cfg.Failures.Notice)), kind: repaired, node: n})
}

func (w *World) notice(n int32) {
	w.nodes[n].lost = true
	w.inputs = append(w.inputs, &engine.Silent{Node: w.nodes[n].node.Name})
}

// repair brings a machine back. What it held and the engine still waits for it
// reports as lost.
func (w *World) repair(n int32) {
	m := &w.nodes[n]
	w.meter.elapsed(m, n, w.now)
	m.down, m.lost = false, false
	node := *m.node
	node.Boot = strconv.FormatUint(uint64(m.boot), 10)
	w.inputs = append(w.inputs, &engine.Register{Node: node}, &engine.Back{Node: node.Name})
	if held := w.engine.State().Nodes[node.Name]; held != nil {
		for _, t := range held.SortedHeld() {
			if a := w.tasks[t.Ref]; a != nil {
				a.over = true
				w.report(a, api.Report{Attempt: a.id, N: 2, Kind: api.ReportEnded, Result: &api.Result{
					Outcome: api.OutcomeLost, Detail: "the node was restarted",
				}})
			}
		}
	}
	w.breakLater(n)
}
