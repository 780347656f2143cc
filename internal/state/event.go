package state

import "drover.dev/api"

// Kind numbers the types of events in the journal. A number is never reused.
type Kind uint16

// Event is a fact. Apply folds it into a State without deciding anything: what
// was decided stands in the event.
type Event interface{ Kind() Kind }

// The kinds of events.
const (
	KindLeaderStarted Kind = iota + 1
	KindSettingsChanged
	KindSitePut
	KindNodeRegistered
	KindNodeSilent
	KindNodeBack
	KindNodeDrain
	KindNodeRemoved
	KindWorkloadSubmitted
	KindWorkloadRevised
	KindWorkloadRescaled
	KindWorkloadStopping
	KindWorkloadFinished
	KindWorkloadForgotten
	KindRunScheduled
	KindRevisionStable
	KindReplicasAdded
	KindTasksReady
	KindTaskPlaced
	KindShapeRefused
	KindShapeCleared
	KindTaskStarted
	KindTaskHealth
	KindTaskStop
	KindTaskEnded
	KindTasksLost
	KindReportDuplicate
	KindAnswered
	KindReservationMade
	KindReservationEnded
	KindTaskSuspended
	KindTaskCheckpointed
	KindNodePower
	KindLossAccepted
	KindCellRegistered
	KindCellSilent
	KindCellBack
	KindCellRemoved
	KindHandoverOffered
	KindHandoverAccepted
	KindHandoverRefused
	KindHandoverReported
	KindHandoverLost
	KindHandoverDeclined
	KindHandoverSettled
	KindStrategyPut
	KindTenantPut
	KindPlanAsked
	KindPlanClosed
	KindTaskBooked
	KindTaskUnbooked
	KindProbationBegun
	KindProbationJudged
	KindRolloutBegun
	KindRolloutShadowed
	KindRolloutJudged
	KindSignalPut
	KindBudgetHeld
	KindBudgetFreed
	KindOffsetBought
	KindOffsetEnded
	KindServiceScaled
	KindTasksDeferred
	KindSlicingLooked
	KindTaskSliced
	KindTaskResized
	KindNodesLooked
	KindNodeClearing
	KindBatterySet
	KindBatteryReported
	KindBatteryForgotten

	// These have their numbers by themselves, so that others may follow on the list.
	KindDemandForeseen Kind = 72
	KindSuspensionPut  Kind = 73
	KindNodeStrained   Kind = 74
	KindNodeEased      Kind = 75
)

// LeaderStarted opens an epoch; it is the read barrier of a new leader.
type LeaderStarted struct {
	Epoch  uint64 `cbor:"1,keyasint"`
	Server string `cbor:"2,keyasint"`
}

// LossAccepted says that an operator had the leader go on without records that
// were damaged or gone. Numbers from From on were used again after it.
type LossAccepted struct {
	From    uint64 `cbor:"1,keyasint"` // number of the first record given up
	Entries uint64 `cbor:"2,keyasint"` // how many stored entries were dropped with it
}

// SettingsChanged replaces the cell's settings.
type SettingsChanged struct {
	Settings Settings `cbor:"1,keyasint"`
	Key      string   `cbor:"2,keyasint,omitempty"`
}

// SitePut declares or replaces a site.
type SitePut struct {
	Site api.Site `cbor:"1,keyasint"`
	Key  string   `cbor:"2,keyasint,omitempty"`
}

// StrategyPut declares or replaces a strategy.
type StrategyPut struct {
	Strategy api.Strategy `cbor:"1,keyasint"`
	Key      string       `cbor:"2,keyasint,omitempty"`
}

// TenantPut declares or replaces what holds for a tenant.
type TenantPut struct {
	Tenant api.Tenant `cbor:"1,keyasint"`
	Key    string     `cbor:"2,keyasint,omitempty"`
}

// NodeRegistered adds a node or replaces what is known of it.
type NodeRegistered struct {
	Node api.Node `cbor:"1,keyasint"`
}

// NodeSilent says that nothing was heard of a node for the cell's threshold.
type NodeSilent struct {
	Node string `cbor:"1,keyasint"`
}

// NodeBack says that a silent node was heard of again.
type NodeBack struct {
	Node string `cbor:"1,keyasint"`
}

// NodeDrain stops or resumes placing on a node. While On, running job tasks may
// end by themselves until Until, then they are moved.
type NodeDrain struct {
	Node  string   `cbor:"1,keyasint"`
	On    bool     `cbor:"2,keyasint,omitempty"`
	Until api.Time `cbor:"3,keyasint,omitempty"`
	Key   string   `cbor:"4,keyasint,omitempty"`
}

// NodeRemoved forgets a node that holds no task.
type NodeRemoved struct {
	Node string `cbor:"1,keyasint"`
	Key  string `cbor:"2,keyasint,omitempty"`
}

// WorkloadSubmitted accepts a new workload. All its elements of tasks without
// dependencies are pending; the rest waits.
type WorkloadSubmitted struct {
	ID        uint64        `cbor:"1,keyasint"`
	Spec      *api.Workload `cbor:"2,keyasint"`
	Profiles  []api.Profile `cbor:"3,keyasint,omitempty"`
	Principal string        `cbor:"4,keyasint,omitempty"`
	Key       string        `cbor:"5,keyasint,omitempty"`
	Parent    uint64        `cbor:"6,keyasint,omitempty"`
	NextRun   api.Time      `cbor:"7,keyasint,omitempty"` // a scheduled job's first run
	Origin    *Origin       `cbor:"8,keyasint,omitempty"` // the hand-over that this accepts
}

// WorkloadRevised gives a service, system or scheduled job a new revision.
type WorkloadRevised struct {
	ID       uint64        `cbor:"1,keyasint"`
	Spec     *api.Workload `cbor:"2,keyasint"`
	Profiles []api.Profile `cbor:"3,keyasint,omitempty"`
	Key      string        `cbor:"4,keyasint,omitempty"`
	NextRun  api.Time      `cbor:"5,keyasint,omitempty"`
	// Back is the revision that Spec was copied from when this is a roll-back.
	Back   uint32 `cbor:"6,keyasint,omitempty"`
	Reason string `cbor:"7,keyasint,omitempty"`
	Asked  uint32 `cbor:"8,keyasint,omitempty"` // the parent's wish that this takes up
}

// WorkloadRescaled changes what needs no new revision: replicas, update bounds,
// priority, labels.
type WorkloadRescaled struct {
	ID    uint64        `cbor:"1,keyasint"`
	Spec  *api.Workload `cbor:"2,keyasint"`
	Key   string        `cbor:"3,keyasint,omitempty"`
	Asked uint32        `cbor:"4,keyasint,omitempty"` // the parent's wish that this takes up
}

// WorkloadStopping ends a workload: what is not placed is cancelled at once, what
// is placed is to be stopped.
type WorkloadStopping struct {
	ID     uint64             `cbor:"1,keyasint"`
	Final  api.WorkloadStatus `cbor:"2,keyasint"` // what it will be once nothing holds a node
	Reason string             `cbor:"3,keyasint,omitempty"`
	Key    string             `cbor:"4,keyasint,omitempty"`
}

// WorkloadFinished makes the final status of a workload known.
type WorkloadFinished struct {
	ID     uint64             `cbor:"1,keyasint"`
	Status api.WorkloadStatus `cbor:"2,keyasint"`
	Reason string             `cbor:"3,keyasint,omitempty"`
}

// WorkloadForgotten drops finished workloads after their retention.
type WorkloadForgotten struct {
	IDs []uint64 `cbor:"1,keyasint"`
}

// RunScheduled moves a scheduled job to its next time. Skipped says why the time
// before passed without a run.
type RunScheduled struct {
	ID      uint64   `cbor:"1,keyasint"`
	Next    api.Time `cbor:"2,keyasint,omitempty"`
	Skipped string   `cbor:"3,keyasint,omitempty"`
}

// RevisionStable ends an update: all replicas run the revision and are healthy.
type RevisionStable struct {
	ID       uint64 `cbor:"1,keyasint"`
	Revision uint32 `cbor:"2,keyasint"`
}

// ReplicasAdded gives a service or system workload new elements.
type ReplicasAdded struct {
	ID    uint64   `cbor:"1,keyasint"`
	First uint32   `cbor:"2,keyasint"`
	Count uint32   `cbor:"3,keyasint"`
	Pins  []string `cbor:"4,keyasint,omitempty"` // systems: the node of each
}

// TasksReady makes elements [From, To) of a task pending: their dependencies have
// succeeded or their back-off is over.
type TasksReady struct {
	Workload uint64 `cbor:"1,keyasint"`
	Task     uint16 `cbor:"2,keyasint,omitempty"`
	From     uint32 `cbor:"3,keyasint,omitempty"`
	To       uint32 `cbor:"4,keyasint"`
}

// TaskPlaced binds an element to a node for its next attempt.
type TaskPlaced struct {
	Ref      api.TaskRef       `cbor:"1,keyasint"`
	Try      uint32            `cbor:"2,keyasint"`
	Node     string            `cbor:"3,keyasint"`
	Decision *api.Decision     `cbor:"4,keyasint,omitempty"`
	Devices  []api.DeviceShare `cbor:"5,keyasint,omitempty"`
	// Expects is what the attempt is foreseen to take; only tenants with budgets have it.
	Expects *api.Footprint `cbor:"6,keyasint,omitempty"`
}

// TaskBooked gives an element room on a node that tasks of lower priority still
// hold: they are to stop. Nobody else is placed there meanwhile.
type TaskBooked struct {
	Ref     api.TaskRef       `cbor:"1,keyasint"`
	Node    string            `cbor:"2,keyasint"`
	Devices []api.DeviceShare `cbor:"3,keyasint,omitempty"`
	Victims []api.TaskRef     `cbor:"4,keyasint"`
}

// TaskUnbooked takes a booking back: the node cannot take the element any more. It
// waits like others again.
type TaskUnbooked struct {
	Ref api.TaskRef `cbor:"1,keyasint"`
}

// ShapeRefused says that no node can take tasks of a shape now, and why. It is
// recorded when the reasons change.
type ShapeRefused struct {
	Shape    string        `cbor:"1,keyasint"` // digest of the shape
	Ref      api.TaskRef   `cbor:"2,keyasint"` // the task that was tried
	Decision *api.Decision `cbor:"3,keyasint"`
}

// ShapeCleared takes a refusal back: tasks of the shape were placed or have gone.
type ShapeCleared struct {
	Shape string `cbor:"1,keyasint"`
}

// TaskStarted says that an attempt runs.
type TaskStarted struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	N       uint32      `cbor:"2,keyasint"`
	Ports   []api.Port  `cbor:"3,keyasint,omitempty"`
	PID     int32       `cbor:"4,keyasint,omitempty"`
}

// TaskHealth says that the checks of an attempt pass, or do not.
type TaskHealth struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	N       uint32      `cbor:"2,keyasint"`
	Healthy bool        `cbor:"3,keyasint,omitempty"`
	Detail  string      `cbor:"4,keyasint,omitempty"`
}

// StopFor says what becomes of an element once its attempt has stopped.
type StopFor uint8

// The reasons to stop an attempt.
const (
	StopNothing StopFor = iota // not to be stopped
	StopCancel                 // its workload is ending
	StopRemove                 // the replica is no longer wanted
	StopRestart                // it is unhealthy: try again
	StopMove                   // its node is being emptied: place it elsewhere
)

// TaskStop asks a node to stop an attempt.
type TaskStop struct {
	Ref    api.TaskRef `cbor:"1,keyasint"`
	For    StopFor     `cbor:"2,keyasint"`
	Reason string      `cbor:"3,keyasint,omitempty"`
}

// TaskEnded records the final report of an attempt and what follows from it.
type TaskEnded struct {
	Attempt   api.Attempt    `cbor:"1,keyasint"`
	N         uint32         `cbor:"2,keyasint,omitempty"` // 0: not a report; the engine gave it up
	Result    *api.Result    `cbor:"3,keyasint,omitempty"`
	Next      api.TaskStatus `cbor:"4,keyasint"` // succeeded, failed, cancelled, pending or back-off
	NotBefore api.Time       `cbor:"5,keyasint,omitempty"`
	Fails     uint32         `cbor:"6,keyasint,omitempty"` // failures that count so far, with this one
	Reason    string         `cbor:"7,keyasint,omitempty"`
	Remove    bool           `cbor:"8,keyasint,omitempty"` // the replica goes away
	Losses    uint32         `cbor:"9,keyasint,omitempty"` // vanished attempts so far, with this one
	// Machine is the kind of machine that a successful run was on, see
	// api.MachineSpeed. What earlier versions recorded has none and teaches none.
	Machine string `cbor:"10,keyasint,omitempty"`
	// Took is what the attempt took, as far as power, prices or signals were known.
	Took *api.Footprint `cbor:"11,keyasint,omitempty"`
	// Generated is where Took.Generated comes from; nil where that is 0.
	Generated *api.Generated `cbor:"12,keyasint,omitempty"`
	// Site is where the attempt is booked; "": at Generated's site, else at that of the
	// node which its element is on.
	Site string `cbor:"13,keyasint,omitempty"`
}

// TasksLost gives attempts on a silent node up; Next says what follows.
type TasksLost struct {
	Node   string         `cbor:"1,keyasint"`
	Refs   []api.TaskRef  `cbor:"2,keyasint"`
	Next   api.TaskStatus `cbor:"3,keyasint"`
	Reason string         `cbor:"4,keyasint,omitempty"`
	Remove bool           `cbor:"5,keyasint,omitempty"` // the replicas go away
}

// ReportDuplicate records a final report that came after another one.
type ReportDuplicate struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	N       uint32      `cbor:"2,keyasint"`
	Outcome api.Outcome `cbor:"3,keyasint,omitempty"`
}

// Answered remembers the answer to a command that changed nothing else.
type Answered struct {
	Key    string `cbor:"1,keyasint"`
	Answer Answer `cbor:"2,keyasint"`
}

// ReservationMade holds capacity. Reserved: recorded, no behaviour yet.
type ReservationMade struct {
	Reservation api.Reservation `cbor:"1,keyasint"`
}

// ReservationEnded releases it. Reserved.
type ReservationEnded struct {
	ID uint64 `cbor:"1,keyasint"`
}

// TaskSuspended says that a running attempt was suspended or resumed, as its agent
// reported.
type TaskSuspended struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	Resumed bool        `cbor:"2,keyasint,omitempty"`
	N       uint32      `cbor:"3,keyasint,omitempty"` // of the report
}

// TaskCheckpointed says that an attempt left a checkpoint. Reserved.
type TaskCheckpointed struct {
	Attempt api.Attempt `cbor:"1,keyasint"`
	Image   api.Digest  `cbor:"2,keyasint"`
}

// NodePower changes the power state of a node: it is to fall asleep, is to be woken, or
// has said that it is on.
type NodePower struct {
	Node   string         `cbor:"1,keyasint"`
	State  api.PowerState `cbor:"2,keyasint"`
	Reason string         `cbor:"3,keyasint,omitempty"`
	Key    string         `cbor:"4,keyasint,omitempty"`
}

func (*LeaderStarted) Kind() Kind     { return KindLeaderStarted }
func (*SettingsChanged) Kind() Kind   { return KindSettingsChanged }
func (*SitePut) Kind() Kind           { return KindSitePut }
func (*StrategyPut) Kind() Kind       { return KindStrategyPut }
func (*TenantPut) Kind() Kind         { return KindTenantPut }
func (*NodeRegistered) Kind() Kind    { return KindNodeRegistered }
func (*NodeSilent) Kind() Kind        { return KindNodeSilent }
func (*NodeBack) Kind() Kind          { return KindNodeBack }
func (*NodeDrain) Kind() Kind         { return KindNodeDrain }
func (*NodeRemoved) Kind() Kind       { return KindNodeRemoved }
func (*WorkloadSubmitted) Kind() Kind { return KindWorkloadSubmitted }
func (*WorkloadRevised) Kind() Kind   { return KindWorkloadRevised }
func (*WorkloadRescaled) Kind() Kind  { return KindWorkloadRescaled }
func (*WorkloadStopping) Kind() Kind  { return KindWorkloadStopping }
func (*WorkloadFinished) Kind() Kind  { return KindWorkloadFinished }
func (*WorkloadForgotten) Kind() Kind { return KindWorkloadForgotten }
func (*RunScheduled) Kind() Kind      { return KindRunScheduled }
func (*RevisionStable) Kind() Kind    { return KindRevisionStable }
func (*ReplicasAdded) Kind() Kind     { return KindReplicasAdded }
func (*TasksReady) Kind() Kind        { return KindTasksReady }
func (*TaskPlaced) Kind() Kind        { return KindTaskPlaced }
func (*TaskBooked) Kind() Kind        { return KindTaskBooked }
func (*TaskUnbooked) Kind() Kind      { return KindTaskUnbooked }
func (*ShapeRefused) Kind() Kind      { return KindShapeRefused }
func (*ShapeCleared) Kind() Kind      { return KindShapeCleared }
func (*TaskStarted) Kind() Kind       { return KindTaskStarted }
func (*TaskHealth) Kind() Kind        { return KindTaskHealth }
func (*TaskStop) Kind() Kind          { return KindTaskStop }
func (*TaskEnded) Kind() Kind         { return KindTaskEnded }
func (*TasksLost) Kind() Kind         { return KindTasksLost }
func (*ReportDuplicate) Kind() Kind   { return KindReportDuplicate }
func (*Answered) Kind() Kind          { return KindAnswered }
func (*ReservationMade) Kind() Kind   { return KindReservationMade }
func (*ReservationEnded) Kind() Kind  { return KindReservationEnded }
func (*TaskSuspended) Kind() Kind     { return KindTaskSuspended }
func (*TaskCheckpointed) Kind() Kind  { return KindTaskCheckpointed }
func (*NodePower) Kind() Kind         { return KindNodePower }
func (*LossAccepted) Kind() Kind      { return KindLossAccepted }
func (*CellRegistered) Kind() Kind    { return KindCellRegistered }
func (*CellSilent) Kind() Kind        { return KindCellSilent }
func (*CellBack) Kind() Kind          { return KindCellBack }
func (*CellRemoved) Kind() Kind       { return KindCellRemoved }
func (*HandoverOffered) Kind() Kind   { return KindHandoverOffered }
func (*HandoverAccepted) Kind() Kind  { return KindHandoverAccepted }
func (*HandoverRefused) Kind() Kind   { return KindHandoverRefused }
func (*HandoverReported) Kind() Kind  { return KindHandoverReported }
func (*HandoverLost) Kind() Kind      { return KindHandoverLost }
func (*HandoverDeclined) Kind() Kind  { return KindHandoverDeclined }
func (*HandoverSettled) Kind() Kind   { return KindHandoverSettled }

// NewEvent returns an empty event of a kind, or nil when this build does not
// know the kind.
func NewEvent(k Kind) Event {
	if int(k) < len(makers) && makers[k] != nil {
		return makers[k]()
	}
	return nil
}

var makers = [...]func() Event{
	KindLeaderStarted:     func() Event { return new(LeaderStarted) },
	KindSettingsChanged:   func() Event { return new(SettingsChanged) },
	KindSitePut:           func() Event { return new(SitePut) },
	KindStrategyPut:       func() Event { return new(StrategyPut) },
	KindTenantPut:         func() Event { return new(TenantPut) },
	KindPlanAsked:         func() Event { return new(PlanAsked) },
	KindPlanClosed:        func() Event { return new(PlanClosed) },
	KindNodeRegistered:    func() Event { return new(NodeRegistered) },
	KindNodeSilent:        func() Event { return new(NodeSilent) },
	KindNodeBack:          func() Event { return new(NodeBack) },
	KindNodeDrain:         func() Event { return new(NodeDrain) },
	KindNodeRemoved:       func() Event { return new(NodeRemoved) },
	KindWorkloadSubmitted: func() Event { return new(WorkloadSubmitted) },
	KindWorkloadRevised:   func() Event { return new(WorkloadRevised) },
	KindWorkloadRescaled:  func() Event { return new(WorkloadRescaled) },
	KindWorkloadStopping:  func() Event { return new(WorkloadStopping) },
	KindWorkloadFinished:  func() Event { return new(WorkloadFinished) },
	KindWorkloadForgotten: func() Event { return new(WorkloadForgotten) },
	KindRunScheduled:      func() Event { return new(RunScheduled) },
	KindRevisionStable:    func() Event { return new(RevisionStable) },
	KindReplicasAdded:     func() Event { return new(ReplicasAdded) },
	KindTasksReady:        func() Event { return new(TasksReady) },
	KindTaskPlaced:        func() Event { return new(TaskPlaced) },
	KindTaskBooked:        func() Event { return new(TaskBooked) },
	KindTaskUnbooked:      func() Event { return new(TaskUnbooked) },
	KindProbationBegun:    func() Event { return new(ProbationBegun) },
	KindProbationJudged:   func() Event { return new(ProbationJudged) },
	KindRolloutBegun:      func() Event { return new(RolloutBegun) },
	KindRolloutShadowed:   func() Event { return new(RolloutShadowed) },
	KindRolloutJudged:     func() Event { return new(RolloutJudged) },
	KindShapeRefused:      func() Event { return new(ShapeRefused) },
	KindShapeCleared:      func() Event { return new(ShapeCleared) },
	KindTaskStarted:       func() Event { return new(TaskStarted) },
	KindTaskHealth:        func() Event { return new(TaskHealth) },
	KindTaskStop:          func() Event { return new(TaskStop) },
	KindTaskEnded:         func() Event { return new(TaskEnded) },
	KindTasksLost:         func() Event { return new(TasksLost) },
	KindReportDuplicate:   func() Event { return new(ReportDuplicate) },
	KindAnswered:          func() Event { return new(Answered) },
	KindReservationMade:   func() Event { return new(ReservationMade) },
	KindReservationEnded:  func() Event { return new(ReservationEnded) },
	KindTaskSuspended:     func() Event { return new(TaskSuspended) },
	KindTaskCheckpointed:  func() Event { return new(TaskCheckpointed) },
	KindNodePower:         func() Event { return new(NodePower) },
	KindLossAccepted:      func() Event { return new(LossAccepted) },
	KindCellRegistered:    func() Event { return new(CellRegistered) },
	KindCellSilent:        func() Event { return new(CellSilent) },
	KindCellBack:          func() Event { return new(CellBack) },
	KindCellRemoved:       func() Event { return new(CellRemoved) },
	KindHandoverOffered:   func() Event { return new(HandoverOffered) },
	KindHandoverAccepted:  func() Event { return new(HandoverAccepted) },
	KindHandoverRefused:   func() Event { return new(HandoverRefused) },
	KindHandoverReported:  func() Event { return new(HandoverReported) },
	KindHandoverLost:      func() Event { return new(HandoverLost) },
	KindHandoverDeclined:  func() Event { return new(HandoverDeclined) },
	KindHandoverSettled:   func() Event { return new(HandoverSettled) },
	KindSignalPut:         func() Event { return new(SignalPut) },
	KindBudgetHeld:        func() Event { return new(BudgetHeld) },
	KindBudgetFreed:       func() Event { return new(BudgetFreed) },
	KindOffsetBought:      func() Event { return new(OffsetBought) },
	KindOffsetEnded:       func() Event { return new(OffsetEnded) },
	KindServiceScaled:     func() Event { return new(ServiceScaled) },
	KindTasksDeferred:     func() Event { return new(TasksDeferred) },
	KindSlicingLooked:     func() Event { return new(SlicingLooked) },
	KindTaskSliced:        func() Event { return new(TaskSliced) },
	KindTaskResized:       func() Event { return new(TaskResized) },
	KindNodesLooked:       func() Event { return new(NodesLooked) },
	KindNodeClearing:      func() Event { return new(NodeClearing) },
	KindBatterySet:        func() Event { return new(BatterySet) },
	KindBatteryReported:   func() Event { return new(BatteryReported) },
	KindBatteryForgotten:  func() Event { return new(BatteryForgotten) },
	KindDemandForeseen:    func() Event { return new(DemandForeseen) },
	KindSuspensionPut:     func() Event { return new(SuspensionPut) },
	KindNodeStrained:      func() Event { return new(NodeStrained) },
	KindNodeEased:         func() Event { return new(NodeEased) },
}
