package chaos

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// key is the world in a canonical form. Servers are alike, so their order does not
// count; where a record stands counts from the end of the journal, and of the
// records only those that some server has yet to read.
func (w *world) key(buf []byte) []byte {
	b := append(buf[:0], w.clock, w.left.faults, w.left.campaigns, w.left.ticks)
	from := w.tail.mark.N
	for _, s := range w.servers {
		if s.up {
			from = min(from, s.at.mark.N)
		}
	}
	for r := w.tail; ; r = r.parent {
		b = binary.AppendUvarint(binary.AppendUvarint(b, r.mark.Epoch), uint64(r.view.id))
		if r.mark.N <= from {
			break
		}
	}
	parts := make([][]byte, len(w.servers))
	for i, s := range w.servers {
		parts[i] = s.key(w.tail)
	}
	slices.SortFunc(parts, bytes.Compare)
	for _, p := range parts {
		b = append(append(b, byte(len(p))), p...)
	}
	for _, a := range w.agents {
		b = a.key(b)
	}
	for _, c := range w.clients {
		b = append(b, byte(c.state), c.tries, c.done)
	}
	return w.lettersKey(b)
}

func (w *world) lettersKey(b []byte) []byte {
	letters := make([]uint64, len(w.mail))
	for i, l := range w.mail {
		letters[i] = uint64(l.kind)<<60 | uint64(l.agent)<<57 | bit(l.late)<<56 | uint64(l.what.number())
	}
	slices.Sort(letters)
	for _, l := range letters {
		b = binary.BigEndian.AppendUint64(b, l)
	}
	for _, r := range w.late {
		b = append(b, r.mark.Hash[:8]...)
	}
	return b
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (s *server) key(tail *record) []byte {
	if !s.up {
		return []byte{s.ahead}
	}
	behind := tail.mark.N - s.at.mark.N
	b := []byte{s.ahead, byte(s.rules.Phase), byte(bit(s.opened)), s.since, s.proved, s.looked, byte(s.wire)}
	b = binary.AppendUvarint(binary.AppendUvarint(b, s.rules.Epoch), behind)
	for _, v := range s.base {
		b = binary.AppendUvarint(b, v)
	}
	if s.engine != nil {
		b = binary.AppendUvarint(b, uint64(s.engine.id))
	}
	b = append(b, 0xff)
	if s.ears != nil {
		b = binary.AppendUvarint(b, uint64(s.ears.id))
	}
	b = append(append(b, 0xff), s.back...)
	b = append(append(b, 0xff), s.quiet...)
	b = itemsKey(append(b, 0xff), s.queue)
	for _, in := range s.own {
		b = binary.AppendUvarint(b, uint64(in.id))
	}
	if s.flight == nil {
		return b
	}
	// What the flight became of is seen by where, if anywhere, it stands.
	stands := byte(0)
	for r := tail; r.mark.N > s.at.mark.N; r = r.parent {
		if r == s.flight.record {
			stands = byte(1 + tail.mark.N - r.mark.N)
		}
	}
	return itemsKey(append(b, 0xff, stands, s.flight.sent), s.flight.items)
}

func itemsKey(b []byte, items []item) []byte {
	for _, it := range items {
		b = append(b, byte(it.client), byte(it.agent), byte(it.call))
		b = binary.AppendUvarint(b, uint64(it.input.id))
	}
	return append(b, 0xfe)
}

func (a *agent) key(b []byte) []byte {
	b = append(b, byte(bit(a.up)), a.lag)
	if a.up {
		b = binary.AppendUvarint(b, uint64(a.mind.id))
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(a.disk.id)), uint64(a.wait.number()))
	b = binary.AppendUvarint(binary.AppendVarint(b, int64(a.lease)), a.acted)
	for _, p := range a.procs {
		b = binary.AppendUvarint(b, p.id.Workload)
		b = append(b, byte(p.id.Index), byte(p.id.Try), byte(bit(p.running)), byte(p.outcome))
	}
	return append(b, 0xff)
}
