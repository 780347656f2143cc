package rehearse

import (
	"maps"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// asker submits the workload that is asked for, and those that are made up to come.
const asker = "twin"

// who names a workload in every world: numbers may differ between them.
type who struct {
	tenant, name string
	at           api.Time // of its submission
}

// fate is what became of a workload in one world.
type fate struct {
	began   api.Time // when its first element began to run; 0: none did
	ended   api.Time // 0: it did not
	status  api.WorkloadStatus
	evicted int  // how often an element was stopped for the sake of others
	made    bool // up: it comes like others that came

	// Only of the one that is asked for: where elements ran, and what they and their shares
	// of accelerators drew beyond what is drawn idle.
	nodes  map[string]int
	joules float64
}

// witness follows what happens to each workload of a world.
type witness struct {
	st    *state.State  // of which nodes and sites are read
	wants *api.Workload // what is asked for
	asked *fate         // what became of it; empty until it comes
	all   map[who]*fate
	byID  map[uint64]*fate
	more  map[string]*api.Node // nodes that the cell does not have
	on    map[api.TaskRef]spell
}

// spell is an attempt on a node.
type spell struct {
	node    string
	devices []api.DeviceShare
	from    api.Time // since when it runs; 0: it has not begun, or stands still
}

// newWitness begins with a state, of which it keeps nothing that changes but nodes.
func newWitness(st *state.State, more []api.Node, asked *api.Workload) *witness {
	w := &witness{
		st: st, wants: asked, all: map[who]*fate{}, byID: map[uint64]*fate{}, asked: &fate{}, more: map[string]*api.Node{},
		on: map[api.TaskRef]spell{},
	}
	for i := range more {
		w.more[more[i].Name] = &more[i]
	}
	for _, id := range st.SortedWorkloads() {
		if wl := st.Workloads[id]; !wl.Status.Final() {
			w.meet(id, wl.Spec, wl.Submitted, false)
		}
	}
	return w
}

func (w *witness) meet(id uint64, spec *api.Workload, at api.Time, asked bool) {
	f := &fate{}
	if asked {
		f.nodes = map[string]int{}
		w.asked = f
	}
	w.all[who{spec.Tenant, spec.Name, at}], w.byID[id] = f, f
}

// watch is told what the engine decides.
func (w *witness) watch(now api.Time, events []state.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.WorkloadSubmitted:
			ours := ev.Principal == asker && ev.Parent == 0
			asked := ours && ev.Spec.Name == w.wants.Name && ev.Spec.Tenant == w.wants.Tenant
			w.meet(ev.ID, ev.Spec, now, asked)
			w.byID[ev.ID].made = ours && !asked
		case *state.TaskPlaced:
			w.on[ev.Ref] = spell{node: ev.Node, devices: ev.Devices}
		case *state.TaskStarted:
			w.started(ev.Attempt.TaskRef, now)
		case *state.TaskSuspended:
			w.still(ev.Attempt.TaskRef, now, !ev.Resumed)
		case *state.TaskStop:
			if f := w.byID[ev.Ref.Workload]; f != nil && ev.For == state.StopMove {
				f.evicted++
			}
		case *state.TaskEnded:
			w.left(ev.Attempt.TaskRef, now)
		case *state.TasksLost:
			for _, ref := range ev.Refs {
				w.left(ref, now)
			}
		case *state.WorkloadFinished:
			if f := w.byID[ev.ID]; f != nil {
				f.ended, f.status = now, ev.Status
			}
		}
	}
}

func (w *witness) started(ref api.TaskRef, now api.Time) {
	f, on := w.byID[ref.Workload], w.on[ref]
	if f == nil {
		return
	}
	if f.began == 0 {
		f.began = now
	}
	if f != w.asked {
		return
	}
	f.nodes[on.node]++
	on.from = now
	w.on[ref] = on
}

// still has an attempt that is asked for stand still, in which time it draws nothing, or
// go on.
func (w *witness) still(ref api.TaskRef, now api.Time, stands bool) {
	on, ok := w.on[ref]
	if f := w.byID[ref.Workload]; !ok || f == nil || f != w.asked {
		return
	}
	if on.from == 0 == stands {
		return
	}
	if stands {
		w.drew(ref, on, now)
		now = 0
	}
	on.from = now
	w.on[ref] = on
}

// left adds what an attempt drew.
func (w *witness) left(ref api.TaskRef, now api.Time) {
	on := w.on[ref]
	delete(w.on, ref)
	if on.from != 0 { // else it is of another workload, did not begin, or stands still
		w.drew(ref, on, now)
	}
}

// drew adds what an attempt drew since it ran on.
func (w *witness) drew(ref api.TaskRef, on spell, now api.Time) {
	node := w.more[on.node]
	if n := w.st.Nodes[on.node]; n != nil {
		node = &n.Node
	}
	if node == nil {
		return
	}
	pue := api.Milli(0)
	if s := w.st.Sites[node.Site]; s != nil {
		pue = s.PUE
	}
	cpu := w.wants.Tasks[ref.Task].Resources.CPU
	watts := twin.Draws(node, pue, cpu) + twin.DevicesDraw(node, pue, on.devices)
	w.asked.joules += watts * now.Sub(on.from).Std().Seconds()
}

// settle ends what still runs, and lets go of the world.
func (w *witness) settle() {
	now := w.st.Now
	for _, ref := range slices.SortedFunc(maps.Keys(w.on), state.CompareRefs) {
		w.left(ref, now)
	}
	w.st, w.on, w.more, w.byID = nil, nil, nil, nil
}

// ended says whether all of these workloads have ended that there are.
func (w *witness) ended(ids []uint64) func() bool {
	left := slices.Clone(ids)
	return func() bool {
		for len(left) > 0 {
			if f := w.byID[left[len(left)-1]]; f != nil && f.ended == 0 {
				return false
			}
			left = left[:len(left)-1]
		}
		return true
	}
}
