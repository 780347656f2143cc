package rehearse

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// Delays are what a cell's records tell of how long nodes took over tasks besides
// transfers and runs: for each node, driver and kind one after the other, in the order in
// which they began. They tell neither which tasks those were nor when.
type Delays struct {
	by    map[delayKey][]api.Duration
	usual map[string]twin.Startup // medians by driver, of cold and warm starts together
}

type delayKey struct {
	node, driver string
	kind         twin.DelayKind
}

// unknownDelay stands for one that the records do not tell of.
const unknownDelay = api.Duration(-1)

// path is how an attempt went.
type path struct {
	key              delayKey // of no kind
	placed, started  api.Time
	stop, told, ends api.Time // when it was to stop; when the cell heard of its end; when it ended
	wall             api.Duration
	stopped          bool // it ended because it was to stop
}

// paths follows attempts until the cell hears of their end.
type paths struct {
	open  map[api.TaskRef]*path
	all   []*path // in the order of their placements
	stops []*path // in the order in which they were to stop
}

// maxPaths bounds what is kept of a past; of later attempts nothing is told.
const maxPaths = 5_000_000

func newPaths() paths { return paths{open: map[api.TaskRef]*path{}} }

// placed begins the path of an attempt at a task of this driver.
func (p *paths) placed(ev *state.TaskPlaced, driver string, now api.Time) {
	if len(p.all) < maxPaths {
		at := &path{key: delayKey{node: ev.Node, driver: driver}, placed: now}
		p.open[ev.Ref] = at
		p.all = append(p.all, at)
	}
}

// event learns what happens to those that are followed.
func (p *paths) event(ev state.Event, now api.Time) {
	switch ev := ev.(type) {
	case *state.TaskStarted:
		if at := p.open[ev.Attempt.TaskRef]; at != nil {
			at.started = now
		}
	case *state.TaskStop:
		if at := p.open[ev.Ref]; at != nil && at.stop == 0 {
			at.stop = now
			p.stops = append(p.stops, at)
		}
	case *state.TaskEnded:
		if at := p.open[ev.Attempt.TaskRef]; at != nil && ev.Result != nil {
			at.told, at.wall, at.stopped = now, ev.Result.Wall, ev.Result.Outcome == api.OutcomeStopped
		}
		delete(p.open, ev.Attempt.TaskRef)
	case *state.TasksLost:
		for _, ref := range ev.Refs {
			delete(p.open, ref)
		}
	}
}

// split divides what an attempt took besides running into what was before its run and what
// came after. The record of its start is later than that by the way of a report, which is
// part of the first. Where the second report was the faster one, nothing came after.
func (a *path) split() (before, after api.Duration) {
	switch {
	case a.started == 0 && a.told == 0:
		return unknownDelay, unknownDelay
	case a.started == 0 && a.stopped:
		return a.told.Sub(a.placed), unknownDelay // it would have begun no sooner
	case a.told == 0 || a.stopped:
		return a.started.Sub(a.placed), unknownDelay
	case a.started != 0:
		after = max(a.told.Sub(a.started)-a.wall, 0)
	}
	return max(a.told.Sub(a.placed)-a.wall-after, 0), after
}

// delays sorts out what the paths tell.
func (p *paths) delays() *Delays {
	out := &Delays{by: map[delayKey][]api.Duration{}, usual: map[string]twin.Startup{}}
	add := func(a *path, kind twin.DelayKind, d api.Duration) {
		key := a.key
		key.kind = kind
		out.by[key] = append(out.by[key], d)
	}
	var ended []*path
	for _, a := range p.all {
		before, after := a.split()
		add(a, twin.DelayStart, before)
		if after != unknownDelay {
			a.ends = a.told.Add(-after)
			ended = append(ended, a)
		}
	}
	slices.SortStableFunc(ended, func(a, b *path) int { return cmp.Compare(a.ends, b.ends) })
	for _, a := range ended {
		add(a, twin.DelayReport, a.told.Sub(a.ends))
	}
	for _, a := range p.stops {
		d := unknownDelay
		if a.told != 0 {
			d = a.told.Sub(a.stop) // of one that ended by itself: it would have come no sooner
		}
		add(a, twin.DelayStop, d)
	}
	out.medians()
	return out
}

// medians fills in what is usual.
func (d *Delays) medians() {
	all := d.byDriver()
	for _, key := range sortedDelays(all) {
		list := all[key]
		slices.Sort(list)
		mid, s := list[len(list)/2], d.usual[key.driver]
		switch key.kind {
		case twin.DelayStart:
			s.Cold, s.Warm = mid, mid
		case twin.DelayReport:
			s.Report = mid
		case twin.DelayStop:
			s.Stop = mid
		}
		d.usual[key.driver] = s
	}
}

// byDriver are all that are known, whatever the node.
func (d *Delays) byDriver() map[delayKey][]api.Duration {
	out := map[delayKey][]api.Duration{}
	for _, key := range sortedDelays(d.by) {
		for _, took := range d.by[key] {
			if took != unknownDelay {
				of := delayKey{driver: key.driver, kind: key.kind}
				out[of] = append(out[of], took)
			}
		}
	}
	return out
}

func sortedDelays(m map[delayKey][]api.Duration) []delayKey {
	return slices.SortedFunc(keys(m), func(a, b delayKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.driver, b.driver), cmp.Compare(a.kind, b.kind))
	})
}

// guess is what is usual of a driver's tasks.
func (d *Delays) guess(of twin.Delay) api.Duration {
	s := d.usual[of.Driver]
	switch of.Kind {
	case twin.DelayReport:
		return s.Report
	case twin.DelayStop:
		return s.Stop
	}
	return s.Warm
}

// replayed gives each node's delays once more, in their order, and what is usual where
// none is known or none is left.
func (d *Delays) replayed() func(twin.Delay) api.Duration {
	next := map[delayKey]int{}
	return func(of twin.Delay) api.Duration {
		key := delayKey{of.Node, of.Driver, of.Kind}
		n := next[key]
		next[key]++
		if list := d.by[key]; n < len(list) && list[n] != unknownDelay {
			return list[n]
		}
		return d.guess(of)
	}
}

// drawn gives each time one of those of the driver and the kind, by chance.
func (d *Delays) drawn(seed uint64) func(twin.Delay) api.Duration {
	all, r := d.byDriver(), rand.New(rand.NewPCG(seed, 0xde1a))
	return func(of twin.Delay) api.Duration {
		if list := all[delayKey{driver: of.Driver, kind: of.Kind}]; len(list) > 0 {
			return list[r.IntN(len(list))]
		}
		return 0
	}
}
