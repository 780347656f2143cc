package sched_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestBookedDevice: a device that is booked while somebody is leaving it has less
// than nothing free. That is no reason to refuse what the others have room for, nor
// to stop more than the one whose device is enough.
func TestBookedDevice(t *testing.T) {
	on := func(device int32) []api.DeviceShare { return []api.DeviceShare{{Index: device, Share: 1000}} }
	v := newTenants(node("n", func(n *api.Node) {
		n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"t4"}, Count: 2000}}
	}))
	ref := func(priority int32) api.TaskRef { return api.TaskRef{Workload: uint64(priority)} }
	whole := func(priority int32) *sched.Ask {
		a := ranked(priority, 0)
		a.Task.Resources = api.Resources{CPU: 100, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 1000}}}
		return a
	}
	v.x.Hold("n", ref(1), whole(1), on(0))
	v.stays[ref(1)] = true // it is leaving already
	v.x.Book("n", ref(5), whole(5), on(0))
	if d := decide(v.x, whole(6)); d.Chosen == nil {
		t.Fatalf("the free device is refused: %+v", d.Reasons)
	}
	v.x.Hold("n", ref(2), whole(2), on(1))
	room, ok := v.x.MakeRoom(ref(6), whole(6))
	if !ok || len(room.Victims) != 1 || room.Victims[0] != ref(2) {
		t.Fatalf("%+v go (%v), want the one on the other device", room.Victims, ok)
	}
}
