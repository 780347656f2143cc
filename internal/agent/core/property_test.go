package core

import (
	"slices"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

// TestHistories runs random histories and then lets everything settle: whatever
// was lost, repeated, delayed or killed, nothing was started twice, the server
// knows the result of all that it asked for, and nothing runs that it does not
// want.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"assign":    func(*rapid.T) { w.assign() },
			"assign 2":  func(*rapid.T) { w.assign() },
			"stop":      func(*rapid.T) { w.wantStop() },
			"suspend":   func(*rapid.T) { w.wantHold() },
			"settle":    func(*rapid.T) { w.server.settle() },
			"give up":   func(*rapid.T) { w.giveUp() },
			"new epoch": func(*rapid.T) { w.server.epoch++ },
			"hint":      func(*rapid.T) { w.hint() },
			"commit":    func(*rapid.T) { w.commit() },
			"commit 2":  func(*rapid.T) { w.commit() },
			"work":      func(*rapid.T) { w.work() },
			"work 2":    func(*rapid.T) { w.work() },
			"work 3":    func(*rapid.T) { w.work() },
			"crash":     func(*rapid.T) { w.crash() },
			"compact":   func(*rapid.T) { w.compact() },
			"exit":      func(*rapid.T) { w.someExit() },
			"time":      func(*rapid.T) { w.pass() },
			"":          func(*rapid.T) { w.check() },
		})
		w.calm()
		w.verdict()
	})
}

func (w *world) assign() {
	w.next++
	s := &w.server
	s.version++
	as := api.Assignment{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: w.next}, Try: 1}, Epoch: s.epoch, Version: s.version}
	as.Task = &api.Task{Driver: rapid.SampledFrom([]string{"noop", "process", "process"}).Draw(w.t, "driver")}
	if rapid.Bool().Draw(w.t, "output") {
		as.Task.Outputs = []api.Output{{Name: "out"}}
	}
	as.Task.AtMostOnce = rapid.IntRange(0, 3).Draw(w.t, "at most once") == 0
	s.items = append(s.items, &item{as})
}

func (w *world) someItem() *item {
	if len(w.server.items) == 0 {
		return nil
	}
	return rapid.SampledFrom(w.server.items).Draw(w.t, "item")
}

func (w *world) wantStop() {
	if it := w.someItem(); it != nil {
		w.server.version++
		it.Desire, it.Version, it.Task = api.DesireStop, w.server.version, nil
	}
}

// wantHold is the server's wish that a task stand still, or go on.
func (w *world) wantHold() {
	if it := w.someItem(); it != nil && it.Desire != api.DesireStop {
		w.server.version++
		it.Version = w.server.version
		if it.Desire = api.DesireSuspend - it.Desire; it.Desire != api.DesireSuspend {
			it.Desire = api.DesireRun
		}
	}
}

// giveUp is the server deciding that an attempt is lost without a report.
func (w *world) giveUp() {
	if it := w.someItem(); it != nil {
		w.server.remove(it)
	}
}

func (s *server) remove(it *item) {
	s.version++
	s.items = slices.DeleteFunc(s.items, func(x *item) bool { return x == it })
	s.gone = append(s.gone, goneItem{it.Attempt, s.version})
}

// settle takes attempts with a recorded result off the node's set.
func (s *server) settle() {
	for _, it := range slices.Clone(s.items) {
		if _, ok := s.finals[it.Attempt]; ok {
			s.remove(it)
		}
	}
}

func (w *world) hint() {
	w.step(Hinted{api.Hint{Epoch: w.server.epoch, Version: w.server.version}})
}

func (w *world) someExit() {
	var ids []api.Attempt
	for i := uint64(1); i <= w.next; i++ {
		a := api.Attempt{TaskRef: api.TaskRef{Workload: i}, Try: 1}
		if w.alive[a] {
			ids = append(ids, a)
		}
	}
	if len(ids) > 0 {
		w.exit(rapid.SampledFrom(ids).Draw(w.t, "process"), api.Result{})
	}
}

func (w *world) pass() {
	w.now += api.Duration(rapid.IntRange(1, 8000).Draw(w.t, "ms")) * api.Millisecond
	w.step()
}

// answer is what the server says to a call. A stale one is a leader of before.
func (s *server) answer(a Action, stale bool) (Input, uint64) {
	epoch := s.epoch
	if stale {
		epoch--
	}
	switch a := a.(type) {
	case SendHello:
		return Welcomed{a.Ticket, api.Welcome{Epoch: epoch, Heartbeat: api.Second, SilentAfter: 5 * api.Second}}, a.Ticket
	case SendPull:
		set := s.set(a.Pull)
		if set.Epoch = epoch; stale {
			set.Items = nil
		}
		return Set{a.Ticket, set}, a.Ticket
	case SendBeat:
		return Beaten{a.Ticket, api.Hint{Epoch: epoch, Version: s.version}}, a.Ticket
	case SendReports:
		s.record(a.Reports)
		return Acked{a.Ticket, api.ReportsAck{Epoch: epoch, Seq: 1}}, a.Ticket
	}
	panic("not a call")
}

// set answers a pull with at most three changes at a time.
func (s *server) set(p api.Pull) api.AssignmentSet {
	set := api.AssignmentSet{From: p.Have, Version: s.version, Full: p.Have == 0}
	type change struct {
		version uint64
		item    *item
		gone    api.Attempt
	}
	var changes []change
	for _, it := range s.items {
		changes = append(changes, change{version: it.Version, item: it})
	}
	if !set.Full {
		for _, g := range s.gone {
			changes = append(changes, change{version: g.version, gone: g.id})
		}
	}
	slices.SortFunc(changes, func(x, y change) int { return int(x.version) - int(y.version) })
	for _, c := range changes {
		switch {
		case c.version <= p.Have:
			continue
		case len(set.Items)+len(set.Gone) == 3:
			set.Again, set.Version = true, c.version-1
			return set
		case c.item != nil:
			set.Items = append(set.Items, c.item.Assignment)
		default:
			set.Gone = append(set.Gone, c.gone)
		}
	}
	return set
}

func (s *server) record(reports []api.Report) {
	for _, r := range reports {
		if r.N > s.numbers[r.Attempt]+1 {
			panic("reports of one attempt came out of order")
		}
		s.numbers[r.Attempt] = max(s.numbers[r.Attempt], r.N)
		if _, ok := s.finals[r.Attempt]; !ok && r.Kind == api.ReportEnded {
			s.finals[r.Attempt] = r.Result.Outcome
		}
	}
}

// check holds at every moment.
func (w *world) check() {
	for id, a := range w.core.attempts {
		if a.phase == phaseRunning && a.Task.Driver != "noop" && !w.handles[id] {
			w.t.Fatalf("%v counts as running, but is not", id)
		}
	}
	if len(w.core.attempts) != w.core.list.len() {
		w.t.Fatal("the list and the index of attempts differ")
	}
}

func (l *list) len() (n int) {
	for a := l.first; a != nil; a = a.next {
		n++
	}
	return n
}

// calm lets everything settle while nothing fails any more.
func (w *world) calm() {
	w.kind = true
	for range 400 {
		for len(w.todo)+len(w.waiting) > 0 {
			w.commit()
			w.work()
		}
		w.server.settle()
		if w.settled() {
			return
		}
		w.now += 2 * api.Second
		w.step()
	}
}

func (w *world) settled() bool {
	for a := w.core.list.first; a != nil; a = a.next {
		if a.hold.still && !a.hold.wish {
			return false
		}
	}
	return len(w.todo) == 0 && len(w.waiting) == 0 && w.core.Unsent() == 0 &&
		w.core.set.have == w.server.version && w.core.running == w.core.active && w.core.Len() == len(w.server.items)
}

func (w *world) verdict() {
	if !w.settled() {
		w.t.Fatalf("not settled: %d held, %d active, %d running, %d unsent, have %d of %d, %d items",
			w.core.Len(), w.core.active, w.core.running, w.core.Unsent(), w.core.set.have, w.server.version, len(w.server.items))
	}
	wanted := map[api.Attempt]bool{}
	for _, it := range w.server.items {
		wanted[it.Attempt] = it.Desire != api.DesireStop
		if a := w.core.attempts[it.Attempt]; w.still[it.Attempt] != (it.Desire == api.DesireSuspend) && !(it.Desire == api.DesireSuspend && a.hold.unable) {
			w.t.Fatalf("%s stands still: %t, and the server wishes that it should %s", id(it.Attempt), w.still[it.Attempt], it.Desire)
		}
		if !w.alive[it.Attempt] {
			w.t.Fatalf("%s is wanted, does not run, and no result came", id(it.Attempt))
		}
	}
	for a := range w.alive {
		if !wanted[a] {
			w.t.Fatalf("%s runs, but is not wanted", id(a))
		}
	}
}

// TestSnapshotEqualsHistory checks that compaction forgets nothing.
func TestSnapshotEqualsHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"assign": func(*rapid.T) { w.assign() },
			"work":   func(*rapid.T) { w.commit(); w.work() },
			"work 2": func(*rapid.T) { w.commit(); w.work() },
			"settle": func(*rapid.T) { w.server.settle(); w.hint() },
			"hold":   func(*rapid.T) { w.wantHold(); w.hint() },
			"exit":   func(*rapid.T) { w.someExit() },
			"time":   func(*rapid.T) { w.pass() },
		})
		w.commit()
		once := rebuilt(w.core.Snapshot())
		if long := rebuilt(w.disk); !equal(once, long) {
			t.Fatalf("history gives\n%v\nits snapshot\n%v", long, once)
		}
	})
}

func rebuilt(records []Record) []held {
	c := New(Config{Node: "n1", Boot: "b1"})
	for i := range records {
		c.Replay(&records[i])
	}
	var all []held
	for a := c.list.first; a != nil; a = a.next {
		all = append(all, held{a.Attempt, a.phase, a.n, len(a.reports), a.hold.still, a.hold.stood})
	}
	slices.SortFunc(all, func(x, y held) int { return int(x.id.Workload) - int(y.id.Workload) })
	return all
}

type held struct {
	id     api.Attempt
	phase  phase
	n      uint32
	unsent int
	still  bool
	stood  api.Duration
}

func equal(x, y []held) bool { return slices.Equal(x, y) }
