//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"
)

// blow is one fault of a soak: what happens to whom, when, and for how long.
type blow struct {
	at     time.Duration
	what   string
	whom   string
	lasts  time.Duration
	number int // a choice among things that are known only then
}

// What may happen, with weights, to whom, and how long it lasts at most.
func soakFaults() []struct {
	what   string
	weight int
	whom   []string
	most   time.Duration
} {
	return []struct {
		what   string
		weight int
		whom   []string
		most   time.Duration
	}{
		{"server killed", 4, soakServers(), 6 * time.Second},
		{"agent killed", 4, soakAgents(), 12 * time.Second},
		{"node without power", 1, soakAgents(), 12 * time.Second}, // its tasks die, too
		{"worker killed", 4, soakAgents(), 0},
		{"server paused", 3, soakServers(), 30 * time.Second},
		{"agent paused", 3, soakAgents(), 30 * time.Second},
		{"link cut", 4, soakWires(), 25 * time.Second},
		{"link silent", 4, soakWires(), 25 * time.Second},
	}
}

// plan chooses all faults of a soak. They overlap, but nothing is hit by a second
// one before it had some seconds to recover from the first.
func plan(r *rand.Rand, length time.Duration) (blows []blow) {
	kinds, weights := soakFaults(), 0
	for _, k := range kinds {
		weights += k.weight
	}
	free := map[string]time.Duration{}
	for at := 5 * time.Second; at < length-5*time.Second; at += time.Second/2 + time.Duration(r.Int64N(int64(5*time.Second))) {
		n, i := r.IntN(weights), 0
		for ; n >= kinds[i].weight; i++ {
			n -= kinds[i].weight
		}
		k := kinds[i]
		b := blow{at: at, what: k.what, whom: k.whom[r.IntN(len(k.whom))], number: r.IntN(1 << 20)}
		share := r.Float64()
		b.lasts = min(time.Duration(share*share*float64(k.most)), length-at) // mostly short
		if free[b.whom] > at {
			continue
		}
		free[b.whom] = at + b.lasts + 4*time.Second
		blows = append(blows, b)
	}
	return blows
}

// strike carries the plan out.
func (s *soak) strike() {
	var all sync.WaitGroup
	defer all.Wait()
	for _, b := range s.blows {
		select {
		case <-time.After(b.at - time.Since(s.began)):
		case <-s.stop:
			return
		}
		s.mu.Lock()
		s.counts[b.what]++
		s.mu.Unlock()
		all.Go(func() { s.blow(b) })
	}
}

// blow lets one fault begin and end.
func (s *soak) blow(b blow) {
	s.t.Logf("%6.1f s: %s: %s for %v", time.Since(s.began).Seconds(), b.what, b.whom, b.lasts.Round(100*time.Millisecond))
	a := s.actors[b.whom]
	done := s.watch.trouble(b)
	defer done()
	switch b.what {
	case "server killed", "agent killed", "node without power":
		a.hold(true)
		a.strike()
		if b.what == "node without power" {
			<-a.Ended()
			killAll(s.t, a.data)
		}
		time.Sleep(b.lasts)
		a.hold(false)
		s.recovers(a)
	case "worker killed":
		c := s.plant
		if strings.HasPrefix(b.whom, "n") {
			c = s.hub.Cluster
		}
		if list := workersOf(s.t, c, b.whom); len(list) > 0 {
			list[b.number%len(list)].kill()
		}
	case "server paused", "agent paused":
		a.signal(syscall.SIGSTOP)
		time.Sleep(b.lasts)
		a.signal(syscall.SIGCONT)
	case "link cut":
		s.on(b.whom, func(w *wire) { w.drop(true) })
		time.Sleep(b.lasts)
		s.on(b.whom, (*wire).heal)
	case "link silent":
		s.on(b.whom, (*wire).silence)
		time.Sleep(b.lasts)
		s.on(b.whom, (*wire).heal)
	}
}

func (s *soak) on(group string, do func(*wire)) {
	for _, w := range s.wires[group] {
		do(w)
	}
}

// recovers measures how long a process takes from its start until it is ready.
func (s *soak) recovers(a *actor) {
	began := time.Now()
	for a.since().Before(began) { // the supervisor starts it
		if s.closing.Load() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := a.ready(2 * time.Minute); err != nil {
		return // it ended by itself, which is noted, or was hit again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovery = append(s.recovery, time.Since(began))
}

// ended notes an actor that ended by itself. A server may: when it finds no NATS
// at its start, or has missed what the journal holds no more.
func (s *soak) ended(a *actor) {
	a.Process.mu.Lock()
	over := a.over
	a.Process.mu.Unlock()
	last := lastLines(a.Log(), 1)
	s.t.Logf("%6.1f s: %s ended by itself: %v: %s", time.Since(s.began).Seconds(), a.name, over, last)
	s.mu.Lock()
	s.counts[fmt.Sprintf("%s ended by itself", a.role)]++
	s.mu.Unlock()
	if a.role == "agent" && !strings.Contains(last, "connect") || strings.Contains(last, "panic") || strings.Contains(a.Log(), "\ngoroutine ") {
		s.violated("%s ended by itself: %v\n%s", a.name, over, lastLines(a.Log(), 30))
	}
}
