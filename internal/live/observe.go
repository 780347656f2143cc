package live

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/outlook"
	"drover.dev/internal/series"
	"drover.dev/internal/state"
	"drover.dev/internal/strain"
)

// observer writes numbers over time into the cell's series: what happens as it is
// folded, and every few seconds how things stand. Nothing of it decides anything, so
// that it may be lost.
type observer struct {
	store *series.Store
	ahead *outlook.Outlook // what is expected of them
	wall  func() api.Time
	fault func(error) // is told of what could not be written

	mu    sync.Mutex
	beats map[string]heard // by node, since the last sample

	watching sync.Mutex // the following
	uses     map[api.Attempt]used
	strains  strain.Watch
}

// heard is what a node said last of its use.
type heard struct {
	api.Resources
	tasks []api.TaskUse
	busy  *api.Busy // nil: it did not say
}

// used is what an attempt used when its node said so.
type used struct {
	api.TaskUse
	node string
	at   api.Time
}

// How often samples are taken, in the middle of the finest bucket; how long what a
// task used counts; of how many nodes there are series of their own.
const (
	observeEvery = 10 * time.Second
	useCounts    = 2 * api.Minute
	maxNodeNames = 500
)

// openSeries opens what the cell keeps of numbers over time. Without it everything else
// works. Fitted models are this server's own, like its series: they lie among the artifacts
// on its disk, and are not shared.
func (c *Cell) openSeries(dir string, models *artifact.Files) {
	store, err := series.Open(dir, series.Options{})
	if err != nil {
		c.log.Error("no series are kept, and nothing is forecast: repair or remove the folder, then start again", "folder", dir, "error", err)
		return
	}
	var once sync.Once
	o := newObserver(store, c.cfg.Wall, func(err error) {
		once.Do(func() { c.log.Warn("a part of the series is lost", "error", err) })
	})
	o.ahead, err = outlook.Open(outlook.Config{Series: store, Dir: filepath.Join(dir, "fitted"), Models: models, Now: c.cfg.Wall, Log: c.log})
	if err != nil {
		c.log.Error("nothing is forecast: repair or remove the folder, then start again", "folder", dir, "error", errors.Join(err, store.Close()))
		return
	}
	c.observer = o
}

func newObserver(store *series.Store, wall func() api.Time, fault func(error)) *observer {
	return &observer{store: store, wall: wall, fault: fault, beats: map[string]heard{}, uses: map[api.Attempt]used{}}
}

// beat notes a heartbeat of a node that is known.
func (o *observer) beat(node string, b *api.Beat) {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := heard{Resources: b.Used, tasks: o.beats[node].tasks, busy: cmp.Or(b.Busy, o.beats[node].busy)}
	if len(b.Tasks) > 0 {
		h.tasks = b.Tasks[:min(len(b.Tasks), api.MaxTaskUses)]
	}
	o.beats[node] = h
}

// observe takes samples until ctx ends.
func (c *Cell) observe(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Duration(c.cfg.Wall())
		timer.Reset(observeEvery - (now+observeEvery/2)%observeEvery)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		c.sample()
	}
}

// sample writes how things stand.
func (c *Cell) sample() {
	o, now := c.observer, c.cfg.Wall()
	o.mu.Lock()
	beats := o.beats
	o.beats = make(map[string]heard, len(beats))
	o.mu.Unlock()

	c.shadow.mu.RLock()
	st := c.shadow.engine.State()
	s := standing{values: map[string]float64{}}
	s.nodes(st, beats)
	s.waiting(st)
	s.held(c.shadow.engine)
	s.signals(st, now)
	o.watching.Lock()
	o.attend(st, beats, now)
	s.services(st, o.uses, now)
	tasks := o.taskSamples(st, beats)
	o.measure(c.shadow.engine, beats, now)
	o.watching.Unlock()
	c.shadow.mu.RUnlock()

	for name, v := range s.values { // order-free: each series for itself
		o.add(name, series.Gauge, now, v)
	}
	for _, t := range tasks {
		o.add(t.name, series.Gauge, now, t.value)
	}
	if err := o.store.Tick(now); err != nil {
		o.fault(err)
	}
}

// add writes a value; one that has no place is counted by the store.
func (o *observer) add(name string, k series.Kind, at api.Time, v float64) {
	// ErrFull is counted by the store; names and values are made here.
	_ = o.store.Add(name, k, at, v)
}

// saw notes what a record did. st is as it stands after it.
func (o *observer) saw(f *fold, st *state.State) {
	for _, ev := range f.events {
		switch e := ev.(type) {
		case *state.WorkloadSubmitted:
			o.arrived(e, st, f.now)
		case *state.TaskPlaced:
			if _, t := st.Task(e.Ref); t != nil && t.Ready > 0 {
				o.add("wait/cell", series.Gauge, f.now, f.now.Sub(t.Ready).Std().Seconds())
			}
		case *state.TaskEnded:
			o.ended(e, st, f.now)
		}
	}
}

// arrived counts the elements of a job. Runs of a schedule, and jobs whose names differ
// only in a number at the end, are arrivals of one name.
func (o *observer) arrived(e *state.WorkloadSubmitted, st *state.State, now api.Time) {
	if e.Spec.Kind != api.KindJob || e.Spec.Schedule != nil {
		return
	}
	n := 0.0
	for i := range e.Spec.Tasks {
		n += float64(max(e.Spec.Tasks[i].Count, 1))
	}
	o.add("arrivals/cell", series.Count, now, n)
	o.add("arrivals/"+e.Spec.Tenant+"/"+stemOf(e.Spec.Name, e.Parent, st), series.Count, now, n)
}

// ended notes how long an attempt took and what it used.
func (o *observer) ended(e *state.TaskEnded, st *state.State, now api.Time) {
	w := st.Workloads[e.Attempt.Workload]
	if w == nil || e.Result == nil || e.N == 0 || int(e.Attempt.Task) >= len(w.Spec.Tasks) {
		return
	}
	r, name := credible(e, w, st, now), seriesOf(w, e.Attempt.Task, st)
	if r.Reason == api.ReasonMemory {
		o.add("oom/"+name, series.Count, now, 1)
	}
	if r.Outcome != api.OutcomeSucceeded {
		return
	}
	o.add("duration/"+name, series.Gauge, now, r.Wall.Std().Seconds())
	if r.Wall >= api.Second { // shorter runs say little of cores in use
		o.add("cpu/"+name, series.Gauge, now, float64(r.CPU)*1000/float64(r.Wall))
	}
	if r.MaxRSS > 0 {
		o.add("memory/"+name, series.Gauge, now, float64(r.MaxRSS))
	}
}

// credible is a result within what can be: an attempt runs no longer than since it was
// asked for, and uses no more than its node has. What tasks should ask for, and what is
// forecast, would follow a node that says anything.
func credible(e *state.TaskEnded, w *state.Workload, st *state.State, now api.Time) api.Result {
	r := *e.Result
	r.Wall = min(r.Wall, max(now.Sub(w.Submitted), 0)+api.Minute)
	_, t := st.Task(e.Attempt.TaskRef)
	if t == nil {
		return r
	}
	if n := st.Nodes[t.Node]; n != nil {
		r.MaxRSS = min(r.MaxRSS, n.Capacity.Memory)
		r.CPU = api.Duration(min(float64(r.CPU), float64(r.Wall)*float64(n.Capacity.CPU)/1000))
	}
	return r
}

// seriesOf is the end of the names of a task's series.
func seriesOf(w *state.Workload, task uint16, st *state.State) string {
	return w.Spec.Tenant + "/" + stemOf(w.Spec.Name, w.Parent, st) + "." + w.Spec.Tasks[task].Name
}

// stemOf is a workload's name without what only tells its runs apart: the name of the
// schedule that made it, else its own without numbers at the end.
func stemOf(name string, parent uint64, st *state.State) string {
	if p := st.Workloads[parent]; parent > 0 && p != nil {
		return p.Spec.Name
	}
	for {
		cut := strings.TrimRight(name, "0123456789")
		base := strings.TrimRight(cut, "-")
		if cut == name || base == cut || base == "" {
			return name
		}
		name = base
	}
}
