package consolidate

import (
	"math"
	"slices"
)

// The ways in which a migration costs CPU while it lasts.
const (
	leaving  = 0.9 // a VM that is being moved gets so much of what it asks for
	arriving = 0.1 // and takes so much where it goes
)

// past is how many of the latest samples of use are remembered.
const past = 30

// vm is a virtual machine.
type vm struct {
	kind    *VMKind
	use     []float64 // samples
	host    int       // where it runs; -1 is nowhere
	moving  bool
	asks    float64 // MIPS at the present
	history []float64
	sampled float64 // when history grew last
	last    vmEntry
}

// vmEntry is what a VM got from a time on.
type vmEntry struct {
	at, got, asked float64
	moving         bool
	some           bool
}

// host is a host.
type host struct {
	kind     *HostKind
	vms      []int   // those that arrive, too
	arriving []int   // of these
	free     float64 // MIPS that are not given out
	scale    float64 // below 1: VMs ask for more than there is
	mips     float64 // given out at the last update
	before   float64 // and at the update before
	last     hostEntry
	off      bool // by the entries before the last

	// What a decision works with.
	load float64       // MIPS given out, with what it has decided so far
	base float64       // W at the last update
	sums [past]float64 // use of the host by its VMs' histories
}

// hostEntry is what a host did from a time on.
type hostEntry struct {
	at, got, asked float64
	active, some   bool
}

func (h *host) use() float64 { return share(h.mips, h.kind) }

// share is a use of the whole host. What rounding makes a little over 1 is 1.
func share(mips float64, k *HostKind) float64 {
	u := mips / k.Total()
	if u > 1 && u < 1.01 {
		return 1
	}
	return u
}

func (h *host) power() float64 { return h.kind.Power(h.use()) }

// idle hosts are off, and all of a kind alike.
func (h *host) idle() bool { return len(h.vms) == 0 && h.mips == 0 && h.before == 0 }

// sample is a VM's use at a time, linear between samples.
func (v *vm) sample(at, interval float64) float64 {
	i := int(at / interval)
	last := len(v.use) - 1
	if i >= last {
		return v.use[last]
	}
	return v.use[i] + (v.use[i+1]-v.use[i])*(at-float64(i)*interval)/interval
}

// remember puts a sample in front of the history.
func (v *vm) remember(u float64) {
	if len(v.history) < past {
		v.history = append(v.history, 0)
	}
	copy(v.history[1:], v.history)
	v.history[0] = u
}

// want is what a VM asks of a host: not more than a core has.
func (s *sim) want(h *host, v int) float64 { return min(s.vms[v].asks, h.kind.MIPS) }

// divide gives out a host's CPU: to each VM what it asks for, or, when that is more
// than there is, the same share of it.
func (s *sim) divide(h *host) {
	total := h.kind.Total()
	h.free, h.scale = total, 1
	needs, over := 0.0, false
	for _, v := range h.vms {
		w := s.want(h, v)
		if slices.Contains(h.arriving, v) {
			w *= arriving
		}
		needs += w
		if h.free >= w && !over {
			h.free -= w
		} else if w > 0 {
			over = true
		}
	}
	if over {
		h.free, h.scale = 0, total/needs
	}
}

// gets is what a VM is given on a host.
func (s *sim) gets(h *host, v int) float64 {
	w := s.want(h, v)
	arrives := slices.Contains(h.arriving, v)
	leaves := !arrives && s.vms[v].moving
	if h.scale == 1 {
		switch {
		case leaves:
			w *= leaving
		case arrives:
			w *= arriving
		}
		return w
	}
	if arrives {
		return math.Floor(w * arriving * h.scale)
	}
	w *= h.scale
	if leaves {
		w *= leaving
	}
	return math.Floor(w)
}

// update brings a host to the present and enters in the books what it does.
func (s *sim) update(h *host) {
	for _, v := range h.vms {
		s.advance(&s.vms[v])
	}
	h.before, h.mips = h.mips, 0
	s.divide(h)
	asked := 0.0
	for _, v := range h.vms {
		got := s.gets(h, v)
		if !slices.Contains(h.arriving, v) {
			m := &s.vms[v]
			s.enterVM(m, vmEntry{at: s.now, got: got, asked: m.asks, moving: m.moving, some: true})
			if m.moving {
				got /= leaving
			}
		}
		h.mips += got
		asked += s.vms[v].asks
	}
	s.enterHost(h, hostEntry{at: s.now, got: h.mips, asked: asked, active: h.mips > 0, some: true})
}

func (s *sim) advance(v *vm) {
	u := v.sample(s.now, s.setup.Interval)
	v.asks = u * v.kind.MIPS
	if s.sampling && s.now > v.sampled {
		v.remember(u)
		v.sampled = s.now
	}
}

func (h *host) drop(v int) {
	if i := slices.Index(h.vms, v); i >= 0 {
		h.vms = slices.Delete(h.vms, i, i+1)
	}
}
