package bench

import (
	"time"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// refusals is how many tasks in a row must fit nowhere for a cell to count as full.
const refusals = 5

// cram lets tasks come until the cell is full.
func (s *schedLoad) cram() {
	for missed := 0; missed < refusals; {
		if s.place(nil) {
			missed = 0
		} else {
			missed++
		}
	}
	s.x.Rest()
}

// urgent is a request like another, of a higher priority.
func urgent(a *sched.Ask) *sched.Ask {
	b := *a
	b.Priority, b.Yields, b.Displaces, b.Terse = 10, false, true, true
	b.Shape = sched.ShapeOf(b.Task, b.Tenant, b.Priority, "", false)
	b.Static = b.Shape
	return &b
}

// arrival is a task of higher priority.
type arrival struct {
	ref     api.TaskRef
	ask     *sched.Ask
	room    sched.Room
	devices []api.DeviceShare
	spent   time.Duration
}

// displace lets tasks of higher priority come to a full cell, and notes how long the
// decisions on each take: in one Step that it fits nowhere and who goes, in the next
// where it stands. Who fits after all is placed in the first. Then they leave, and the
// cell fills up again.
func (s *schedLoad) displace(times *[]time.Duration, n int) {
	list := make([]arrival, 0, n)
	spent := timed(func() { s.x.Refresh() })
	for range n {
		s.next++
		v := arrival{ref: api.TaskRef{Workload: s.next}, ask: s.urgent[s.random.IntN(len(s.urgent))]}
		v.spent = timed(func() { s.make(&v) }) + spent
		if spent = 0; v.room.Node != "" {
			list = append(list, v)
		}
	}
	s.x.Rest()
	for i := range list {
		s.evict(list[i].room.Victims)
	}
	spent = timed(func() { s.x.Refresh() })
	for i := range list {
		v := &list[i]
		if v.room.Victims != nil {
			v.spent += spent + timed(func() { s.take(v) })
			spent = 0
		}
		*times = append(*times, v.spent)
	}
	for i := range list {
		v := &list[i]
		s.x.Release(v.room.Node, v.ref, v.ask, v.devices)
	}
	s.x.Rest()
	s.cram()
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// make has room made for a task that fits nowhere, or gives it the place where it fits.
func (s *schedLoad) make(v *arrival) {
	d, devices := s.x.Decide(v.ref, v.ask, 0)
	if d.Chosen != nil {
		v.room.Node, v.devices = d.Chosen.Node, devices
		s.x.Hold(v.room.Node, v.ref, v.ask, v.devices)
		return
	}
	v.room, _ = s.x.MakeRoom(v.ref, v.ask)
	s.x.Book(v.room.Node, v.ref, v.ask, v.room.Devices)
}

func (s *schedLoad) take(v *arrival) {
	s.x.Unbook(v.room.Node, v.ref, v.ask, v.room.Devices)
	_, v.devices = s.x.DecideOn(v.ref, v.ask, 0, v.room.Node)
	s.x.Hold(v.room.Node, v.ref, v.ask, v.devices)
}

func (s *schedLoad) evict(victims []api.TaskRef) {
	for _, ref := range victims {
		s.drop(s.at[ref])
	}
}
