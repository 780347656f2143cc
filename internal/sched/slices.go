package sched

import (
	"math"
	"slices"

	"drover.dev/api"
)

// Hours is a stretch of time, cut into pieces, with what running through each costs. All
// pieces but the first, which begins now, begin at whole steps.
type Hours struct {
	Start api.Time // of the first piece
	Next  api.Time // of the second one
	Step  api.Duration
	Costs []int64       // by piece, in any unit
	By    api.Objective // what they tell: carbon, cost, or both
	Doubt string        // what is in doubt of the signals
}

// MaxPieces bounds how finely a stretch of time is cut.
const MaxPieces = 96

var steps = [...]api.Duration{
	api.Minute, 5 * api.Minute, 15 * api.Minute, 30 * api.Minute, api.Hour, 2 * api.Hour, 4 * api.Hour, 12 * api.Hour, api.Day,
}

// At is when a piece begins; that behind the last is when the hours end.
func (h *Hours) At(piece int) api.Time {
	if piece == 0 {
		return h.Start
	}
	return h.Next.Add(api.Duration(piece-1) * h.Step)
}

// Slices reports whether tasks of a strategy wait for better hours.
func (x *Index) Slices(a *Ask) bool { return x.planOf(a).slice }

// Thrifty reports whether they do so only for want of a budget of carbon.
func (x *Index) Thrifty(a *Ask) bool { return x.planOf(a).thrift }

// Slowdown is by how many per cent of its predicted run a task of a strategy that slices may
// end later than at once; 0 is as its deadline allows.
func (x *Index) Slowdown(a *Ask) int64 { return int64(x.planOf(a).slower) }

// Stretch is by how many per cent of its predicted run a task of such a strategy may take
// longer than on the reference node, held still and on a slower node; 0 is no bound.
func (x *Index) Stretch(a *Ask) int64 { return int64(x.planOf(a).stretch) }

// Hours is what energy costs at a site from one moment to another, by the signals that
// the objective names: the carbon intensity, the price, or both, of which a per cent of
// the mean of one counts like a per cent of that of the other. It ends where the signals
// do. When nothing can be said, why says so.
func (x *Index) Hours(site string, o api.Objective, from, to api.Time) (h Hours, why string) {
	h, pieces, list, why := x.span(site, o, from, to)
	if why == "" {
		h.weighAll(list, pieces)
	}
	return h, why
}

// span is that stretch of time without the costs, into how many pieces it is cut, and by
// which signals they cost.
func (x *Index) span(site string, o api.Objective, from, to api.Time) (h Hours, pieces int, list []*api.Signal, why string) {
	list, by := x.sliceSignals(site, o)
	if len(list) == 0 {
		return h, 0, nil, "no forecast of " + savedBy(o) + " is known for " + siteText(site)
	}
	for _, s := range list {
		to = min(to, s.End())
		if h.Doubt == "" && s.Fault != "" {
			h.Doubt = s.Key() + ": " + s.Fault
		}
	}
	h.By, h.Start = by, from
	if pieces = h.cut(to); pieces == 0 {
		return h, 0, nil, "it leaves no room to wait"
	}
	return h, pieces, list, ""
}

func savedBy(o api.Objective) string {
	switch o {
	case api.ObjectiveCarbon:
		return "carbon"
	case api.ObjectiveCost:
		return "prices"
	}
	return "carbon or prices"
}

func siteText(site string) string {
	if site == "" {
		return "nodes at no site"
	}
	return "site " + site
}

// sliceSignals are those that say when to run.
func (x *Index) sliceSignals(site string, o api.Objective) (list []*api.Signal, by api.Objective) {
	for _, k := range [...]api.SignalKind{api.SignalCarbon, api.SignalPrice} {
		if k == api.SignalCarbon && o == api.ObjectiveCost || k == api.SignalPrice && o == api.ObjectiveCarbon {
			continue
		}
		if s := x.signalAt(site, k); s != nil && len(s.Values) > 0 {
			list = append(list, s)
			if by = api.ObjectiveCarbon; k == api.SignalPrice {
				by = api.ObjectiveCost
			}
		}
	}
	if len(list) > 1 {
		by = api.ObjectiveBalanced
	}
	return list, by
}

// cut divides the time until to into pieces, and returns how many. The first has at least
// half a step, so that it counts as one. 0: there is not even one.
func (h *Hours) cut(to api.Time) int {
	span := to.Sub(h.Start)
	if span < api.Minute {
		return 0
	}
	h.Step = steps[len(steps)-1]
	for _, s := range steps {
		if span/s <= MaxPieces-2 {
			h.Step = s
			break
		}
	}
	h.Next = h.Start - h.Start%api.Time(h.Step) + api.Time(h.Step)
	if h.Next.Sub(h.Start) < h.Step/2 {
		h.Next = h.Next.Add(h.Step)
	}
	pieces := 1
	if to > h.Next {
		pieces += int(to.Sub(h.Next) / h.Step)
	}
	return min(pieces, MaxPieces)
}

// weighAll fills in what the pieces cost.
func (h *Hours) weighAll(list []*api.Signal, pieces int) {
	h.Costs = make([]int64, pieces)
	for _, s := range list {
		h.weigh(s, len(list) > 1)
	}
}

// weigh adds what a signal says. Beside another one it counts in thousandths of its mean.
func (h *Hours) weigh(s *api.Signal, beside bool) {
	values := make([]int64, len(h.Costs))
	for i := range values {
		values[i], _ = s.Mean(h.At(i), h.At(i+1))
	}
	mean := meanSize(values)
	for i, v := range values {
		if beside {
			v = scale(v, unit, max(mean, 1))
		}
		h.Costs[i] += v
	}
}

// meanSize is the mean of values without their signs; those of signals are below 10^12.
func meanSize(values []int64) (mean int64) {
	for _, v := range values {
		mean += int64(magnitude(v))
	}
	return mean / int64(len(values))
}

// Pieces is a set of pieces.
type Pieces [(MaxPieces + 63) / 64]uint64

// Add puts a piece in.
func (p *Pieces) Add(piece int) { p[piece/64] |= 1 << (piece % 64) }

// Has reports whether a piece is in.
func (p *Pieces) Has(piece int) bool { return p[piece/64]>>(piece%64)&1 != 0 }

// Run is work that is to be fitted into hours. Equal ones fit alike.
type Run struct {
	Pieces  int   // that it takes
	Begun   bool  // it was started before
	Running bool  // it runs now; else, when it was begun, it stands still
	Held    bool  // it can be held still once it was started
	Rests   int   // pieces at most in which it stands still once it was started; 0 is no bound
	Keep    int64 // what a piece in which it stands still costs, in thousandths of one in which it runs
	// Stop is what standing still once costs, in thousandths of a piece at the mean.
	Stop   int64
	Closed Pieces // in which it cannot start
	// Wait is what waiting for a piece costs, for each piece of the run, in the hours'
	// unit; what patience says at least.
	Wait int64
}

// patience is what waiting costs, in thousandths of the run for a day: who waits saves
// more than that.
const patience = 20

// Fitted is when a run that is fitted into hours runs.
type Fitted struct {
	First    int   // piece in which it runs first; 0 is now
	Until    int   // piece in which it stops first, or ends
	Stops    int   // how often it is held still
	Cost     int64 // of the pieces in which it runs, and of standing still
	Straight int64 // without waiting
}

// Saves is by how many per cent the plan takes more than running at once: −38 is 38 %
// less. Where that costs nothing there is nothing to compare.
func (p *Fitted) Saves() int32 {
	if p.Straight <= 0 {
		return 0
	}
	return int32(min(max(math.Round((float64(p.Cost)/float64(p.Straight)-1)*100), -1000), 1000))
}

// Fit finds the cheapest pieces to run in, of all ways there are, by dynamic programming
// over the piece, what is left of the run, whether it runs and, where that is bounded, how
// long it has stood still. Of equally good ways it is the one that runs sooner. false: it does not fit.
func (h *Hours) Fit(r Run) (Fitted, bool) {
	n := len(h.Costs)
	if r.Pieces < 1 || r.Pieces > n {
		return Fitted{}, false
	}
	f := newFitter(h, r)
	f.solve()
	return f.trace()
}

const forbidden = math.MaxInt64 / 4

// fitter is the table of a Fit: best is what the pieces from one on cost, by what is left of
// the run, in how many pieces it has stood still, and whether it runs.
type fitter struct {
	h     *Hours
	r     Run
	n     int
	rests int   // pieces in which it may stand still, where that is bounded
	wait  int64 // for a piece
	stop  int64
	best  []int64 // of the next piece
	runs  []bool  // of every piece: whether it runs in it
}

func newFitter(h *Hours, r Run) *fitter {
	f := &fitter{h: h, r: r, n: len(h.Costs)}
	if r.Rests > 0 && r.Rests < f.n-r.Pieces { // else there is no time for more
		f.rests = r.Rests
	}
	mean := meanSize(h.Costs)
	f.wait = max(scale(scale(mean*int64(r.Pieces), patience, unit), int64(h.Step), int64(api.Day)), 1)
	f.wait = max(f.wait, min(r.Wait, forbidden/MaxPieces/MaxPieces)*int64(r.Pieces))
	f.stop = scale(mean, r.Stop, unit)
	f.best = make([]int64, f.size())
	f.over(f.best)
	f.runs = make([]bool, f.n*f.size())
	return f
}

// size is how many states there are in a piece.
func (f *fitter) size() int { return f.at(0, f.rests+1, false) }

// at is the place of a state among those of a piece.
func (f *fitter) at(left, rested int, runs bool) int {
	line := 2 * rested
	if runs {
		line++
	}
	return line*(f.r.Pieces+1) + left
}

// over is what it costs where no pieces are left: nothing when the run is over.
func (f *fitter) over(costs []int64) {
	for i := range costs {
		costs[i] = forbidden
		if i%(f.r.Pieces+1) == 0 {
			costs[i] = 0
		}
	}
}

// solve fills the table from the last piece to the first. More than has passed cannot be done,
// and more than comes cannot be left.
func (f *fitter) solve() {
	now, size := make([]int64, f.size()), f.size()
	for i := f.n - 1; i >= 0; i-- {
		f.over(now)
		runs := f.runs[i*size : (i+1)*size]
		for left := max(f.r.Pieces-i, 1); left <= min(f.r.Pieces, f.n-i); left++ {
			for rested := range min(f.rests, i) + 1 {
				for _, state := range [...]bool{false, true} {
					run, rest, at := f.running(i, left, rested, state), f.resting(i, left, rested, state), f.at(left, rested, state)
					now[at], runs[at] = min(run, rest), run <= rest && run < forbidden
				}
			}
		}
		f.best, now = now, f.best
	}
}

func (f *fitter) begun(left int) bool { return f.r.Begun || left < f.r.Pieces }

func (f *fitter) running(i, left, rested int, runs bool) int64 {
	if !runs && !f.begun(left) && f.r.Closed.Has(i) {
		return forbidden
	}
	return sum(f.h.Costs[i], f.best[f.at(left-1, rested, true)])
}

func (f *fitter) resting(i, left, rested int, runs bool) int64 {
	then := f.then(left, rested)
	if runs && !f.r.Held || then > f.rests {
		return forbidden
	}
	return sum(f.idle(i, left, runs)+f.wait, f.best[f.at(left, then, false)])
}

// then is in how many pieces it has stood still behind one more; they count where they are
// bounded, once it was started.
func (f *fitter) then(left, rested int) int {
	if f.rests > 0 && f.begun(left) {
		return rested + 1
	}
	return rested
}

// idle is what not running in a piece costs.
func (f *fitter) idle(i, left int, runs bool) (cost int64) {
	if f.begun(left) {
		cost = max(scale(f.h.Costs[i], f.r.Keep, unit), 0)
	}
	if runs {
		cost += f.stop
	}
	return cost
}

func sum(a, b int64) int64 {
	if b >= forbidden {
		return forbidden
	}
	return a + b
}

// trace follows the table from now on.
func (f *fitter) trace() (p Fitted, ok bool) {
	runs, left, rested, running := make([]bool, f.n), f.r.Pieces, 0, f.r.Running
	if f.best[f.at(left, rested, running)] >= forbidden {
		return p, false
	}
	for i := 0; i < f.n && left > 0; i++ {
		if runs[i] = f.runs[i*f.size()+f.at(left, rested, running)]; runs[i] {
			p.Cost, left, running = p.Cost+f.h.Costs[i], left-1, true
			continue
		}
		if p.Cost += f.idle(i, left, running); running {
			p.Stops++
		}
		rested, running = f.then(left, rested), false
	}
	p.First = slices.Index(runs, true)
	for p.Until = p.First; p.Until < f.n && runs[p.Until]; p.Until++ {
	}
	for _, c := range f.h.Costs[:f.r.Pieces] {
		p.Straight += c
	}
	return p, true
}
