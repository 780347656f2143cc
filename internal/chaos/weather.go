package chaos

import (
	"math/rand/v2"
	"slices"
)

// weather is what a seed decides of its storm beforehand: which kinds of faults there
// are (Groce, Zhang, Eide, Chen, Regehr, 2012, "Swarm Testing": what leaves things out
// finds more than what always has everything), which nodes most of them hit, how fast
// time goes by, how often servers campaign, and how long tasks run.
type weather struct {
	faults  float64 // how likely a fault is, at each move
	mend    float64 // and that something ends which lasts
	tick    float64
	lead    float64
	exit    float64 // how likely a task that may end does
	prompt  bool    // time goes by when nothing else is left to do
	late    bool    // nothing fails before tasks run
	roomy   bool    // nodes have room for more than all the work
	patient bool    // only what lasts fails, see lasting
	trickle bool    // patient, half of the jobs come one by one, and time may go by early
	unlucky [2]int  // nodes
	stores  bool    // the journal is kept by several machines, whose disks are looked into
	naps    bool    // nodes sleep; jobs come one by one
	allowed [kinds]bool
}

// lasting are the faults that are about who hears whom, and when. A task marked
// atMostOnce is at risk only where they last for several ticks, one on the other, while
// little else fails, tasks run long, and there is room to start them elsewhere. Chance
// alone hardly ever comes there, so a third of the seeds begin there.
var lasting = [...]moveKind{mTickLate, mCut, mSplit, mPause}

func newWeather(s *Storm, rng *rand.Rand) weather {
	w := weather{
		faults: float64(s.Faults) / float64(s.Steps),
		mend:   oneOf(rng, []float64{1.0 / 40, 1.0 / 100, 1.0 / 250}),
		tick:   oneOf(rng, []float64{1.0 / 50, 1.0 / 100, 1.0 / 250}),
		lead:   oneOf(rng, []float64{0, 1.0 / 400, 1.0 / 50}),
		exit:   oneOf(rng, []float64{1, 1.0 / 20, 1.0 / 200}),
		prompt: rng.IntN(2) == 0, late: rng.IntN(2) == 0, roomy: rng.IntN(2) == 0,
		patient: rng.IntN(3) == 0,
	}
	for i := range w.unlucky {
		w.unlucky[i] = rng.IntN(s.Agents)
	}
	if w.trickle = w.patient && w.late; w.patient {
		w.prompt, w.late, w.roomy, w.exit, w.mend, w.lead = true, true, true, 1.0/200, 1.0/250, 1.0/50
		w.faults /= oneOf(rng, []float64{1, 3})
	}
	for k := mRefuse; k < mTearJournal; k++ {
		in := rng.IntN(2) == 0 || k == mCut // which is always possible
		switch {
		case len(s.Only) > 0:
			in = slices.Contains(s.Only, faultNames[k])
		case w.patient:
			in = slices.Contains(lasting[:], k)
		}
		w.allowed[k] = in
	}
	return w
}

// extras decides, by a source of its own, what a storm has besides: seeds that have
// none of it go as if there were none. Patient storms do without.
func (w *weather) extras(s *Storm, rng *rand.Rand) {
	w.stores = rng.IntN(2) == 0 && !w.patient
	w.naps = rng.IntN(2) == 0 && !w.patient
	for k := mTearJournal; k < kinds; k++ {
		w.allowed[k] = rng.IntN(2) == 0
		if len(s.Only) > 0 {
			w.allowed[k] = slices.Contains(s.Only, faultNames[k])
		}
		w.stores = w.stores || w.allowed[k] && len(s.Only) > 0 && k < mHookFails
		w.naps = w.naps || w.allowed[k] && len(s.Only) > 0 && k >= mHookFails
	}
	if w.naps {
		w.tick, w.exit, w.prompt = max(w.tick, 1.0/40), 1, w.prompt || rng.IntN(3) > 0
	}
}

// toomuch tells whether a fault would leave a patient storm without a cell to watch:
// one server may be ill, and the nodes that it takes with it or two.
func (x *run) toomuch(m move) bool {
	if who := int(m.a); m.kind == mCut && who >= len(x.servers) {
		return x.sick() > 2
	}
	switch m.kind {
	case mCut, mPause, mSplit:
		return slices.ContainsFunc(x.servers, func(s *server) bool { return s.ills != 0 }) || x.sick() > 2
	}
	return false
}

// sick counts the nodes that not everybody reaches.
func (w *world) sick() (n int) {
	for _, a := range w.agents {
		n += int(bit(a.ills&(cut|apart) != 0))
	}
	return n
}

// exposed are two nodes that run tasks marked atMostOnce, those of before if they do.
func (x *run) exposed(before [2]int) [2]int {
	out, n := before, 0
	for k := range len(x.agents) {
		j := (before[0] + k) % len(x.agents)
		if n < len(out) && slices.ContainsFunc(x.agents[j].procs, func(p proc) bool { return p.once && p.running }) {
			out[n] = j
			n++
		}
	}
	return out
}
