// Package state holds everything that a cell knows and how events change it.
// State changes only by Apply, which never decides, uses integers only and gives
// the same State for the same events on every machine.
package state

import (
	"cmp"
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/profile"
)

// State is what a cell knows. Fields without a CBOR key are derived from the
// others and rebuilt by Restore.
type State struct {
	Now          api.Time                    `cbor:"1,keyasint"` // of the last record folded in
	Epoch        uint64                      `cbor:"2,keyasint"`
	Leader       string                      `cbor:"3,keyasint"`
	NextID       uint64                      `cbor:"4,keyasint"` // of the next workload
	Settings     Settings                    `cbor:"5,keyasint"`
	Workloads    map[uint64]*Workload        `cbor:"6,keyasint"`
	Nodes        map[string]*Node            `cbor:"7,keyasint"`
	Sites        map[string]*api.Site        `cbor:"8,keyasint"`
	Keys         map[string]Answer           `cbor:"9,keyasint"`
	KeyOrder     []KeyAge                    `cbor:"10,keyasint"` // oldest first
	Histories    map[string]*profile.History `cbor:"11,keyasint"` // by task and by shape
	Finished     []FinishedAt                `cbor:"12,keyasint"` // oldest first
	Refusals     map[string]*Refusal         `cbor:"13,keyasint"` // by shape digest
	Reservations map[uint64]*api.Reservation `cbor:"14,keyasint"`
	Totals       Totals                      `cbor:"15,keyasint"`
	HistoryOrder []string                    `cbor:"16,keyasint"`           // keys of Histories, oldest first
	Versions     uint64                      `cbor:"17,keyasint,omitempty"` // highest version of a removed node's set

	Losses []Loss `cbor:"18,keyasint,omitempty"` // records given up by an operator, the newest MaxLosses, oldest first

	Cells    map[string]*Cell     `cbor:"19,keyasint,omitempty"` // children, by name
	Declined map[string]*Declined `cbor:"20,keyasint,omitempty"` // offers of a parent that were refused, by HandoverID.Key

	Strategies map[string]*api.Strategy `cbor:"21,keyasint,omitempty"` // declared ones, by name
	Tenants    map[string]*api.Tenant   `cbor:"22,keyasint,omitempty"` // those of which something was said, by name

	Planning *Planning `cbor:"23,keyasint,omitempty"` // nil: no plan was ever asked for

	Probation *Probation `cbor:"24,keyasint,omitempty"` // the last one; nil: no change of the strategy was ever watched

	Rollout *Rollout `cbor:"30,keyasint,omitempty"` // the last one; nil: no strategy was ever tried in stages

	Books   map[string]*Book       `cbor:"26,keyasint,omitempty"` // what was used, by tenant
	Signals map[string]*api.Signal `cbor:"25,keyasint,omitempty"` // by api.SignalKey; replaced, never changed

	Scalings map[uint64]*Scaling  `cbor:"28,keyasint,omitempty"` // of services that scale, by workload; replaced, never changed
	Spending map[string]*Spending `cbor:"31,keyasint,omitempty"` // of tenants with budgets, by name
	Ledger   map[string]*Offset   `cbor:"32,keyasint,omitempty"` // by serial; replaced, never changed
	Accounts *Accounts            `cbor:"35,keyasint,omitempty"` // what was used, by site, workload and day; nil: nothing yet

	Sizings map[uint64]*Sizing `cbor:"37,keyasint,omitempty"` // of workloads whose tasks ask for other than their files, by workload; replaced, never changed

	Slicing *Slicing `cbor:"29,keyasint,omitempty"` // nil: nothing ever waited for better hours

	Wakes uint64 `cbor:"33,keyasint,omitempty"` // orders to wake a node so far

	Consolidation *Consolidation `cbor:"39,keyasint,omitempty"` // nil: no node was ever looked at for work to move

	Foresight *Foresight         `cbor:"43,keyasint,omitempty"` // nil: nobody ever said what nodes will hold; replaced, never changed
	Batteries map[string]*Stored `cbor:"41,keyasint,omitempty"` // that are, or were, dispatched, by site; replaced, never changed

	Strains map[string]*Strain `cbor:"44,keyasint,omitempty"` // of nodes that are used to near what they have, by name; replaced, never changed

	load     Load
	promised map[string]*promises      // to attempts that hold a place, by tenant
	origins  map[api.HandoverID]uint64 // to the workload that accepted it
	names    map[string]uint64         // "tenant/name" to the newest workload of that name
}

// Load is how many elements of all workloads wait for a place, and hold one.
type Load struct{ Pending, Held int64 }

// Load is kept up to date with each event, so that asking costs nothing.
func (s *State) Load() Load { return s.load }

// Settings can change decisions, so they enter by an event.
type Settings struct {
	RetainFor api.Duration `cbor:"1,keyasint"`           // how long a finished workload stays
	RetainMax int32        `cbor:"2,keyasint"`           // how many finished workloads stay at most
	KeyFor    api.Duration `cbor:"3,keyasint"`           // how long an idempotency key is remembered
	KeyMax    int32        `cbor:"4,keyasint"`           // how many keys at most
	Lease     api.Duration `cbor:"5,keyasint"`           // silence after which a node's atMostOnce tasks have stopped themselves
	Drift     api.Duration `cbor:"6,keyasint"`           // allowance for clocks on top of Lease
	Home      string       `cbor:"7,keyasint"`           // site of the cell's artifact store and callers; "" is nowhere in particular
	Histories int32        `cbor:"8,keyasint"`           // how many run-time histories are kept
	Strategy  string       `cbor:"9,keyasint,omitempty"` // of the cell; "" is the default
}

// DefaultSettings are in force until a SettingsChanged.
func DefaultSettings() Settings {
	return Settings{
		RetainFor: api.Day, RetainMax: 20_000,
		KeyFor: api.Day, KeyMax: 100_000,
		Lease: 10 * api.Second, Drift: 2 * api.Second,
		Histories: 10_000,
	}
}

// MaxLosses is how many accepted losses are remembered.
const MaxLosses = 100

// Loss is a piece of the journal that an operator gave up.
type Loss struct {
	From    uint64   `cbor:"1,keyasint"` // number of the first record
	Entries uint64   `cbor:"2,keyasint"` // how many stored entries were dropped
	Epoch   uint64   `cbor:"3,keyasint"` // that went on without them
	At      api.Time `cbor:"4,keyasint"`
}

func (s *State) lost(l Loss) {
	s.Losses = append(s.Losses, l)
	s.Losses = s.Losses[max(0, len(s.Losses)-MaxLosses):]
}

// Totals count what has happened since the cell began.
type Totals struct {
	Submitted  uint64 `cbor:"1,keyasint"` // workloads
	Placed     uint64 `cbor:"2,keyasint"` // attempts
	Ended      uint64 `cbor:"3,keyasint"` // elements that reached a final status
	Lost       uint64 `cbor:"4,keyasint"` // attempts given up with their node
	Duplicates uint64 `cbor:"5,keyasint"` // final reports after the first
}

// Answer is what a command is answered, remembered under its idempotency key.
type Answer struct {
	Code     Code   `cbor:"1,keyasint,omitempty"`
	ID       uint64 `cbor:"2,keyasint,omitempty"`
	Revision uint32 `cbor:"3,keyasint,omitempty"`
	Action   string `cbor:"4,keyasint,omitempty"`
	Message  string `cbor:"5,keyasint,omitempty"`
}

// Code classifies an answer.
type Code uint8

// The codes of answers.
const (
	CodeOK Code = iota
	CodeNotFound
	CodeConflict
	CodeInvalid
	CodeBusy // the batch was full: nothing was decided and nothing is remembered
)

// KeyAge says when a key was remembered.
type KeyAge struct {
	Key string   `cbor:"1,keyasint"`
	At  api.Time `cbor:"2,keyasint"`
}

// FinishedAt says when a workload reached its final status.
type FinishedAt struct {
	ID uint64   `cbor:"1,keyasint"`
	At api.Time `cbor:"2,keyasint"`
}

// Refusal is the standing reason why tasks of a shape are not placed.
type Refusal struct {
	Ref      api.TaskRef   `cbor:"1,keyasint"`
	Decision *api.Decision `cbor:"2,keyasint"`
	Since    api.Time      `cbor:"3,keyasint"`
}

// Node is a registered node and what is placed on it.
type Node struct {
	api.Node   `cbor:"1,keyasint"`
	Silent     bool           `cbor:"2,keyasint,omitempty"`
	SilentAt   api.Time       `cbor:"3,keyasint,omitempty"`
	Drain      bool           `cbor:"4,keyasint,omitempty"`
	DrainUntil api.Time       `cbor:"5,keyasint,omitempty"`
	Registered api.Time       `cbor:"6,keyasint"`
	Version    uint64         `cbor:"7,keyasint"` // of its assignment set
	Power      api.PowerState `cbor:"8,keyasint,omitempty"`
	PowerAt    api.Time       `cbor:"9,keyasint,omitempty"`  // since when Power is so; 0: since it was registered
	Idle       api.Time       `cbor:"10,keyasint,omitempty"` // when it last came to hold nothing; 0: since it was registered
	Wake       uint64         `cbor:"11,keyasint,omitempty"` // number of the order by which it is being woken

	Held map[api.TaskRef]*Task `cbor:"-"` // elements that occupy capacity
	Used api.Resources         `cbor:"-"` // sum of their requests, accelerators apart
}

// Workload is an accepted workload.
type Workload struct {
	ID        uint64             `cbor:"1,keyasint"`
	Spec      *api.Workload      `cbor:"2,keyasint"` // of the present revision; never modified
	Revision  uint32             `cbor:"3,keyasint"`
	Past      []Revision         `cbor:"4,keyasint,omitempty"` // earlier revisions, oldest first, at most MaxPast
	Stable    uint32             `cbor:"5,keyasint,omitempty"` // the last revision that became healthy
	Progress  api.Time           `cbor:"6,keyasint,omitempty"` // of the running update
	Profiles  []api.Profile      `cbor:"7,keyasint,omitempty"` // by task
	Status    api.WorkloadStatus `cbor:"8,keyasint"`
	Stopping  bool               `cbor:"9,keyasint,omitempty"`
	Final     api.WorkloadStatus `cbor:"10,keyasint,omitempty"` // what it will be once stopped
	Reason    string             `cbor:"11,keyasint,omitempty"`
	Submitted api.Time           `cbor:"12,keyasint"`
	FinishAt  api.Time           `cbor:"13,keyasint,omitempty"`
	Principal string             `cbor:"14,keyasint,omitempty"`
	Parent    uint64             `cbor:"15,keyasint,omitempty"`
	NextRun   api.Time           `cbor:"16,keyasint,omitempty"`
	Runs      []uint64           `cbor:"17,keyasint,omitempty"` // children of a scheduled job that are still known, oldest first
	Groups    []Group            `cbor:"18,keyasint"`           // by task
	Handover  *Handover          `cbor:"19,keyasint,omitempty"` // to a child, the last one
	Origin    *Origin            `cbor:"20,keyasint,omitempty"` // the hand-over by a parent that it came from

	Counts  api.Counts `cbor:"-"`
	Scaling *Scaling   `cbor:"-"` // of State.Scalings; nil: it does not scale, or has the number to begin with
	Sizing  *Sizing    `cbor:"-"` // of State.Sizings; nil: tasks ask for what the specification says

	load  *Load      // of the State that it is in
	after [][]uint16 // by task: positions of those that it waits for
}

// MaxPast is how many earlier revisions are kept for roll-back.
const MaxPast = 10

// Revision is an earlier specification of a workload.
type Revision struct {
	Number   uint32        `cbor:"1,keyasint"`
	Spec     *api.Workload `cbor:"2,keyasint"`
	Profiles []api.Profile `cbor:"3,keyasint,omitempty"`
	Bad      bool          `cbor:"4,keyasint,omitempty"` // it was rolled back
	Stable   bool          `cbor:"5,keyasint,omitempty"` // it became healthy
}

// Group holds the elements of one task in the order of their index. An array's
// element i stands at i; replicas leave gaps as they come and go.
type Group struct {
	Tasks []*Task `cbor:"1,keyasint"`
	Next  uint32  `cbor:"2,keyasint,omitempty"` // index of the next element
	Open  uint32  `cbor:"3,keyasint,omitempty"` // elements that are not final
	Good  uint32  `cbor:"4,keyasint,omitempty"` // elements that have succeeded
}

// Task is one element. Small fields stand side by side: there may be millions of it.
type Task struct {
	Ref       api.TaskRef       `cbor:"1,keyasint"`
	Status    api.TaskStatus    `cbor:"2,keyasint,omitempty"`
	Try       uint32            `cbor:"3,keyasint,omitempty"` // of the last attempt; 0: never placed
	Fails     uint32            `cbor:"4,keyasint,omitempty"` // failures that count against its restart policy
	Revision  uint32            `cbor:"5,keyasint,omitempty"`
	Node      string            `cbor:"6,keyasint,omitempty"` // of the last attempt
	Pin       string            `cbor:"7,keyasint,omitempty"` // the only node allowed (systems)
	Version   uint64            `cbor:"8,keyasint,omitempty"` // of the node's set when this last changed
	Epoch     uint64            `cbor:"9,keyasint,omitempty"` // in which the attempt was decided
	Stop      StopFor           `cbor:"10,keyasint,omitempty"`
	Healthy   bool              `cbor:"11,keyasint,omitempty"`
	LostTry   uint32            `cbor:"25,keyasint,omitempty"` // an earlier attempt that was given up with its node
	HealthyAt api.Time          `cbor:"12,keyasint,omitempty"`
	Ready     api.Time          `cbor:"13,keyasint,omitempty"`
	Placed    api.Time          `cbor:"14,keyasint,omitempty"`
	Started   api.Time          `cbor:"15,keyasint,omitempty"`
	Ended     api.Time          `cbor:"16,keyasint,omitempty"`
	NotBefore api.Time          `cbor:"17,keyasint,omitempty"`
	Reported  uint32            `cbor:"18,keyasint,omitempty"` // number of the attempt's last report
	Size      uint32            `cbor:"34,keyasint,omitempty"` // number of what the last attempt asked for; 0: as specified
	Ports     []api.Port        `cbor:"19,keyasint,omitempty"`
	PID       int32             `cbor:"20,keyasint,omitempty"`
	Losses    uint32            `cbor:"27,keyasint,omitempty"` // attempts that vanished while their node was up
	Devices   []api.DeviceShare `cbor:"21,keyasint,omitempty"`
	Result    *api.Result       `cbor:"22,keyasint,omitempty"` // of the last ended attempt
	Decision  *api.Decision     `cbor:"23,keyasint,omitempty"`
	Reason    string            `cbor:"24,keyasint,omitempty"`
	LostNode  string            `cbor:"26,keyasint,omitempty"` // of attempt LostTry, which may still report success from there
	Booking   *Booking          `cbor:"28,keyasint,omitempty"` // room that is being freed for it while it is pending
	Took      *api.Footprint    `cbor:"29,keyasint,omitempty"` // by its attempts that have ended; replaced, never changed
	Expects   *api.Footprint    `cbor:"30,keyasint,omitempty"` // what the attempt that holds a place is foreseen to take, of a tenant with budgets
	Slice     *Slice            `cbor:"31,keyasint,omitempty"` // of an attempt that runs in turns; replaced, never changed
	Still     api.Time          `cbor:"32,keyasint,omitempty"` // since when the attempt is suspended; 0: it is not
	Stood     api.Duration      `cbor:"33,keyasint,omitempty"` // how long the attempt was suspended before
	Stills    *Stills           `cbor:"35,keyasint,omitempty"` // when the attempt was suspended before, the last MaxStills, oldest first; replaced, never changed
	// Suspension is until when it is not to run; nil: nobody asked for that.
	Suspension *Suspensions `cbor:"36,keyasint,omitempty"`
}

// Booking is room on a node that lower priorities are leaving for an element.
type Booking struct {
	Node    string            `cbor:"1,keyasint"`
	Devices []api.DeviceShare `cbor:"2,keyasint,omitempty"`
	Victims []api.TaskRef     `cbor:"3,keyasint"`
	Since   api.Time          `cbor:"4,keyasint"`
}

// New returns the state of a cell in which nothing has happened.
func New() *State {
	s := &State{NextID: 1, Settings: DefaultSettings()}
	s.Restore()
	return s
}

// Get returns the element at an index, or nil.
func (g *Group) Get(index uint32) *Task {
	if int(index) < len(g.Tasks) && g.Tasks[index].Ref.Index == index {
		return g.Tasks[index]
	}
	i, ok := g.find(index)
	if !ok {
		return nil
	}
	return g.Tasks[i]
}

func (g *Group) find(index uint32) (int, bool) {
	return slices.BinarySearchFunc(g.Tasks, index, func(t *Task, x uint32) int { return cmp.Compare(t.Ref.Index, x) })
}

// Task returns an element and its workload, or nil.
func (s *State) Task(ref api.TaskRef) (*Workload, *Task) {
	w := s.Workloads[ref.Workload]
	if w == nil || int(ref.Task) >= len(w.Groups) {
		return nil, nil
	}
	return w, w.Groups[ref.Task].Get(ref.Index)
}

// Named returns the newest workload of a name, or nil.
func (s *State) Named(tenant, name string) *Workload {
	return s.Workloads[s.names[tenant+"/"+name]]
}

// After returns the positions of the tasks that must have succeeded before a task.
func (w *Workload) After(task int) []uint16 {
	if task >= len(w.after) {
		return nil
	}
	return w.after[task]
}

// Done reports whether all elements of a task have succeeded.
func (w *Workload) Done(task uint16) bool {
	g := &w.Groups[task]
	return int(g.Good) == len(g.Tasks)
}

// linkTasks derives what After returns.
func (w *Workload) linkTasks() {
	w.after = nil
	if len(w.Spec.Tasks) < 2 {
		return
	}
	w.after = make([][]uint16, len(w.Spec.Tasks))
	at := make(map[string]uint16, len(w.Spec.Tasks))
	for i := range w.Spec.Tasks {
		at[w.Spec.Tasks[i].Name] = uint16(i)
	}
	for i := range w.Spec.Tasks {
		for _, name := range w.Spec.Tasks[i].After {
			if p, ok := at[name]; ok {
				w.after[i] = append(w.after[i], p)
			}
		}
	}
}

// Past returns the run-time histories that a prediction for a task of a workload
// may use. Runs of a scheduled job share the history of the schedule.
func (s *State) Past(spec *api.Workload, parent uint64, task int) profile.Past {
	same, shape := s.historyKeys(spec, parent, task)
	return profile.Past{Same: s.Histories[same], Shape: s.Histories[shape]}
}

func (s *State) historyKeys(spec *api.Workload, parent uint64, task int) (same, shape string) {
	if p := s.Workloads[parent]; p != nil {
		same = "task " + profile.SameKey(p.Spec, task)
	} else {
		same = "task " + profile.SameKey(spec, task)
	}
	if shape = profile.ShapeKey(spec, task); shape != "" {
		shape = "shape " + shape
	}
	return same, shape
}

// SortedHeld returns the elements that occupy a node, in the order of their refs.
func (n *Node) SortedHeld() []*Task {
	out := make([]*Task, 0, len(n.Held))
	for _, t := range n.Held { // order-free: sorted below
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *Task) int { return CompareRefs(a.Ref, b.Ref) })
	return out
}

// CompareRefs orders refs by workload, task and index.
func CompareRefs(a, b api.TaskRef) int {
	if c := cmp.Compare(a.Workload, b.Workload); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Task, b.Task); c != 0 {
		return c
	}
	return cmp.Compare(a.Index, b.Index)
}

// SortedNodes returns the names of all nodes in order.
func (s *State) SortedNodes() []string { return sortedKeys(s.Nodes) }

// SortedWorkloads returns the numbers of all workloads in order.
func (s *State) SortedWorkloads() []uint64 { return sortedKeys(s.Workloads) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m { // order-free: sorted below
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// SortedSites returns the names of all sites in order.
func (s *State) SortedSites() []string { return sortedKeys(s.Sites) }

// InGang reports whether an element is still to be placed together with the
// other elements of its task. A gang holds together until it was placed once.
func (w *Workload) InGang(t *Task) bool {
	return w.Spec.Gang && len(w.Groups[t.Ref.Task].Tasks) > 1 && t.Try == 0
}

// GangRefs returns the elements of a task, first to last.
func (w *Workload) GangRefs(task uint16) []api.TaskRef {
	g := &w.Groups[task]
	out := make([]api.TaskRef, len(g.Tasks))
	for i, t := range g.Tasks {
		out[i] = t.Ref
	}
	return out
}

// NameOf returns the display form of an element: "name.task[index]", without the
// index when there is one element, without the task when there is one task.
func (w *Workload) NameOf(t *Task) string {
	spec := w.SpecAt(t.Revision)
	name := spec.Name
	if len(spec.Tasks) > 1 {
		name += "." + spec.Tasks[t.Ref.Task].Name
	}
	if spec.Kind != api.KindJob || spec.Tasks[t.Ref.Task].Count > 1 {
		name += "[" + strconv.FormatUint(uint64(t.Ref.Index), 10) + "]"
	}
	return name
}

// SortedStrategies returns the names of all declared strategies in order.
func (s *State) SortedStrategies() []string { return sortedKeys(s.Strategies) }

// SortedTenants returns the names of all tenants of which something was said.
func (s *State) SortedTenants() []string { return sortedKeys(s.Tenants) }
