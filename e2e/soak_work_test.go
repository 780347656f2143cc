//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// work is what a soak asks of its cells: waves of jobs of all kinds, and services
// that stay.
type work struct {
	s    *soak
	yard *yard
	mark string // directory of the side effects

	mu        sync.Mutex
	waves     sync.WaitGroup
	accepted  map[string]map[string]uint64 // by cell and name, the number that was answered
	elements  map[string]int               // of each job that the cell that was asked has run itself
	checked   int
	ran       int // elements that ended well
	again     int // runs more than one an element, of tasks that may
	onceAgain int // of tasks with atMostOnce, one after the other
	took      []time.Duration
	slowest   time.Duration // submission
	gen       int           // of the services
}

// errand is one job and what is right for it.
type errand struct {
	spec *api.Workload
	at   string            // the cell that is asked
	away bool              // it is handed over
	want map[string]string // outputs by task and index
	once bool
}

// How much work there is.
const (
	waveEvery  = 5 * time.Second
	wavesAtOne = 24              // that have not ended
	waveEnds   = 8 * time.Minute // with all that a soak does to it
)

func newWork(s *soak) *work {
	w := &work{s: s, accepted: map[string]map[string]uint64{"hub": {}, "plant": {}}, elements: map[string]int{}, gen: 1}
	w.yard = newYard(s.t, s.hub.Cluster, s.clients["hub"])
	w.mark = w.yard.side
	upload(Within(s.t, startTimeout), s.t, s.clients["plant"], filepath.Join(s.hub.Dir, "text"))
	w.services()
	return w
}

func (w *work) run() {
	slots := make(chan struct{}, wavesAtOne)
	for n := 0; ; n++ {
		select {
		case <-w.s.stop:
			return
		case slots <- struct{}{}:
		}
		w.waves.Go(func() { w.wave(n); <-slots })
		if n%12 == 11 {
			w.gen++
			w.services()
		}
		select {
		case <-w.s.stop:
			return
		case <-time.After(waveEvery):
		}
	}
}

// wave asks for some jobs, waits until all have ended, and checks them.
func (w *work) wave(n int) {
	byCell := map[string][]*errand{}
	ctx, cancel := context.WithTimeout(context.Background(), 2*waveEnds)
	defer cancel()
	for _, e := range w.errands(rand.New(rand.NewPCG(w.s.seed, uint64(n+1))), fmt.Sprintf("w%04d", n)) {
		if w.submit(ctx, e) {
			byCell[e.at] = append(byCell[e.at], e)
		}
	}
	for _, cell := range []string{"hub", "plant"} {
		list := byCell[cell]
		names := make([]string, len(list))
		for i, e := range list {
			names[i] = e.spec.Name
		}
		soon, cancel := context.WithTimeout(ctx, waveEnds)
		views, err := w.s.clients[cell].WaitFinished(soon, names...)
		cancel()
		if err != nil {
			w.s.violated("wave %d does not end: %v\n%s", n, err, w.stuck(cell, names))
			continue
		}
		for i, e := range list {
			w.check(ctx, e, &views[i])
		}
	}
}

func (w *work) submit(ctx context.Context, e *errand) bool {
	began := time.Now()
	got, err := w.s.clients[e.at].Submit(ctx, e.spec)
	if err != nil {
		w.s.violated("submit %s: %v", e.spec.Name, err)
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest = max(w.slowest, time.Since(began))
	w.accepted[e.at][e.spec.Name] = got.ID
	if !e.away && e.spec.Kind == api.KindJob {
		for i := range e.spec.Tasks {
			w.elements[e.spec.Name] += max(1, int(e.spec.Tasks[i].Count))
		}
	}
	return true
}

// stuck describes what does not end.
func (w *work) stuck(cell string, names []string) string {
	ctx := Within(w.s.t, startTimeout)
	var b strings.Builder
	for _, name := range names {
		v, err := w.s.clients[cell].Get(ctx, name)
		if err == nil && v.Finished != 0 {
			continue
		}
		v.Spec = nil
		fmt.Fprintf(&b, "%s: %+v %+v %v\n", name, v, v.Handover, err)
		for t, err := range w.s.clients[cell].Tasks(ctx, name, taskOptions()) {
			if err != nil {
				break
			}
			t.Decision = nil
			fmt.Fprintf(&b, "  %+v\n", t)
		}
	}
	return b.String()
}

// errands are the jobs of a wave.
func (w *work) errands(r *rand.Rand, wave string) (list []*errand) {
	add := func(kind string, e *errand) {
		e.spec.Name = wave + "-" + kind
		e.spec.APIVersion, e.spec.Kind = api.Version, api.KindJob
		for i := range e.spec.Tasks {
			if t := &e.spec.Tasks[i]; t.Env != nil {
				t.Env["SIDE"] = filepath.Join(w.mark, e.spec.Name)
			}
		}
		if e.at == "" {
			e.at = "hub"
		}
		list = append(list, e)
	}
	seed := func() int { return r.IntN(30_000) }
	add("short", w.plain(seed(), 1, 0))
	add("long", w.plain(seed(), 1, 2+r.IntN(14)))
	add("array", w.plain(seed(), 2+r.IntN(14), r.IntN(3)))
	add("noop", &errand{spec: &api.Workload{Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: int32(1 + r.IntN(20)), Resources: api.Resources{CPU: 10}}}}})
	add("wasm", w.wasm(seed()))
	add("copy", w.copying(seed()))
	add("graph", w.graph(seed(), 2+r.IntN(4)))
	add("once", w.once(seed(), 2+r.IntN(30)))
	add("once-long", w.once(seed(), 20+r.IntN(60)))
	add("away", w.away(w.plain(seed(), 1+r.IntN(5), r.IntN(8))))
	add("away-once", w.away(w.once(seed(), 5+r.IntN(30))))
	if r.IntN(2) == 0 {
		add("away-copy", w.away(w.copying(seed())))
	}
	own := w.plain(seed(), 1+r.IntN(3), r.IntN(5))
	own.at = "plant"
	add("own", own)
	return list
}

// element is a task whose every run leaves a line in a file of the element's own.
func (w *work) element(name string, seed, count int, script string) api.Task {
	t := api.Task{
		Name: name, Driver: api.DriverProcess, Count: int32(count), Resources: api.Resources{CPU: 200, Memory: 32 * api.MiB},
		Command: []string{"/bin/sh", "-ec", `MARK="$SIDE.$DROVER_TASK.$DROVER_INDEX"; echo "$DROVER_ATTEMPT" >>"$MARK"` + "\n" + script},
		Env:     map[string]string{"SEED": fmt.Sprint(seed)},
		Outputs: []api.Output{{Name: "result", Path: "result"}},
		// A worker that is killed again and again is not the task's fault.
		Restart: &api.Restart{Policy: api.RestartOnFailure, Attempts: 20},
	}
	return t
}

const squared = `printf %s $((SEED * SEED + DROVER_INDEX)) >"$DROVER_OUT/result"`

// plain is an array that sleeps and computes.
func (w *work) plain(seed, count, seconds int) *errand {
	e := &errand{want: map[string]string{}}
	e.spec = &api.Workload{Tasks: []api.Task{w.element("main", seed, count, fmt.Sprintf("sleep %d\n%s", seconds, squared))}}
	for i := range count {
		e.want[fmt.Sprintf("main/%d", i)] = fmt.Sprint(seed*seed + i)
	}
	return e
}

// once is a task with atMostOnce that leaves a line five times a second.
func (w *work) once(seed, ticks int) *errand {
	e := w.plain(seed, 1, 0)
	t := w.element("main", seed, 1, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "$DROVER_ATTEMPT" >>"$MARK"; sleep 0.2; i=$((i + 1)); done`+"\n%s", ticks, squared))
	t.AtMostOnce, t.Restart = true, nil
	e.spec.Tasks, e.once = []api.Task{t}, true
	return e
}

// copying has an artifact as input and another as its result.
func (w *work) copying(seed int) *errand {
	t := w.element("main", seed, 1, `{ echo $SEED; cat "$DROVER_IN/text"; } >"$DROVER_OUT/result"`)
	t.Inputs = []api.Input{{Path: "text", Source: api.Source{Digest: w.yard.input}}}
	return &errand{spec: &api.Workload{Tasks: []api.Task{t}}, want: map[string]string{"main/0": fmt.Sprintln(seed) + string(w.yard.text)}}
}

// wasm counts primes.
func (w *work) wasm(seed int) *errand {
	p := w.yard.primes("", seed)
	t := p.spec.Tasks[0]
	t.Requires = api.Requirements{}
	return &errand{spec: &api.Workload{Tasks: []api.Task{t}}, want: map[string]string{"main/0": string(p.want)}}
}

// graph sums up what an array made.
func (w *work) graph(seed, count int) *errand {
	e := w.plain(seed, count, 1)
	e.spec.Tasks[0].Name = "make"
	clear(e.want)
	total := 0
	for i := range count {
		e.want[fmt.Sprintf("make/%d", i)] = fmt.Sprint(seed*seed + i)
		total += seed*seed + i
	}
	t := w.element("add", seed, 1, `t=0; for f in "$DROVER_IN"/parts/*/*; do t=$((t + $(cat "$f"))); done; printf %s $t >"$DROVER_OUT/result"`)
	t.Inputs = []api.Input{{Path: "parts", Task: "make", Output: "result"}}
	e.spec.Tasks = append(e.spec.Tasks, t)
	e.want["add/0"] = fmt.Sprint(total)
	return e
}

// away is for the child's site.
func (w *work) away(e *errand) *errand {
	e.away = true
	for i := range e.spec.Tasks {
		e.spec.Tasks[i].Requires.Sites = []string{"plant"}
	}
	return e
}

func (w *work) progress() (accepted, checked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted["hub"]) + len(w.accepted["plant"]), w.checked
}
