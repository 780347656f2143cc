//go:build e2e

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strike kills while a share of the work is submitted.
func (l *losses) strike(round int, victim string, share []*piece) {
	l.t.Helper()
	submitted := make(chan struct{})
	submit := func() { defer close(submitted); l.submit(share) }
	switch {
	case victim == "worker":
		go submit()
		l.killWorkers(round)
	case victim == "node":
		go submit()
		l.loseNode(round)
	case victim == "all":
		go submit()
		l.killAll(round)
	default:
		p, where := l.process(victim)
		l.awaitUnderWay()
		l.note(round, where+" at random", func() {
			p.Kill()
			p.RestartToDie(fmt.Sprintf("%s:%d", victim, l.times(victim)))
		})
		go submit()
		l.await(p, where+" "+victim)
		l.note(round, where+" "+victim, func() { p.Restart() })
	}
	select {
	case <-submitted:
	case <-time.After(2 * time.Minute):
		l.t.Fatal("the submissions do not end")
	}
}

// awaitUnderWay waits until enough tasks hold a place.
func (l *losses) awaitUnderWay() {
	l.t.Helper()
	Await(l.t, time.Minute, "enough tasks are under way", func() (bool, string) {
		n := l.underWay.Load()
		return n >= leastUnderWay, fmt.Sprint(n)
	})
}

// process is the one that a fail-point kills.
func (l *losses) process(point string) (p *Process, where string) {
	if strings.HasPrefix(point, "server.") {
		return l.c.Server, "server"
	}
	names := nodeNames()
	name := names[l.random.IntN(len(names))]
	return l.agents[name], "agent " + name
}

func (l *losses) await(p *Process, what string) {
	l.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(time.Minute):
		l.t.Fatalf("%s is not reached", what)
	}
}

// times is at which passage of a point the process dies. Those of a snapshot come
// once in many records, and a round makes only so many: they die at the first.
func (l *losses) times(point string) int {
	if strings.HasSuffix(point, "-snapshot") || strings.HasSuffix(point, "-truncate") {
		return 1
	}
	return 1 + l.random.IntN(3)
}

// note makes a row: what is under way now, and how long until all is back.
func (l *losses) note(round int, victim string, recover func()) {
	l.t.Helper()
	k := kill{round: round, victim: victim, underWay: l.underWay.Load()}
	began := time.Now()
	recover()
	k.recovered = time.Since(began)
	l.kills = append(l.kills, k)
	if k.underWay < leastUnderWay {
		l.t.Errorf("round %d, %s: %d tasks were under way, want at least %d", round, victim, k.underWay, leastUnderWay)
	}
}

// killAll is a loss of power: nothing of the cell lives on, tasks neither.
func (l *losses) killAll(round int) {
	l.t.Helper()
	l.awaitUnderWay()
	l.note(round, "server, agents and workers", func() {
		l.c.Server.Kill()
		for _, name := range nodeNames() {
			l.agents[name].Kill()
			killAll(l.t, l.c.AgentDir(name))
		}
		l.c.Server.Restart()
		for _, name := range nodeNames() {
			l.agents[name].Restart()
		}
	})
}

// loseNode keeps an agent dead until its tasks were given up, and as many as may
// run elsewhere were given to the other node. The old attempts run on meanwhile.
func (l *losses) loseNode(round int) {
	l.t.Helper()
	names := nodeNames()
	gone, other := names[0], names[1]
	l.awaitUnderWay()
	l.note(round, "agent "+gone+", for long", func() {
		l.agents[gone].Kill()
		ctx := Within(l.t, time.Minute)
		Await(l.t, time.Minute, "the silent node's tasks are given up", func() (bool, string) {
			n, err := l.cl.Node(ctx, gone)
			m, err2 := l.cl.Node(ctx, other)
			return n.Status == "silent" && n.Tasks == 0 && m.Tasks > 0, fmt.Sprintf("%+v %v, %+v %v", n, err, m, err2)
		})
		l.agents[gone].Restart()
	})
}

// killWorkers kills the workers of some running tasks, and waits until each of
// those tasks has been started again.
func (l *losses) killWorkers(round int) {
	l.t.Helper()
	const some = 8
	l.awaitUnderWay()
	var hit []attempt
	for _, w := range workersOf(l.t, l.c, nodeNames()...) {
		if hit = append(hit, w); len(hit) == some {
			break
		}
	}
	if len(hit) == 0 {
		l.t.Fatal("no workers are found")
	}
	l.note(round, strconv.Itoa(len(hit))+" workers", func() {
		for _, w := range hit {
			w.kill()
		}
		for _, w := range hit {
			l.awaitTry(w)
		}
	})
}

// awaitTry waits until a task is beyond an attempt.
func (l *losses) awaitTry(w attempt) {
	l.t.Helper()
	ctx := Within(l.t, time.Minute)
	Await(l.t, time.Minute, "a task whose worker was killed runs again", func() (bool, string) {
		v, err := l.cl.Task(ctx, "~"+strconv.FormatUint(w.workload, 10), "main", 0)
		return err == nil && (v.Try > w.try && v.Status == "running" || v.Status == "succeeded"), fmt.Sprintf("%+v, %v", v, err)
	})
}
