//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// watch looks at the processes all the while: who leads the hub, and what each of
// them takes.
type watch struct {
	s      *soak
	stalls *stalls

	mu       sync.Mutex
	led      time.Time // when a server was known to lead last
	leader   string
	epoch    uint64
	troubles map[string][]interval
	gaps     []gap
	changes  []gap // from the fault that hit the leader until the next one led
	use      map[string][]use
	totals   map[string]float64 // counters of all lives, as far as they were seen
	before   map[string]float64 // by server and counter
}

// interval is a time of trouble; its end is zero while it lasts.
type interval struct{ from, to time.Time }

// gap is a time without a leader.
type gap struct {
	after, lasted time.Duration
	free          bool // another server could have led all the while
	stall         time.Duration
}

// use is what a process takes at one moment.
type use struct {
	at         time.Duration
	rss        int64
	files      int
	goroutines int // servers only
}

// How the hub is watched.
const (
	lookEvery   = 100 * time.Millisecond
	weighEvery  = 5 * time.Second
	gapAtLeast  = time.Second / 2
	soundAgain  = 8 * time.Second // after a fault a server is expected to be able to lead
	countersOf  = "drover_batches_adopted_total drover_batches_unknown_total drover_batches_refused_total drover_leaderships_total drover_audited_records_total drover_forwarded_total drover_reports_unknown_total"
	divergences = "drover_divergence_total"
)

func newWatch(s *soak) *watch {
	return &watch{
		s: s, stalls: newStalls(s.t), led: time.Now(), troubles: map[string][]interval{}, use: map[string][]use{},
		totals: map[string]float64{}, before: map[string]float64{},
	}
}

func (w *watch) run() {
	var all sync.WaitGroup
	defer all.Wait()
	for _, v := range w.s.hub.servers {
		all.Go(func() { w.every(lookEvery, func() { w.look(v) }) })
	}
	w.every(weighEvery, w.weigh)
}

func (w *watch) every(d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-w.s.stop:
			return
		case <-tick.C:
			do()
		}
	}
}

// look notes whether a server leads.
func (w *watch) look(v *Server) {
	asked := time.Now()
	st := v.status()
	if st.Role != api.RoleLeader {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if st.Epoch < w.epoch {
		return // it does not know better
	}
	w.changed(v.name, st.Epoch, asked)
	if lasted := asked.Sub(w.led); lasted > gapAtLeast {
		g := gap{after: w.led.Sub(w.s.began), lasted: lasted, free: w.free(w.led, asked), stall: w.stalls.worst()}
		w.gaps = append(w.gaps, g)
		w.s.t.Logf("%6.1f s: no leader for %v, then %s (epoch %d)", g.after.Seconds(), lasted.Round(10*time.Millisecond), v.name, st.Epoch)
		w.judge(g)
	}
	w.leader, w.epoch = v.name, st.Epoch
	if asked.After(w.led) {
		w.led = asked
	}
}

// changed notes how long it took from the fault that hit the last leader until
// another one led. mu is held.
func (w *watch) changed(name string, epoch uint64, at time.Time) {
	hits := w.troubles[w.leader]
	if epoch == w.epoch || name == w.leader || len(hits) == 0 {
		return
	}
	hit := hits[len(hits)-1]
	if !hit.to.IsZero() && hit.to.Before(w.led) {
		return // that one is over; it was another reason
	}
	g := gap{after: hit.from.Sub(w.s.began), lasted: at.Sub(hit.from), free: w.free(hit.from, at), stall: w.stalls.worst()}
	w.changes = append(w.changes, g)
	w.judge(g)
}

// judge demands that a leader is found soon, if there is one to be found.
func (w *watch) judge(g gap) {
	if g.free && g.lasted > mostWithout+2*g.stall {
		go w.s.violated("%v after its beginning: for %v nobody led the hub, though a server was well (this machine stalled for %v)", g.after, g.lasted, g.stall)
	}
}

func (w *watch) lastEpoch() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.epoch
}

// trouble notes that a server is hit, until the returned function is called.
func (w *watch) trouble(b blow) (over func()) {
	name, _, _ := strings.Cut(b.whom, " to NATS")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.troubles[name] = append(w.troubles[name], interval{from: time.Now()})
	i := len(w.troubles[name]) - 1
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.troubles[name][i].to = time.Now()
	}
}

// free tells whether one of the servers was well all the while. mu is held.
func (w *watch) free(from, to time.Time) bool {
	return slices.ContainsFunc(w.s.hub.servers, func(v *Server) bool {
		return !slices.ContainsFunc(w.troubles[v.name], func(i interval) bool {
			return i.from.Before(to) && (i.to.IsZero() || i.to.After(from.Add(-soundAgain)))
		})
	})
}

// weigh notes what each process takes, and what the servers have counted.
func (w *watch) weigh() {
	for name, a := range w.s.actors {
		u := use{at: time.Since(w.s.began)}
		proc := filepath.Join("/proc", fmt.Sprint(a.PID()))
		if files, err := os.ReadDir(filepath.Join(proc, "fd")); err == nil {
			u.files = len(files)
		}
		b, err := os.ReadFile(filepath.Join(proc, "status"))
		if err != nil {
			continue // it is dead
		}
		for line := range strings.Lines(string(b)) {
			if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &u.rss); n == 1 {
				u.rss <<= 10
			}
		}
		if a.role == "server" {
			u.goroutines = w.count(name)
		}
		w.mu.Lock()
		w.use[name] = append(w.use[name], u)
		w.mu.Unlock()
	}
}

// count reads a server's metrics, and adds its counters up over all its lives.
func (w *watch) count(name string) (goroutines int) {
	url, token := w.s.plant.URL, w.s.plant.Token
	for _, v := range w.s.hub.servers {
		if v.name == name {
			url, token = v.url, w.s.hub.Token
		}
	}
	text := metricsOf(url, token())
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(text) {
		var metric string
		var value float64
		if n, _ := fmt.Sscan(line, &metric, &value); n != 2 {
			continue
		}
		switch {
		case metric == "go_goroutines":
			goroutines = int(value)
		case metric == divergences && value > 0:
			go w.s.violated("%s: %v records diverge", name, value)
		case strings.Contains(countersOf, metric):
			at := name + " " + metric
			w.totals[metric] += max(0, value-w.before[at])
			if value < w.before[at] { // another life
				w.totals[metric] += value
			}
			w.before[at] = value
		}
	}
	return goroutines
}

// growth compares a process's use in the last third of the time with that in the
// second third: what grows without bound shows.
type growth struct {
	name          string
	second, third use
}

func (w *watch) growth() (list []growth) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range append(soakServers(), soakAgents()...) {
		g := growth{name: name}
		for _, u := range w.use[name] {
			switch {
			case u.at > w.s.length*2/3:
				g.third = most(g.third, u)
			case u.at > w.s.length/3:
				g.second = most(g.second, u)
			}
		}
		list = append(list, g)
	}
	return list
}

func most(a, b use) use {
	return use{rss: max(a.rss, b.rss), files: max(a.files, b.files), goroutines: max(a.goroutines, b.goroutines)}
}

// end checks that nothing grows without bound.
func (w *watch) end() {
	w.weigh()
	for _, g := range w.growth() {
		a, b := g.second, g.third
		if b.rss > a.rss*3/2+64<<20 || b.files > a.files*3/2+64 || b.goroutines > a.goroutines*3/2+128 {
			w.s.violated("%s grows: from %+v in the second third of the time to %+v in the last", g.name, a, b)
		}
	}
}
