package engine

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Nodes are woken, and kept awake, for what tasks are expected to hold soon. The shell
// makes the forecast and says it as an input (Foreseen); here it is checked, kept in the
// state, and held against the room that is awake or on its way, beside the reserves of
// sites. A forecast counts for a while only: without one, nodes sleep as they did before.

const (
	// ForesightHolds is how long what was said counts. The shell says it again at half of
	// that, and whenever it has changed.
	ForesightHolds = 10 * api.Minute
	// foresightOld is how long ago a forecast may have been made that is said now, and
	// foresightEarly how far clocks may differ.
	foresightOld   = 15 * api.Minute
	foresightEarly = api.Minute
	// mostForeseen bounds what is said, in thousandths of cores and in bytes: a cell of a
	// million nodes holds less.
	mostForeseen = 1 << 60
)

// Foreseen says how much room tasks are expected to hold soon. The shell knows that from
// a forecast, which is no part of the state. What cannot be believed changes nothing: the
// answer says why.
type Foreseen struct {
	Said state.DemandForeseen `cbor:"1,keyasint"`
}

// InputKind implements Input.
func (*Foreseen) InputKind() InputKind { return InputForeseen }

// Ahead is what is asked of a forecast of demand.
type Ahead struct {
	Quantile    api.Milli    // that is provided for; 0: nobody asks for a forecast
	Soon, Later api.Duration // how far it is to look: the longest time to wake a node, and for which one must sleep
}

// Ahead tells what a forecast of demand must say. It looks at every node.
func (e *Engine) Ahead() (a Ahead) {
	if a.Quantile = e.quantileAhead(); a.Quantile == 0 {
		return a
	}
	able := false
	for _, n := range e.st.Nodes { // order-free: the longest
		if !looksAhead(e.restOf(n)) {
			continue
		}
		able = true
		a.Soon, a.Later = max(a.Soon, n.Sleep.Waking()), max(a.Later, e.leastNap(n))
	}
	if !able {
		return Ahead{}
	}
	return a
}

// mostNap bounds how long a node must sleep to be worth it: forecasts by minutes reach so
// far.
const mostNap = 30 * api.Minute

// leastNap is for how long a node must sleep at least, if it sleeps: until it can have
// been woken again, and until that has saved what falling asleep and waking take.
func (e *Engine) leastNap(n *state.Node) api.Duration {
	least := min(max(n.Sleep.Down, 0), api.MostSleep) + n.Sleep.Waking()
	less, swing := e.index.Sleeps(n.Name)
	if less <= 0 || int64(swing)/less > int64(mostNap/api.Millisecond) {
		return max(least, mostNap)
	}
	return max(least, api.Duration(int64(swing)/less)*api.Millisecond)
}

// HeldRoom is what tasks hold now, on all nodes that are not silent: of this there is to
// be a forecast. What waits is not part of it. It wakes nodes by itself, and some of it
// waits for what no node gives.
func HeldRoom(st *state.State) (held state.Room) {
	for _, n := range st.Nodes { // order-free: a sum
		if !n.Silent {
			held.CPU += n.Used.CPU
			held.Memory += n.Used.Memory
		}
	}
	return held
}

// Renews reports whether what is expected is to be said: it is something else than what a
// cell knows, or that will not count for much longer.
func (s *Foreseen) Renews(st *state.State, now api.Time) bool {
	f, is := st.Foresight, &s.Said
	return f == nil || f.Since.Add(ForesightHolds/2) <= now || f.Said.Quantile != is.Quantile || f.Said.Soon != is.Soon || f.Said.Later != is.Later
}

func looksAhead(r *api.Rest) bool { return r != nil && r.Ahead > 0 }

// quantileAhead is the highest that a site or the cell's strategy provides for: there is
// one forecast of the cell. 0: none is asked for.
func (e *Engine) quantileAhead() api.Milli {
	q := e.resting.ahead
	if r := e.index.Repose(); r != nil {
		q = max(q, r.Ahead)
	}
	return q
}

// foresee keeps what is expected, if it can be believed.
func (e *Engine) foresee(in *Foreseen) state.Answer {
	if why := e.doubts(&in.Said); why != "" {
		return refuse(state.CodeInvalid, "the forecast of demand is not used: %s", why)
	}
	said := in.Said
	e.emit(&said)
	return state.Answer{Action: "updated"}
}

// doubts says why what is expected is not believed; "" when it is.
func (e *Engine) doubts(s *state.DemandForeseen) string {
	asked, now := e.quantileAhead(), e.st.Now
	bad := func(r state.Room) bool {
		return r.CPU < 0 || r.Memory < 0 || r.CPU > mostForeseen || r.Memory > mostForeseen
	}
	switch {
	case asked == 0:
		return "no rest of a site, nor of the cell's strategy, has ahead"
	case s.Quantile != asked:
		return fmt.Sprintf("it is of the %s quantile, and that of %s is asked for", shareText(s.Quantile), shareText(asked))
	case bad(s.Soon) || bad(s.Later) || bad(s.Held) || s.Later.CPU < s.Soon.CPU || s.Later.Memory < s.Soon.Memory:
		return fmt.Sprintf("nodes cannot hold %v cpu and %v soon, and %v cpu and %v at most later", s.Soon.CPU, s.Soon.Memory, s.Later.CPU, s.Later.Memory)
	case s.Origin > now.Add(foresightEarly) || s.Origin.Add(foresightOld) < now:
		return fmt.Sprintf("it was made at %s, and now it is %s", s.Origin, now)
	case s.Until < now || s.Until > now.Add(2*api.MostSleep+foresightOld):
		return fmt.Sprintf("it looks up to %s, and now it is %s", s.Until, now)
	case len(s.Model) > MaxModel:
		return fmt.Sprintf("the name of its model has %d bytes, at most %d are taken", len(s.Model), MaxModel)
	}
	return ""
}

// foresight is what is expected, while that counts; else nil.
func (e *Engine) foresight() *state.DemandForeseen {
	f := e.st.Foresight
	if f == nil || f.Since.Add(ForesightHolds) <= e.st.Now || f.Said.Quantile != e.quantileAhead() {
		return nil
	}
	return &f.Said
}

// foresightTimer reminds of when what was said no longer counts: nodes may sleep then.
func (e *Engine) foresightTimer() {
	if f := e.st.Foresight; f != nil {
		e.timers.add(timer{at: f.Since.Add(ForesightHolds), kind: timerForeseen})
	}
}

// short reports whether what tasks are expected to hold has too little room, beside the
// reserve of each site, on nodes that are awake or on their way, without a part of a site.
// then is what they held when that was said.
func (e *Engine) short(expected, then state.Room, site string, less room) bool {
	sum := e.resting.sum
	if sum == nil { // readers share an engine, and keep nothing
		sum = e.sumUp()
	}
	of := e.resting.sites[site]
	spare := sum.spare.plus(e.spareOf(site, &of, room{}), -1).plus(e.spareOf(site, &of, less), 1)
	// What ends leaves room that was not reckoned with: it is not expected to come again.
	held := room{max(sum.held.cpu, then.CPU), max(sum.held.memory, then.Memory)}
	more := room{expected.CPU, expected.Memory}.plus(held, -1)
	return more.cpu > max(spare.cpu, 0) || more.memory > max(spare.memory, 0)
}

// summed is what tasks hold, and what can be spared, of all sites.
type summed struct{ held, spare room }

// spareOf is what a site can spare beside its reserve, without a part of it.
func (e *Engine) spareOf(name string, s *portion, less room) room {
	free := s.free.plus(s.coming, 1).plus(less, -1)
	if rest := e.restAt(name); rest != nil {
		free = free.plus(room{s.all.cpu / 1000, s.all.memory / 1000}, -int64(rest.Share()))
	}
	return room{max(free.cpu, 0), max(free.memory, 0)}
}

func (e *Engine) sumUp() *summed {
	sum := &summed{}
	for name, s := range e.resting.sites { // order-free: sums
		sum.held, sum.spare = sum.held.plus(s.held, 1), sum.spare.plus(e.spareOf(name, &s, room{}), 1)
	}
	return sum
}

// measureAll keeps the sums over all sites until the next event: a Step asks for many nodes.
func (e *Engine) measureAll() {
	if e.resting.sum == nil && e.foresight() != nil {
		e.resting.sum = e.sumUp()
	}
}

// neededAhead reports whether a node, or a part of it, is needed for what is foreseen.
func (e *Engine) neededAhead(n *state.Node, part room) bool {
	f := e.foresight()
	return f != nil && looksAhead(e.restOf(n)) && e.short(f.Later, f.Held, n.Site, part)
}

// wakeAhead has nodes woken for what is expected within the time that it takes.
func (e *Engine) wakeAhead() {
	f := e.foresight()
	if f == nil || !e.stirred || len(e.beds.set) == 0 || e.err != nil {
		return
	}
	for _, name := range slices.Clone(e.listBeds().asleep) {
		if n := e.st.Nodes[name]; n.Power != api.PowerSleeping || !looksAhead(e.restOf(n)) {
			continue // before the sites are summed up: of these there may be very many
		}
		e.measureAll()
		if e.full() || !e.short(f.Soon, f.Held, "", room{}) {
			return
		}
		e.emit(&state.NodePower{Node: name, State: api.PowerWaking, Reason: foreseenText})
	}
}

// foreseenText says for what a node is woken, and kept awake.
const foreseenText = "for forecast demand"

// awakeFor says why a node that can sleep and holds nothing is awake, or is being woken;
// "" when there is nothing to say.
func (e *Engine) awakeFor(n *state.Node) string {
	rest, p := e.restOf(n), e.resting.nodes[n.Name]
	if rest == nil || n.Silent || n.Drain || len(n.Held) > 0 || n.Power == api.PowerSleeping {
		return ""
	}
	if e.neededAhead(n, p.free.plus(p.coming, 1)) {
		return foreseenText
	}
	if n.Power == api.PowerWaking {
		return ""
	}
	if at := e.tiredAt(n); at > e.st.Now {
		return "idle for less than " + rest.Idle().String()
	}
	if s := e.resting.sites[n.Site]; !s.free.plus(p.free, -1).covers(s.all, rest.Share()) {
		return "for the reserve of its site"
	}
	return ""
}

// ForeseenText says what is expected, in a phrase.
func ForeseenText(s *state.DemandForeseen) string {
	return fmt.Sprintf("tasks are expected to hold at most %v cpu and %v of memory up to %s, at the %s quantile of the forecast of %s",
		s.Later.CPU, s.Later.Memory, s.Until, shareText(s.Quantile), s.Origin)
}
