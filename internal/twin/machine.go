package twin

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/energy"
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

	cut     int      // cuts between it and the cell's home
	quiet   api.Time // when it was heard of last, while it is down or cut off
	reborn  bool     // it was restarted and has not said so
	outbox  []api.Report
	later   []*attempt // placed there, of which it has not heard
	stops   []*attempt // to be stopped, of which it has not heard
	orphans []*attempt // given up by the engine, of which it has not heard

	programs programs

	nap   nap
	used  use      // at this moment
	since api.Time // when used last changed

	curve   energy.Curve // of its power, but for what its accelerators draw
	site    *supply
	drawn   int64 // that its site has counted it with, in µW
	changed bool  // it draws other than that
}

// use is what runs on a machine.
type use struct {
	cpu    api.Milli // really used
	asked  api.Milli // asked for
	memory api.Bytes
	gpu    api.Milli

	devices int64 // what tasks have accelerators draw beyond idle, in µW
}

func newMachine(n *api.Node, cache api.Bytes, now api.Time) machine {
	if cache == 0 {
		cache = n.Capacity.Storage / 10
	}
	return machine{node: n, speed: max(n.Speed, 1), programs: programs{limit: cache}, since: now, curve: energy.CurveOf(n)}
}

// placed gives a task to its machine.
func (w *World) placed(ev *state.TaskPlaced) {
	a := w.attempt(ev.Ref, ev.Try, ev.Node, ev.Devices)
	if a == nil {
		return
	}
	m := &w.nodes[a.node]
	if m.down {
		return // it hears of the task when it is back, and has lost it by then
	}
	if m.cut > 0 {
		m.later = append(m.later, a)
		return
	}
	w.begin(a)
}

// attempt makes what a placement stands for; nil when the world does not know the
// workload.
func (w *World) attempt(ref api.TaskRef, try uint32, node string, devices []api.DeviceShare) *attempt {
	j, at := w.jobs[ref.Workload], w.index[node]
	if j == nil {
		return nil
	}
	m := &w.nodes[at]
	t, truth := &j.spec.Tasks[ref.Task], &j.truth[ref.Task]
	a := &attempt{
		id: api.Attempt{TaskRef: ref, Try: try}, node: at, boot: m.boot, program: truth.program(t), truth: truth, job: j,
		run: truth.of(ref.Index), asked: t.Resources.CPU, use: truth.CPU, memory: t.Resources.Memory, fails: truth.Fails,
	}
	if r := w.asks(ref); r != nil {
		a.asked, a.memory = r.CPU, r.Memory
	}
	if !truth.Waits {
		a.run = scale(a.run, m.speed)
	}
	if a.memory > 0 && truth.Memory > a.memory {
		a.run, a.killed = a.run/2, true
	}
	a.devices = m.devices(devices)
	for _, d := range devices {
		a.gpu += d.Share
	}
	if a.use == 0 {
		a.use = a.asked
	}
	if t.Timeout > 0 && a.run > t.Timeout {
		a.run, a.timeout, a.killed = t.Timeout, true, false
	}
	w.tasks[ref] = a
	return a
}

// asks is what the present attempt at a task asks for, which may be other than its file
// says; nil when the cell does not know it.
func (w *World) asks(ref api.TaskRef) *api.Resources {
	wl, t := w.State().Task(ref)
	if t == nil {
		return nil
	}
	return &wl.SpecOf(t).Resources
}

// program is what a node must have to run a task.
func (t *Truth) program(spec *api.Task) program {
	p := program{driver: spec.Driver, code: t.Code}
	switch {
	case p.code != "":
	case spec.Artifact != nil:
		p.code = string(spec.Artifact.Digest)
	case len(spec.Command) > 0:
		p.code = spec.Command[0]
	}
	return p
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
	case cuts:
		w.cut(e.node)
	case heals:
		w.heal(e.node)
	case breaks:
		w.cut(e.node)
		w.queue.push(event{at: w.now.Add(w.exponential(w.cfg.Failures.LinkRepair)), kind: mended, node: e.node})
	case mended:
		w.heal(e.node)
		w.cutLater(e.node)
	case turns:
		w.turn(e.node, e.at)
	case hears:
		w.inputs = append(w.inputs, w.heard...)
		w.heard = nil
	case carries:
		w.carried(e.node)
	case joins:
		if !a.over {
			w.join(e.node, a)
		}
	case starts:
		if a.over {
			return
		}
		a.running, a.started = true, w.now
		w.nodes[a.node].programs.use(a.program, a.truth.Program)
		w.load(a, 1)
		w.report(a, api.Report{Attempt: a.id, N: a.said + 1, Kind: api.ReportStarted})
		if a.job.serves { // as the agent says of a task without checks
			a.said++
			w.report(a, api.Report{Attempt: a.id, N: a.said + 1, Kind: api.ReportHealthy})
		}
		w.meter.started(a, w.now)
		a.due = w.now.Add(a.run)
		w.queue.push(event{at: a.due, kind: ends, node: a.node, attempt: a})
	case ends:
		if !a.over && !a.ran && a.still == 0 && w.now >= a.due {
			w.ran(a)
		}
	case standsStill, runsOn:
		w.suspend(a, e.kind == standsStill)
	case reports:
		if !a.over {
			w.report(a, w.ending(a, ends))
		}
	case stopped:
		if !a.over && !a.done {
			w.report(a, w.ending(a, stopped))
		}
	}
}

// ran sends home what an attempt that has run leaves behind. It holds its room until
// that is there.
func (w *World) ran(a *attempt) {
	a.ran, a.stopped = true, w.now // it uses nothing from here on
	w.meter.elapsed(&w.nodes[a.node], w.now)
	w.work(a, -1)
	if n := a.truth.Out; n > 0 && !a.fails && !a.timeout && !a.killed && w.send(a, w.nodes[a.node].node.Site, w.net.home, n) {
		return
	}
	w.done(a)
}

// done has the cell hear that an attempt has ended by itself, after a while.
func (w *World) done(a *attempt) {
	a.done = true
	if d := w.delay(DelayReport, a); d > 0 {
		w.queue.push(event{at: w.now.Add(d), kind: reports, node: a.node, attempt: a})
		return
	}
	w.report(a, w.ending(a, ends))
}

// ending takes an attempt off its machine, whose report it returns.
func (w *World) ending(a *attempt, k eventKind) api.Report {
	r := api.Report{Attempt: a.id, N: a.said + 2, Kind: api.ReportEnded, Result: a.result(k, w.now)}
	w.leave(a)
	return r
}

func (a *attempt) result(k eventKind, now api.Time) *api.Result {
	r := &api.Result{BytesIn: a.fetched}
	if a.running {
		if !a.ran {
			a.stopped = now
		}
		r.Wall, r.Start, r.Fetch = a.stopped.Sub(a.started)-a.stoodBy(a.stopped), a.started.Sub(a.ready), a.ready.Sub(a.began)
	}
	r.CPU = api.Duration(int64(r.Wall) / 1000 * int64(a.use))
	switch {
	case k == stopped:
		r.Outcome = api.OutcomeStopped
	case a.timeout:
		r.Outcome, r.Reason = api.OutcomeFailed, "timeout"
	case a.killed:
		r.Outcome, r.Reason = api.OutcomeFailed, api.ReasonMemory
	case a.fails:
		r.Outcome, r.ExitCode = api.OutcomeFailed, 1
	default:
		a.leaves(r)
	}
	return r
}

// leaves notes the outputs of an attempt that succeeded, of equal sizes.
func (a *attempt) leaves(r *api.Result) {
	r.BytesOut = a.truth.Out
	list := a.job.spec.Tasks[a.id.Task].Outputs
	for i := range list {
		r.Outputs = append(r.Outputs, api.Value{Name: list[i].Name, Size: a.truth.Out / api.Bytes(len(list))})
	}
}

// leave takes an attempt off its machine.
func (w *World) leave(a *attempt) {
	a.over = true
	w.giveUp(a)
	if a.running {
		w.load(a, -1)
	}
}

// load adds an attempt's use to its machine, or takes it away.
func (w *World) load(a *attempt, sign int64) {
	m := &w.nodes[a.node]
	w.meter.elapsed(m, w.now)
	if !a.ran && a.still == 0 {
		w.work(a, sign)
	}
	m.used.asked += a.asked * api.Milli(sign)
	m.used.memory += a.memory * api.Bytes(sign)
	m.used.gpu += a.gpu * api.Milli(sign)
}

// report sends a report, which waits in the node's outbox while it is cut off.
func (w *World) report(a *attempt, r api.Report) {
	m := &w.nodes[a.node]
	if m.cut > 0 {
		m.outbox = append(m.outbox, r)
		return
	}
	w.inputs = append(w.inputs, &engine.Reports{Node: m.node.Name, Reports: []api.Report{r}})
}

// stop ends a task as its agent would.
func (w *World) stop(ref api.TaskRef) {
	a := w.tasks[ref]
	if a == nil || a.over || w.nodes[a.node].down {
		return
	}
	if m := &w.nodes[a.node]; m.cut > 0 {
		m.stops = append(m.stops, a)
		return
	}
	w.queue.push(event{at: w.now.Add(w.delay(DelayStop, a)), kind: stopped, node: a.node, attempt: a})
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
	if m := &w.nodes[a.node]; m.cut > 0 && a.told {
		a.ghost = true
		w.ghosts[a.id] = a
		m.orphans = append(m.orphans, a)
	} else if !a.over {
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
	for _, a := range m.orphans {
		if !a.over {
			w.leave(a)
		}
	}
	w.meter.elapsed(m, w.now)
	m.down = true
	m.boot++
	down := w.exponential(w.cfg.Failures.Repair)
	if m.cut == 0 {
		w.unheard(n)
	}
	w.queue.push(event{at: w.now.Add(max(down, w.cfg.Failures.Notice)), kind: repaired, node: n})
}

// repair brings a machine back.
func (w *World) repair(n int32) {
	m := &w.nodes[n]
	w.meter.elapsed(m, w.now)
	m.down, m.reborn = false, true
	if m.cut == 0 {
		w.reach(n)
	}
	w.breakLater(n)
}

// register has a machine say that it was restarted. What it held and the engine still
// waits for it reports as lost.
func (w *World) register(n int32) {
	node := *w.nodes[n].node
	node.Boot = strconv.FormatUint(uint64(w.nodes[n].boot), 10)
	w.inputs = append(w.inputs, &engine.Register{Node: node}, &engine.Back{Node: node.Name})
	held := w.engine.State().Nodes[node.Name]
	if held == nil {
		return
	}
	for _, t := range held.SortedHeld() {
		if a := w.tasks[t.Ref]; a != nil {
			a.over = true
			w.report(a, api.Report{Attempt: a.id, N: a.said + 2, Kind: api.ReportEnded, Result: &api.Result{
				Outcome: api.OutcomeLost, Detail: "the node was restarted",
			}})
		}
	}
}
