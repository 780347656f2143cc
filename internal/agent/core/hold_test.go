package core

import (
	"testing"

	"drover.dev/api"
)

// TestTimeLimitWhileSuspended: a task that is suspended a moment before its time limit
// wakes nobody while it stands still, and has that moment left when it goes on.
func TestTimeLimitWhileSuspended(t *testing.T) {
	s := &script{}
	s.reset()
	id := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}
	s.step(LinkUp{})
	s.step(Welcomed{s.tickets["hello"], api.Welcome{Epoch: 1, Heartbeat: api.Hour, SilentAfter: 2 * api.Hour}})
	set := func(version uint64, d api.Desire) Set {
		as := api.Assignment{Attempt: id, Epoch: 1, Version: version, Desire: d, Task: &api.Task{Driver: "noop", Timeout: api.Minute}}
		return Set{s.tickets["pull"], api.AssignmentSet{Epoch: 1, Version: version, Full: true, Items: []api.Assignment{as}}}
	}
	s.step(set(1, api.DesireRun))
	s.step(Prepared{About: About{id}})
	s.step(Started{About: About{id}})
	wish := func(version uint64, d api.Desire) {
		s.step(Hinted{Hint: api.Hint{Epoch: 1, Version: version}})
		s.step(set(version, d))
	}
	a := s.core.attempts[id]
	wish(2, api.DesireSuspend)
	s.now = api.Minute - 1
	s.step(Held{About: About{id}, Still: true})
	if !a.hold.told {
		t.Fatal("it is not suspended")
	}
	for s.now < api.Hour { // a nanosecond is left all the time
		s.now += api.Minute
		s.step()
		for _, due := range s.core.timers.heap {
			if due.kind == timerWall && due.at <= s.now+api.Second {
				t.Fatalf("at %v it is looked at again at %v", s.now.Std(), due.at.Std())
			}
		}
	}
	wish(3, api.DesireRun)
	s.step(Held{About: About{id}})
	if a.cause != causeNone || a.hold.still {
		t.Fatalf("it does not go on: %v", a.cause)
	}
	s.now++
	s.step()
	if a.cause != causeTimeout {
		t.Errorf("it was stopped for %v, want its time limit", a.cause)
	}
}
