package chaos

import (
	"drover.dev/api"
	"drover.dev/internal/control"
)

// ears is a state of a leader's memory of when nodes were heard of.
type ears struct {
	id     uint32
	parent *ears
	by     sound // of the first ones, only when they began
	live   *control.Liveness
	next   map[sound]*hearing
}

// sound is something that ears take in.
type sound struct {
	kind   soundKind
	node   string
	silent bool // as the state has it
	now    api.Duration
	jumped api.Duration // by which the wall clock was set forward since the first Tick
}

type soundKind uint8

const (
	soundTrack soundKind = iota
	soundHeard
	soundTick
)

// hearing is what ears make of it.
type hearing struct {
	ears    *ears
	back    bool
	known   bool
	changes []control.Change
}

// listen gives the ears of a leader that has just begun to lead.
func (t *tables) listen(now api.Duration) *ears {
	e := t.ear(control.NewLiveness(silentAfter, tick, now))
	if e.parent == nil {
		e.by.now = now
	}
	return e
}

func (t *tables) ear(l *control.Liveness) *ears {
	if t.line != nil {
		return &ears{live: l}
	}
	key := string(t.p.print(l))
	if e, ok := t.ears[key]; ok {
		return e
	}
	e := &ears{id: uint32(len(t.ears) + 1), live: l, next: map[sound]*hearing{}}
	t.ears[key] = e
	return e
}

// hear lets ears take something in.
func (t *tables) hear(e *ears, s sound) *hearing {
	if t.line != nil {
		h := &hearing{ears: e}
		h.take(e.live, s)
		return h
	}
	if h, ok := e.next[s]; ok {
		return h
	}
	l := e.liveness(t)
	h := &hearing{}
	h.take(l, s)
	known := len(t.ears)
	if h.ears = t.ear(l); len(t.ears) > known {
		h.ears.parent, h.ears.by = e, s
	}
	e.next[s] = h
	return h
}

func (h *hearing) take(l *control.Liveness, s sound) {
	switch s.kind {
	case soundTrack:
		l.Track(s.node, s.silent, s.now)
	case soundHeard:
		h.back, h.known = l.Heard(s.node, s.now)
	case soundTick:
		h.changes = l.Tick(s.now, api.Time(s.now+s.jumped))
	}
}

func (e *ears) liveness(t *tables) *control.Liveness {
	t.steps++
	if l := e.live; l != nil {
		e.live = nil
		return l
	}
	var path []sound
	for ; e.parent != nil; e = e.parent {
		path = append(path, e.by)
	}
	l := control.NewLiveness(silentAfter, tick, e.by.now)
	for i := len(path) - 1; i >= 0; i-- {
		new(hearing).take(l, path[i])
	}
	return l
}
