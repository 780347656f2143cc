package agent

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// counter is a meter that is set by hand.
type counter struct {
	sum api.Microjoules
	err error
}

func (c *counter) Read() (api.Microjoules, error) { return c.sum, c.err }
func (c *counter) String() string                 { return "by hand" }

// machineRoom is a node of four cores that draws 10 W idle, in made-up time.
type machineRoom struct {
	*accountant
	counter counter
	clock   time.Time
	worked  time.Duration
	cpu     map[api.Attempt]*time.Duration
}

type cpuHandle struct {
	driver.Handle
	cpu *time.Duration
}

func (h cpuHandle) Usage() (driver.Usage, error) { return driver.Usage{CPU: *h.cpu}, nil }

func newRoom() *machineRoom {
	r := &machineRoom{clock: time.Unix(1e9, 0), cpu: map[api.Attempt]*time.Duration{}}
	self := &api.Node{Capacity: api.Resources{CPU: 4000}, Power: &api.PowerModel{Idle: 10_000, Full: 50_000}}
	r.accountant = newAccountant(&r.counter, self, func() time.Duration { return r.worked }, slog.New(slog.DiscardHandler))
	r.now = func() time.Time { return r.clock }
	r.at = r.clock
	return r
}

// pass lets time go by in which so much is counted, and attempts use CPU time.
func (r *machineRoom) pass(d time.Duration, counted api.Microjoules, used map[api.Attempt]time.Duration) {
	r.clock = r.clock.Add(d)
	r.counter.sum += counted
	for id, u := range used {
		*r.cpu[id] += u
		r.worked += u
	}
}

func (r *machineRoom) start(index uint32, held api.Milli) api.Attempt {
	id := api.Attempt{TaskRef: api.TaskRef{Workload: 1, Index: index}, Try: 1}
	r.cpu[id] = new(time.Duration)
	r.began(id, held, cpuHandle{cpu: r.cpu[id]})
	return id
}

// TestAttemptsShareTheMeter: a holds half the node for 20 s, b a quarter for the last 10.
func TestAttemptsShareTheMeter(t *testing.T) {
	r := newRoom()
	a := r.start(0, 2000)
	r.pass(10*time.Second, 300_000_000, map[api.Attempt]time.Duration{a: 5 * time.Second}) // 100 J idle, 200 J beyond
	b := r.start(1, 1000)
	r.pass(10*time.Second, 400_000_000, map[api.Attempt]time.Duration{a: 5 * time.Second, b: 10 * time.Second})
	if e := r.ended(b, *r.cpu[b]); e != 25_000_000+200_000_000 {
		t.Errorf("b has %d µJ, want 25 J idle and 200 J", e)
	}
	r.pass(50*time.Millisecond, 1_000_000, nil)
	if e := r.ended(a, *r.cpu[a]); e != 50_000_000+200_000_000+50_000_000+100_000_000 {
		t.Errorf("a has %d µJ, want 100 J idle and 300 J", e)
	}
	if e := r.ended(a, 0); e != 0 {
		t.Errorf("an attempt that has ended has %d µJ again", e)
	}
}

func TestAMeterThatFailsCountsNothing(t *testing.T) {
	r := newRoom()
	a := r.start(0, 1000)
	r.counter.err = errors.New("gone")
	r.pass(time.Minute, 0, map[api.Attempt]time.Duration{a: time.Second})
	if e := r.ended(a, time.Second); e != 0 {
		t.Errorf("%d µJ of a meter that is gone", e)
	}
	var none *accountant
	none.began(a, 1, nil)
	none.tick()
	if none.ended(a, 1) != 0 {
		t.Error("without a meter something is counted")
	}
}

// TestAShareOfHalfTheTimeIsNobodys: what was measured of an attempt says too little when
// the meter failed for a good part of it, and nothing is wrong with a moment.
func TestAShareOfHalfTheTimeIsNobodys(t *testing.T) {
	for _, tc := range []struct {
		name   string
		failed time.Duration
		want   api.Microjoules
	}{{"a tenth of its time", 10 * time.Second, 0}, {"a hundredth", time.Second, 99_000_000}} {
		r := newRoom()
		r.idle = 0
		a := r.start(0, 4000)
		r.counter.err = errors.New("gone")
		r.pass(tc.failed, 0, map[api.Attempt]time.Duration{a: tc.failed})
		r.mu.Lock()
		r.divide(divideLeast)
		r.mu.Unlock()
		r.counter.err = nil
		r.pass(100*time.Second-tc.failed, 99_000_000, map[api.Attempt]time.Duration{a: 100 * time.Second})
		if e := r.ended(a, *r.cpu[a]); e != tc.want || e+r.rest != r.counter.sum {
			t.Errorf("%s: %d µJ and %d of nobody, want %d", tc.name, e, r.rest, tc.want)
		}
	}
}

// TestSharesAndRestAreTheMeter over random histories, to the microjoule.
func TestSharesAndRestAreTheMeter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRoom()
		var running []api.Attempt
		var given api.Microjoules
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				running = append(running, r.start(uint32(i), api.Milli(rapid.IntRange(0, 3000).Draw(t, "held"))))
			case 1:
				if len(running) > 0 {
					given += r.ended(running[0], *r.cpu[running[0]])
					running = running[1:]
				}
			case 2:
				r.tick()
			}
			used := map[api.Attempt]time.Duration{}
			for _, id := range running {
				used[id] = time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "used"))
			}
			r.pass(time.Duration(rapid.Int64Range(0, 3e10).Draw(t, "span")), api.Microjoules(rapid.Int64Range(0, 1e9).Draw(t, "counted")), used)
		}
		r.pass(time.Minute, 0, nil)
		for _, id := range running {
			given += r.ended(id, *r.cpu[id])
		}
		r.tick()
		r.pass(time.Minute, 0, nil)
		r.tick()
		if given+r.rest != r.counter.sum {
			t.Fatalf("%d shared and %d of nobody, the meter counted %d", given, r.rest, r.counter.sum)
		}
	})
}
