package agent

import (
	"context"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver"
)

// metered is a handle of a task that uses so many milli-CPU and one MiB.
type metered struct {
	cpu   int64
	since time.Time
	now   *time.Time
}

func (m metered) Identity() driver.Identity                 { return driver.Identity{} }
func (m metered) Wait(context.Context) (driver.Exit, error) { return driver.Exit{}, nil }
func (m metered) Stop(time.Duration) error                  { return nil }
func (m metered) Usage() (driver.Usage, error) {
	return driver.Usage{CPU: m.now.Sub(m.since) * time.Duration(m.cpu) / 1000, Memory: 1 << 20}, nil
}

// A node with more attempts than fit into a heartbeat tells of each in turn.
func TestUseOfTasksInTurn(t *testing.T) {
	now := time.Unix(1e9, 0)
	handles := map[api.Attempt]driver.Handle{}
	for i := range uint64(2 * api.MaxTaskUses) {
		handles[elementOf(i)] = metered{cpu: int64(i), since: now.Add(-time.Hour), now: &now}
	}
	var s sampler
	clock := func() time.Time { return now }
	told := map[uint64]int{}
	for round := range 6 {
		list := s.take(handles, clock)
		if len(list) > api.MaxTaskUses {
			t.Fatalf("%d samples in one heartbeat", len(list))
		}
		for _, u := range list {
			told[u.Workload]++
			if u.CPU != api.Milli(u.Workload) || u.Memory != api.MiB {
				t.Errorf("attempt %d uses %v and %v", u.Workload, u.CPU, u.Memory)
			}
		}
		if again := s.take(handles, clock); again != nil {
			t.Errorf("round %d: measured again at once", round)
		}
		now = now.Add(sampleEvery)
	}
	if len(told) != len(handles) {
		t.Errorf("%d of %d attempts were told of", len(told), len(handles))
	}
	clear(handles)
	if s.take(handles, clock); len(s.seen) != 0 {
		t.Errorf("%d attempts that have ended are remembered", len(s.seen))
	}
}

func elementOf(n uint64) api.Attempt {
	return api.Attempt{TaskRef: api.TaskRef{Workload: n}, Try: 1}
}
