package core

import (
	"slices"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// world is everything around a core: a server that decides, a disk that keeps
// what was synced, processes that outlive the agent, and a link that loses
// messages. What happens next is drawn at random.
type world struct {
	t    *rapid.T
	now  api.Duration
	core *Core

	disk    []Record // durable
	waiting []Output // whose records are not durable yet
	todo    []Action // that the shell has yet to carry out

	starts  map[api.Attempt]int  // how often each process was started
	alive   map[api.Attempt]bool // processes, of any agent's life
	exited  map[api.Attempt]bool // that ended by themselves, as their files tell
	handles map[api.Attempt]bool // that this agent waits for
	still   map[api.Attempt]bool // that stand still
	next    uint64
	kind    bool // from now on everything works

	server server
}

// server is what a leader would hold.
type server struct {
	epoch   uint64
	version uint64
	items   []*item
	gone    []goneItem
	finals  map[api.Attempt]api.Outcome // recorded results
	numbers map[api.Attempt]uint32      // last report of each
}

type item struct{ api.Assignment }

type goneItem struct {
	id      api.Attempt
	version uint64
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, starts: map[api.Attempt]int{}, alive: map[api.Attempt]bool{},
		exited: map[api.Attempt]bool{}, handles: map[api.Attempt]bool{}, still: map[api.Attempt]bool{},
	}
	w.server = server{epoch: 1, finals: map[api.Attempt]api.Outcome{}, numbers: map[api.Attempt]uint32{}}
	w.boot()
	return w
}

// boot begins a life of the agent from what the disk holds.
func (w *world) boot() {
	w.core = New(Config{Node: "n1", Boot: "b1", Harmless: []string{"noop"}})
	w.waiting, w.todo, w.handles = nil, nil, map[api.Attempt]bool{}
	for i := range w.disk {
		w.core.Replay(&w.disk[i])
	}
	w.step(Resume{})
	w.step(LinkUp{})
}

func (w *world) step(in ...Input) {
	out := w.core.Step(w.now, in...)
	if len(out.Actions) > 0 || !out.Record.Empty() {
		w.waiting = append(w.waiting, out)
	}
	for _, a := range out.Urgent {
		switch a.(type) {
		case SendHello, SendPull, SendBeat:
			w.todo = append(w.todo, a) // their answers take time
		default:
			w.carryOut(a)
		}
	}
}

// commit makes all records durable, in one sync, and releases their actions.
func (w *world) commit() {
	for _, out := range w.waiting {
		w.disk = append(w.disk, out.Record)
		w.todo = append(w.todo, out.Actions...)
	}
	w.waiting = nil
}

// crash kills the agent. Records that did not wait for a sync may be lost or not;
// the others are lost unless they were committed.
func (w *world) crash() {
	for _, out := range w.waiting {
		if !rapid.Bool().Draw(w.t, "record survives") {
			break
		}
		w.disk = append(w.disk, out.Record)
	}
	w.boot()
}

func (w *world) compact() {
	w.commit()
	w.disk = w.core.Snapshot()
}

// work carries out one action that waits, in any order.
func (w *world) work() {
	if len(w.todo) == 0 {
		return
	}
	i := len(w.todo) - 1 - w.fate(len(w.todo)-1, "action")
	a := w.todo[i]
	w.todo = slices.Delete(w.todo, i, i+1)
	w.carryOut(a)
}

func (w *world) carryOut(a Action) {
	switch a := a.(type) {
	case Prepare:
		w.prepare(a.Assignment.Attempt)
	case Start:
		w.start(a.Assignment)
	case Adopt:
		w.adopt(a.Assignment.Attempt)
	case Stop:
		if !w.handles[a.ID] && !w.exited[a.ID] {
			w.t.Fatalf("stop of %s, which this agent does not run", id(a.ID))
		}
		w.exit(a.ID, api.Result{Outcome: api.OutcomeStopped, Reason: "stopped"})
	case Hold:
		w.hold(a)
	case Collect:
		w.collect(a.Assignment.Attempt)
	case Forget:
		if w.alive[a.ID] {
			w.t.Fatalf("the directory of %s is deleted while it runs", id(a.ID))
		}
	case SendHello, SendPull, SendReports, SendBeat:
		w.send(a)
	}
}

// fate draws what happens; the highest number is what should happen.
func (w *world) fate(most int, what string) int {
	if w.kind {
		return most
	}
	return rapid.IntRange(0, most).Draw(w.t, what)
}

func (w *world) prepare(id api.Attempt) {
	switch w.fate(5, "prepare") {
	case 0:
		w.step(Retry{About: About{id}})
	case 1:
		w.step(Ended{About{id}, api.Result{Outcome: api.OutcomeRejected}})
	default:
		w.step(Prepared{About: About{id}})
	}
}

func (w *world) start(as api.Assignment) {
	w.starts[as.Attempt]++
	if as.Task.Driver == "noop" {
		w.step(Ended{About{as.Attempt}, api.Result{}})
		return
	}
	if w.starts[as.Attempt] > 1 {
		w.t.Fatalf("%s was started twice", id(as.Attempt))
	}
	w.alive[as.Attempt] = true
	w.handles[as.Attempt] = true
	w.step(Started{About: About{as.Attempt}})
}

func (w *world) adopt(id api.Attempt) {
	switch {
	case w.alive[id]:
		w.handles[id] = true
		w.step(Adopted{About: About{id}})
	case w.exited[id]:
		w.step(Adopted{About: About{id}}, Ended{About{id}, api.Result{}})
	default:
		w.step(Ended{About{id}, api.Result{Outcome: api.OutcomeLost}})
	}
}

// exit ends a process; its agent hears of it if it waits for it.
func (w *world) exit(id api.Attempt, r api.Result) {
	if !w.alive[id] {
		return
	}
	delete(w.alive, id)
	w.exited[id] = true
	if w.handles[id] {
		delete(w.handles, id)
		w.step(Ended{About{id}, r})
	}
}

// hold suspends a process or lets it go on, unless it cannot.
func (w *world) hold(a Hold) {
	in := Held{About: About{a.ID}, Still: a.Still}
	switch {
	case !w.alive[a.ID] || !w.handles[a.ID]:
		in.Detail = "it has ended"
	case w.fate(4, "hold") == 0:
		in.Detail = "it cannot be held"
	default:
		w.still[a.ID] = a.Still
	}
	w.step(in)
}

func (w *world) collect(id api.Attempt) {
	if w.fate(3, "collect") == 0 {
		w.step(Retry{About: About{id}})
		return
	}
	w.step(Collected{About: About{id}})
}

// send delivers a call; the link may lose it or its answer.
func (w *world) send(a Action) {
	fate := w.fate(6, "link")
	answer, ticket := w.server.answer(a, fate == 2)
	switch fate {
	case 0: // the answer is lost
		w.step(Refused{ticket})
	case 1: // lost, and the connection with it
		w.step(LinkDown{}, LinkUp{})
	case 3: // twice
		w.step(answer, answer)
	default:
		w.step(answer)
	}
}
