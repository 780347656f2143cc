package control_test

import (
	"slices"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/control"
	"pgregory.net/rapid"
)

const (
	after = 6 * api.Second
	pause = api.Second
	noon  = api.Time(1_767_225_600_000_000_000)
)

// clock is a server's two clocks.
type clock struct {
	now  api.Duration
	wall api.Time
}

func (c *clock) pass(d api.Duration) { c.now, c.wall = c.now+d, c.wall.Add(d) }

// listen ticks every half second for so long and gives what was found silent.
func (c *clock) listen(l *control.Liveness, d api.Duration) (silent []string) {
	for ; d > 0; d -= api.Second / 2 {
		c.pass(api.Second / 2)
		for _, ch := range l.Tick(c.now, c.wall) {
			silent = append(silent, ch.Node)
		}
	}
	return silent
}

func tracked(nodes ...string) (*control.Liveness, *clock) {
	l, c := control.NewLiveness(after, pause, 0), &clock{wall: noon}
	for _, n := range nodes {
		l.Track(n, false, c.now)
	}
	l.Tick(c.now, c.wall)
	return l, c
}

func TestANodeFallsSilentAndComesBack(t *testing.T) {
	l, c := tracked("a", "b")
	if got := c.listen(l, 5*api.Second); got != nil {
		t.Errorf("silent too early: %v", got)
	}
	l.Heard("b", c.now)
	if got := c.listen(l, api.Second); !slices.Equal(got, []string{"a"}) {
		t.Errorf("silent are %v, want a", got)
	}
	if back, known := l.Heard("a", c.now); !back || !known {
		t.Errorf("back %v, known %v", back, known)
	}
	if back, _ := l.Heard("a", c.now); back {
		t.Error("back twice")
	}
	if _, known := l.Heard("x", c.now); known {
		t.Error("knows a node that was never tracked")
	}
}

func TestAPauseOfTheLeaderCountsForNoNode(t *testing.T) {
	l, c := tracked("a")
	c.listen(l, 4*api.Second)
	c.pass(api.Minute) // the process stood still
	if got := c.listen(l, 2*api.Second); got != nil {
		t.Errorf("silent after a pause: %v", got)
	}
	if got := c.listen(l, 4*api.Second); !slices.Equal(got, []string{"a"}) {
		t.Errorf("silent are %v, want a", got)
	}
}

func TestAPauseBeforeTheFirstLookCountsForNoNode(t *testing.T) {
	l, c := control.NewLiveness(after, pause, 0), &clock{wall: noon}
	l.Track("a", false, c.now)
	c.pass(api.Minute) // the process stood still just after it began to lead
	if got := c.listen(l, 5*api.Second); got != nil {
		t.Errorf("silent before anybody listened: %v", got)
	}
	if got := c.listen(l, 2*api.Second); !slices.Equal(got, []string{"a"}) {
		t.Errorf("silent are %v, want a", got)
	}
}

func TestAJumpOfTheWallClockMovesTheLeases(t *testing.T) {
	l, c := tracked("a", "b")
	l.Heard("b", c.now)
	c.listen(l, 3*api.Second)
	l.Heard("b", c.now)
	if got := c.listen(l, 3*api.Second); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("silent are %v, want a", got)
	}
	c.wall = c.wall.Add(api.Hour)
	if got := c.listen(l, api.Second); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after the jump %v were reported, want a once again: its lease begins anew", got)
	}
	if got := c.listen(l, 2*api.Second); got != nil {
		t.Errorf("silent after the jump: %v", got)
	}
	c.wall = c.wall.Add(-api.Hour)
	if got := c.listen(l, api.Second); len(got) > 1 {
		t.Errorf("a clock set back made %v silent", got)
	}
}

func TestANewLeaderGivesAFullGrace(t *testing.T) {
	_, c := tracked("a")
	c.pass(api.Hour)
	l := control.NewLiveness(after, pause, c.now)
	l.Track("a", false, c.now)
	l.Track("gone", true, c.now)
	if got := c.listen(l, 5*api.Second); got != nil {
		t.Errorf("silent within the grace: %v", got)
	}
	if got := c.listen(l, api.Second); !slices.Equal(got, []string{"a"}) {
		t.Errorf("silent are %v, want a: the other one was known to be", got)
	}
	l.Forget("a")
	if got := c.listen(l, api.Minute); got != nil {
		t.Errorf("forgotten nodes are silent: %v", got)
	}
}

// TestLivenessProperties compares with a plain table of times.
func TestLivenessProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, c := tracked()
		heard := map[string]api.Duration{}
		silent := map[string]bool{}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"track": func(t *rapid.T) {
				n, s := names.Draw(t, "node"), rapid.Bool().Draw(t, "silent")
				l.Track(n, s, c.now)
				heard[n], silent[n] = c.now, s
			},
			"forget": func(t *rapid.T) {
				n := names.Draw(t, "node")
				l.Forget(n)
				delete(heard, n)
				delete(silent, n)
			},
			"hear": func(t *rapid.T) {
				n := names.Draw(t, "node")
				_, was := heard[n]
				back, known := l.Heard(n, c.now)
				if known != was || back != silent[n] {
					t.Fatalf("%s: known %v, back %v; should be %v, %v", n, known, back, was, silent[n])
				}
				if was {
					heard[n], silent[n] = c.now, false
				}
			},
			"tick": func(t *rapid.T) {
				c.pass(api.Duration(rapid.Int64Range(0, int64(pause)).Draw(t, "time")))
				var got, want []string
				for _, ch := range l.Tick(c.now, c.wall) {
					got = append(got, ch.Node)
				}
				for n, at := range heard {
					if !silent[n] && at+after <= c.now {
						want = append(want, n)
						silent[n] = true
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("silent are %v, should be %v", got, want)
				}
			},
		})
	})
}
