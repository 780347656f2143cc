package control_test

import (
	"fmt"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/control"
	"pgregory.net/rapid"
)

var terms = control.Terms{Patience: 2 * api.Second, First: api.Second, Spread: 500 * api.Millisecond}

func TestElection(t *testing.T) {
	const s = api.Second
	leads := func(who string, epoch uint64) control.Sign {
		return control.Sign{Server: who, Epoch: epoch, Leads: true}
	}
	for name, c := range map[string]struct {
		happens  func(e *control.Election)
		from, to api.Duration // Due
		leader   string
	}{
		"a start without a leader": {func(*control.Election) {}, 1 * s, 1500 * api.Millisecond, ""},
		"a leader is waited for":   {func(e *control.Election) { e.Heard(leads("b", 7), 10*s) }, 12 * s, 12500 * api.Millisecond, "b"},
		"a follower's sign is none": {
			func(e *control.Election) { e.Heard(control.Sign{Server: "b", Epoch: 7}, 10*s) }, 1 * s, 1500 * api.Millisecond, "",
		},
		"a woken leader is not believed": {func(e *control.Election) {
			e.Heard(leads("c", 8), 10*s)
			e.Heard(leads("b", 7), 11*s)
		}, 12 * s, 12500 * api.Millisecond, "c"},
		"its own voice says nothing": {func(e *control.Election) { e.Heard(leads("a", 9), 10*s) }, 1 * s, 1500 * api.Millisecond, ""},
		"a leader that leaves is not waited for": {func(e *control.Election) {
			e.Heard(leads("b", 7), 10*s)
			e.Heard(control.Sign{Server: "b", Epoch: 7, Leaves: true}, 11*s)
		}, 11 * s, 11500 * api.Millisecond, ""},
		"a new epoch in the journal is a sign": {func(e *control.Election) { e.Began(8, 10*s) }, 12 * s, 12500 * api.Millisecond, ""},
		"an old one is not":                    {func(e *control.Election) { e.Began(7, 10*s) }, 1 * s, 1500 * api.Millisecond, ""},
		"who was outrun waits": {func(e *control.Election) {
			e.Lost(true, 10*s)
		}, 12 * s, 12500 * api.Millisecond, ""},
		"without a journal it is tried again soon": {func(e *control.Election) { e.Lost(false, 10*s) }, 10 * s, 10100 * api.Millisecond, ""},
		"and ever more rarely": {func(e *control.Election) {
			for range 100 {
				e.Lost(false, 10*s)
			}
		}, 11 * s, 11100 * api.Millisecond, ""},
		"who won leads": {func(e *control.Election) { e.Won(8) }, 1 * s, 1500 * api.Millisecond, "a"},
		"until it lost": {func(e *control.Election) {
			e.Won(8)
			e.Heard(leads("b", 9), 20*s)
			e.Lost(true, 20*s)
		}, 22 * s, 22500 * api.Millisecond, "b"},
		"silence makes it unknown who leads": {func(e *control.Election) {
			e.Heard(leads("b", 7), 10*s)
			for now := 10 * s; now <= 13*s; now += s {
				e.Tick(now)
			}
		}, 12 * s, 12500 * api.Millisecond, ""},
		"who was asleep listens first": {func(e *control.Election) {
			e.Heard(leads("b", 7), 10*s)
			e.Tick(10 * s)
			e.Tick(40 * s)
		}, 41 * s, 41500 * api.Millisecond, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			e := control.NewElection("a", terms, 7, 0)
			c.happens(e)
			if e.Due() < c.from || e.Due() > c.to || e.Leader() != c.leader {
				t.Errorf("campaigns at %v, leader %q; want %v to %v, %q", e.Due(), e.Leader(), c.from, c.to, c.leader)
			}
		})
	}
}

func TestASoleServerWaitsForNobody(t *testing.T) {
	e := control.NewSole(3)
	e.Heard(control.Sign{Server: "b", Epoch: 9, Leads: true}, 0)
	if e.Due() != 0 || e.Epoch() != 3 {
		t.Errorf("campaigns at %v in epoch %d, want 0, 3", e.Due(), e.Epoch())
	}
	e.Lost(true, api.Second)
	if e.Due() > api.Second+mostOfASole {
		t.Errorf("campaigns again at %v", e.Due())
	}
}

const mostOfASole = 20 * api.Millisecond

// town is some servers whose elections run in virtual time, with a journal that
// one append passes at a time.
type town struct {
	t       *rapid.T
	now     api.Duration
	seq     uint64 // of the journal
	epoch   uint64 // of its last record
	members []*member
	changes int // of leader
}

type member struct {
	name   string
	e      *control.Election
	seq    uint64 // read so far
	leads  uint64 // epoch; 0: follows
	away   bool   // dead, paused or cut off: hears and says nothing
	signed api.Duration
}

const beat = 500 * api.Millisecond

// step lets a tenth of a second pass.
func (w *town) step() {
	w.now += 100 * api.Millisecond
	for _, m := range w.members {
		if m.away {
			continue
		}
		m.e.Tick(w.now)
		switch {
		case m.leads != 0 && m.seq != w.seq: // it looks, and finds another's records
			m.leads, m.seq = 0, w.seq
			m.e.Began(w.epoch, w.now)
			m.e.Lost(true, w.now)
		case m.leads != 0 && w.now-m.signed >= beat:
			w.tell(m)
		case m.leads == 0 && m.e.Due() <= w.now:
			w.campaign(m)
		}
	}
}

func (w *town) tell(m *member) {
	m.signed = w.now
	for _, o := range w.members {
		if !o.away {
			o.e.Heard(control.Sign{Server: m.name, Epoch: m.leads, Leads: true}, w.now)
		}
	}
}

func (w *town) campaign(m *member) {
	if m.seq != w.seq {
		m.seq = w.seq
		m.e.Began(w.epoch, w.now)
		m.e.Lost(true, w.now)
		return
	}
	w.seq++
	w.epoch++
	w.changes++
	m.seq, m.leads = w.seq, w.epoch
	m.e.Won(w.epoch)
	w.tell(m)
}

// leader is who leads the newest epoch; nil when that one is away.
func (w *town) leader() *member {
	for _, m := range w.members {
		if m.leads != 0 && m.leads == w.epoch && !m.away {
			return m
		}
	}
	return nil
}

// Whatever dies, sleeps, is cut off or comes back: as long as one server is
// there, one leads within 5 s, and it goes on leading while it is there.
func TestAnotherLeadsWithinFiveSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &town{t: t}
		for i := range rapid.IntRange(2, 3).Draw(t, "servers") {
			name := fmt.Sprint("server-", i)
			w.members = append(w.members, &member{name: name, e: control.NewElection(name, terms, 0, 0)})
		}
		for range rapid.IntRange(1, 8).Draw(t, "faults") {
			m := rapid.SampledFrom(w.members).Draw(t, "who")
			others := 0
			for _, o := range w.members {
				if o != m && !o.away {
					others++
				}
			}
			m.away = !m.away && others > 0
			for began := w.now; w.leader() == nil; w.step() {
				if w.now-began > 5*api.Second {
					t.Fatalf("nobody leads %v after %s changed", w.now-began, m.name)
				}
			}
			before := w.changes
			for range rapid.IntRange(20, 100).Draw(t, "calm") {
				w.step()
			}
			if w.changes != before || w.leader() == nil {
				t.Fatalf("the leader changed %d times in calm", w.changes-before)
			}
		}
	})
}
