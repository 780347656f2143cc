package chaos

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/control"
)

// finishes checks that everything can still end well: it lets a world run on
// without further faults, by turns, until all work has ended. Worlds on the way
// there need not be tried again.
func (in *Instance) finishes(t *tables, w *world, known map[[16]byte]struct{}) (why string, path []move) {
	var way [][16]byte
	var buf []byte
	for range maxCalm {
		c := *w
		c.left = budget{}
		buf = c.key(buf)
		d := digest(buf)
		if _, ok := known[d]; ok || w.finished() {
			for _, d := range way {
				known[d] = struct{}{}
			}
			return "", nil
		}
		way = append(way, d)
		m, ok := in.calm(t, w)
		if !ok {
			return "nothing can happen any more, and the work has not ended", path
		}
		path = append(path, m)
		x := in.step(t, w, m)
		if x.fault != "" {
			return "when nothing fails any more: " + x.fault, path
		}
		w = x.world
	}
	return fmt.Sprintf("the work does not end within %d moves in which nothing fails", maxCalm), path[:shown]
}

// maxCalm is after how many moves without faults everything must have ended.
const maxCalm = 600

// shown is how many of them are told.
const shown = 60

// wants tells whether a node should run an attempt. What it should not run, it has
// to end: it is not waited for.
func (v *view) wants(j int, id api.Attempt) bool {
	return slices.ContainsFunc(v.nodes[j].held, func(a api.Assignment) bool { return a.Attempt == id && a.Desire == api.DesireRun })
}

// finished tells whether all clients are answered, whatever they ask, all their
// work has ended, and nothing runs any more. Nobody has to cancel anything.
func (w *world) finished() bool {
	for _, c := range w.clients {
		if c.done == 0 || c.state == clientWaits {
			return false
		}
	}
	for _, a := range w.agents {
		if slices.ContainsFunc(a.procs, func(p proc) bool { return p.running }) {
			return false
		}
	}
	return w.tail.view.done
}

// calm is the next move of a run in which nothing fails: what is under way
// arrives, who is down comes back, one server leads, and time goes by only when
// nothing else is to do.
func (in *Instance) calm(t *tables, w *world) (move, bool) {
	x := &run{world: w, in: in, t: t}
	lead := x.chosen()
	if s := x.confident(lead); s != nil {
		return move{mConfirm, uint16(lead), 0}, true
	}
	for j, a := range x.agents {
		if a.nap == told {
			return move{mHook, uint16(j), 0}, true
		}
		if a.nap == off {
			continue
		}
		if !a.up {
			return move{mRestartAgent, uint16(j), 0}, true
		}
		if a.wait != nil && a.wait.value.(pending).Sync {
			return move{mCommit, uint16(j), 0}, true
		}
	}
	for n, l := range x.mail {
		if !l.request() {
			return move{mReceive, uint16(n), 0}, true
		}
		if lead >= 0 && x.servers[lead].leads() {
			return move{mServe, uint16(n), uint16(lead)}, true
		}
	}
	if m, ok := x.calmServer(lead); ok {
		return m, true
	}
	return x.calmRest(lead)
}

// confident gives the leader when it can make sure that it leads, and has to.
func (w *world) confident(lead int) *server {
	if lead < 0 {
		return nil
	}
	if s := w.servers[lead]; s.leads() && s.rules.Phase == control.Leading && s.at == w.tail && s.proved < w.clock {
		return s
	}
	return nil
}

// chosen is the server that leads, or is about to, in the highest epoch; -1 when
// none does.
func (w *world) chosen() int {
	best := -1
	for i, s := range w.servers {
		if s.up && s.rules.Phase != control.Following && s.rules.Epoch >= w.tail.mark.Epoch && (best < 0 || s.rules.Epoch > w.servers[best].rules.Epoch) {
			best = i
		}
	}
	return best
}

func (x *run) calmServer(lead int) (move, bool) {
	if lead < 0 {
		for i, s := range x.servers {
			switch {
			case !s.up:
				return move{mRestart, uint16(i), 0}, true
			case s.rules.Phase == control.Following && s.at != x.tail:
				return move{mCatchUp, uint16(i), 0}, true
			case s.rules.Phase == control.Following:
				return move{mCampaign, uint16(i), 0}, true
			}
		}
		// All believe that they lead, and none does.
		for i, s := range x.servers {
			if m, ok := x.calmLeader(i, s); ok {
				return m, true
			}
			if s.rules.Phase == control.Leading {
				return move{mCrash, uint16(i), 0}, true
			}
		}
		return move{}, false
	}
	return x.calmLeader(lead, x.servers[lead])
}

func (x *run) calmLeader(i int, s *server) (move, bool) {
	at := uint16(i)
	switch {
	case s.rules.Phase == control.Recovering:
		return move{mReadBack, at, 0}, true
	case s.rules.Phase == control.Appending && s.wire == wireSent:
		return move{mArrive, at, 0}, true
	case s.rules.Phase == control.Appending:
		return move{mOutcome, at, 0}, true
	case x.hasWork(s):
		return move{mDecide, at, 0}, true
	}
	return x.calmAround(i, s)
}

// calmAround is a leader's look around.
func (x *run) calmAround(i int, s *server) (move, bool) {
	switch {
	case x.confident(i) != nil:
		return move{mConfirm, uint16(i), 0}, true
	case s.leads() && (s.looked < x.clock || len(s.back) > 0):
		return move{mLook, uint16(i), 0}, true
	case len(x.packets) > 0:
		return move{mWake, 0, 0}, true
	}
	for j := range x.agents {
		if x.in.naps && x.rouses(s, j) {
			return move{mRouse, uint16(i), uint16(j)}, true
		}
	}
	return move{}, false
}

// lastTick is the last one of a world's time.
const lastTick = 240

func (x *run) calmRest(lead int) (move, bool) {
	for k, c := range x.clients {
		if c.state == clientIdle && c.done == 0 && x.musters(k) && lead >= 0 && x.servers[lead].leads() {
			return move{mSubmit, uint16(k), uint16(lead)}, true
		}
		if c.state == clientWaits && !x.queued(lead, k) {
			return move{mImpatient, uint16(k), 0}, true
		}
	}
	for j, a := range x.agents {
		if a.nap == off {
			continue
		}
		for k := range calls {
			if a.mind.tickets[k] != 0 && (k != beat || x.in.Beats) && !a.waitsToSend(k) && !x.heldBy(lead, j, k) {
				return move{mGiveUp, uint16(j), uint16(k)}, true
			}
		}
		for n, p := range a.procs {
			if p.running && x.tail.view.wants(j, p.id) && x.mustered(p.id) {
				return move{mExit, uint16(j), uint16(n)}, true
			}
		}
	}
	for j := range x.agents {
		if lead >= 0 && x.given(j) {
			return move{mByHand, uint16(lead), uint16(j)}, true
		}
	}
	if x.clock < lastTick {
		return move{mTick, 0, 0}, true
	}
	return move{}, false
}

// queued tells whether a client's command waits at a server.
func (w *world) queued(i, k int) bool {
	return w.holds(i, func(it item) bool { return int(it.client) == k })
}

// heldBy tells whether a server has an agent's call, which it will answer.
func (w *world) heldBy(i, j int, k call) bool {
	return w.holds(i, func(it item) bool { return int(it.agent) == j && it.call == k })
}

func (w *world) holds(i int, is func(item) bool) bool {
	if i < 0 {
		return false
	}
	s := w.servers[i]
	for _, it := range s.queue {
		if is(it) {
			return true
		}
	}
	if s.flight != nil {
		for _, it := range s.flight.items {
			if is(it) {
				return true
			}
		}
	}
	return false
}

// running counts the tasks that the journal has as running.
func (v *view) running() (n int) {
	for _, t := range v.tasks {
		n += int(bit(t.status == api.TaskRunning))
	}
	return n
}
