package twin

import (
	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// nap is where a machine stands that was told to fall asleep, or is being woken.
type nap struct {
	watts float64  // drawn now, without what the site takes besides
	next  api.Time // when that changes, or it takes work again
	off   bool     // it is not on
	ups   bool     // it is being woken
}

// power has a machine do what the engine has decided. To fall asleep it draws what it
// draws idle for as long as that takes, and to wake what it draws at full load, unless
// its operator says how much energy these take.
func (w *World) power(ev *state.NodePower) {
	at, known := w.index[ev.Node]
	if !known {
		return
	}
	m := &w.nodes[at]
	w.meter.elapsed(m, w.now)
	s := m.node.Sleep
	if s == nil || ev.State == api.PowerOn {
		m.nap = nap{}
		return
	}
	if ev.State == api.PowerSleeping {
		w.meter.sleeps++
	}
	begin, takes, energy, usual := w.now, s.Down, s.DownEnergy, m.curve.Idle
	if ev.State == api.PowerWaking {
		takes, energy, usual = s.Waking(), s.UpEnergy, m.curve.Full
		if m.nap.off && !m.nap.ups {
			begin = max(begin, m.nap.next) // it falls asleep first
		}
	}
	m.nap = nap{watts: usual, off: true, ups: ev.State == api.PowerWaking, next: begin.Add(max(takes, api.Millisecond))}
	if energy > 0 {
		m.nap.watts = float64(energy) / 1e6 / m.nap.next.Sub(w.now).Std().Seconds()
	}
	w.queue.push(event{at: m.nap.next, kind: turns, node: at})
}

// turn is when a machine has fallen asleep, or is awake and says so.
func (w *World) turn(at int32, due api.Time) {
	m := &w.nodes[at]
	if !m.nap.off || m.nap.next != due || m.down {
		return
	}
	w.meter.elapsed(m, w.now)
	if !m.nap.ups {
		m.nap.watts = float64(m.node.Sleep.Draw) / 1000
		return
	}
	w.inputs = append(w.inputs, &engine.Register{Node: *m.node})
}
