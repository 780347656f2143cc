package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// What canonical CBOR with integer keys takes at most, in bytes: of a number, of
// a list's or a text's head, of a reference to a task, of a small event without
// its texts. Real values take less; estimates are there to bound batches.
const (
	numberSize = 10
	headSize   = 6
	refSize    = 3*numberSize + 2
	smallSize  = 64
)

// sizeOf estimates how many bytes an event takes in the journal, rather too many
// than too few.
func sizeOf(ev state.Event) int {
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		return smallSize + specSize(v.Spec) + profilesSize(v.Profiles) + len(v.Principal) + len(v.Key)
	case *state.WorkloadRevised:
		return smallSize + specSize(v.Spec) + profilesSize(v.Profiles) + len(v.Reason) + len(v.Key)
	case *state.WorkloadRescaled:
		return smallSize + specSize(v.Spec) + len(v.Key)
	case *state.WorkloadStopping:
		return smallSize + len(v.Reason) + len(v.Key)
	case *state.WorkloadFinished:
		return smallSize + len(v.Reason)
	case *state.WorkloadForgotten:
		return smallSize + numberSize*len(v.IDs)
	case *state.NodeRegistered:
		return nodeSize(&v.Node)
	case *state.ReplicasAdded:
		return smallSize + textsSize(v.Pins)
	case *state.SitePut:
		return siteSize(&v.Site) + len(v.Key)
	case *state.StrategyPut:
		return strategySize(&v.Strategy) + len(v.Key)
	case *state.TenantPut:
		return tenantSize(&v.Tenant) + len(v.Key)
	case *state.SignalPut:
		return signalSize(&v.Signal) + len(v.Key)
	case *state.NodeDrain:
		return smallSize + len(v.Node) + len(v.Key)
	case *state.NodesLooked:
		if v.At != nil {
			return smallSize + len(v.At.Node)
		}
		return smallSize
	case *state.NodeClearing:
		return 2*smallSize + len(v.Node) + len(v.Why) + refSize*len(v.Tasks) + textsSize(v.To)
	case *state.BatterySet:
		return 2*smallSize + len(v.Site) + len(v.Why)
	case *state.BatteryReported:
		return smallSize + len(v.Site) + len(v.Idle)
	case *state.BatteryForgotten:
		return smallSize + len(v.Site)
	case *state.NodePower:
		return smallSize + len(v.Node) + len(v.Reason) + len(v.Key)
	case *state.NodeRemoved:
		return smallSize + len(v.Node) + len(v.Key)
	case *state.SettingsChanged:
		return 2*smallSize + len(v.Settings.Home) + len(v.Settings.Strategy) + len(v.Key)
	case *state.CellRegistered:
		return cellSize(&v.Cell)
	case *state.HandoverReported:
		return 4*smallSize + len(v.Reason) + elementsSize(v.Elements)
	case *state.HandoverRefused:
		return smallSize + len(v.Reason)
	case *state.HandoverLost:
		return smallSize + len(v.Reason)
	case *state.HandoverDeclined:
		return 2*smallSize + len(v.ID.Cell) + len(v.Reason)
	case *state.HandoverSettled:
		return smallSize + idSize*len(v.IDs)
	case *state.ProbationBegun:
		return len(v.To) + probationSize(&v.Asked)
	case *state.ProbationJudged:
		return smallSize + len(v.Reason)
	case *state.RolloutBegun:
		return len(v.To) + probationSize(&v.Asked) + stagesSize(&v.Stages)
	case *state.RolloutShadowed:
		return smallSize + 10*numberSize
	case *state.RolloutJudged:
		return smallSize + len(v.Reason)
	case *state.OffsetBought:
		return offsetSize(&v.Offset) + len(v.By) + len(v.Key)
	case *state.OffsetEnded:
		return 2*smallSize + len(v.Serial) + len(v.Note) + len(v.Key)
	case *state.BudgetHeld:
		return 2*smallSize + len(v.Tenant) + len(v.For)
	case *state.BudgetFreed:
		return smallSize + len(v.Tenant) + len(v.For)
	case *state.ServiceScaled:
		return 2*smallSize + len(v.Why.Model)
	case *state.TaskResized:
		return 2 * smallSize
	case *state.DemandForeseen:
		return 2*smallSize + len(v.Model)
	case *state.NodeStrained:
		n := 2*smallSize + len(v.Node)
		for i := range v.Seats {
			n += refSize + headSize + smallSize/8 + len(v.Seats[i].Node)
		}
		return n
	case *state.NodeEased:
		return smallSize + len(v.Node) + len(v.Why)
	case *state.PlanClosed:
		return 2*smallSize + len(v.Outcome.Planner)
	case *state.Answered:
		return smallSize + len(v.Key) + len(v.Answer.Message) + len(v.Answer.Action)
	}
	return sizeOfTask(ev)
}

func expectsSize(f *api.Footprint) int {
	if f == nil {
		return 0
	}
	return smallSize + numberSize
}

func generatedSize(g *api.Generated) int {
	if g == nil {
		return 0
	}
	return smallSize + len(g.Site) + len(g.Zone) + numberSize*len(g.Hours)
}

func deferralSize(d *api.Deferral) int {
	if d == nil {
		return smallSize
	}
	return 3*smallSize + len(d.Site) + len(d.Doubt) + len(d.Budget)
}

func sizeOfTask(ev state.Event) int {
	switch v := ev.(type) {
	case *state.TaskPlaced:
		return smallSize + len(v.Node) + decisionSize(v.Decision) + 3*numberSize*len(v.Devices) + expectsSize(v.Expects)
	case *state.ReservationMade:
		return reservationSize(&v.Reservation)
	case *state.TaskBooked:
		return smallSize + len(v.Node) + 3*numberSize*len(v.Devices) + refSize*len(v.Victims)
	case *state.ShapeRefused:
		return smallSize + len(v.Shape) + decisionSize(v.Decision)
	case *state.TaskStarted:
		return smallSize + portsSize(v.Ports)
	case *state.TaskHealth:
		return smallSize + len(v.Detail)
	case *state.TaskStop:
		return smallSize + len(v.Reason)
	case *state.SuspensionPut:
		if v.Suspension == nil {
			return smallSize
		}
		return 2*smallSize + len(v.Suspension.By) + len(v.Suspension.Reason)
	case *state.TasksDeferred:
		return deferralSize(v.Wait)
	case *state.TaskEnded:
		return smallSize + 2*numberSize + resultSize(v.Result) + len(v.Reason) + headSize + len(v.Machine) + 2*smallSize + numberSize + generatedSize(v.Generated) + len(v.Site)
	case *state.TasksLost:
		return smallSize + refSize*len(v.Refs) + len(v.Node) + len(v.Reason)
	}
	return smallSize
}

// profileSize bounds a profile: six numbers, texts from the tables of analysis, and
// the speeds on all kinds of machines.
const profileSize = 640 + (api.MaxMachines+1)*(api.MaxMachine+4*headSize)

func profilesSize(list []api.Profile) int {
	n := headSize
	for i := range list {
		p := &list[i]
		n += 6*numberSize + 5*headSize + len(p.Class) + len(p.Technology) + len(p.Strategy) + textsSize(p.Why)
		for j := range p.Speeds {
			n += speedSize(&p.Speeds[j])
		}
	}
	return n
}

func specSize(w *api.Workload) int {
	if w == nil {
		return 0
	}
	return w.Size()
}

func portsSize(list []api.Port) int {
	n := 0
	for i := range list {
		n += numberSize + headSize + len(list[i].Name)
	}
	return n
}

func textsSize(list []string) int {
	n := headSize
	for _, s := range list {
		n += headSize + len(s)
	}
	return n
}

func nodeSize(n *api.Node) int {
	size := 4*smallSize + len(n.Name) + len(n.Site) + len(n.Layer) + textsSize(n.Drivers) + len(n.Version) + len(n.Boot)
	for k, v := range n.Labels { // order-free: a sum
		size += 2*headSize + len(k) + len(v)
	}
	for i := range n.Taints {
		t := &n.Taints[i]
		size += 4*headSize + len(t.Key) + len(t.Value) + len(t.Effect)
	}
	for i := range n.Capacity.Accelerators {
		a := &n.Capacity.Accelerators[i]
		size += numberSize + headSize + len(a.Kind) + textsSize(a.Models)
	}
	if n.Price != nil {
		size += numberSize + headSize + len(n.Price.Currency)
	}
	return size
}

func siteSize(s *api.Site) int {
	size := smallSize + len(s.Name) + len(s.Layer) + len(s.Zone) + len(s.Tariff)
	if s.Market != nil {
		size += smallSize + len(s.Market.Kind) + len(s.Market.Source)
	}
	if s.Battery != nil {
		size += 2 * smallSize
	}
	for i := range s.Links {
		l := &s.Links[i]
		size += 2*numberSize + 2*headSize + len(l.To)
		if l.PricePerGB != nil {
			size += numberSize + headSize + len(l.PricePerGB.Currency)
		}
	}
	return size
}

func decisionSize(d *api.Decision) int {
	if d == nil {
		return 0
	}
	n := 6*numberSize + 4*headSize + len(d.Strategy) + len(d.Stage) + headSize + len(d.Timing) + headSize + len(d.Moved) + candidateSize(d.Chosen)
	for i := range d.RunnersUp {
		n += candidateSize(&d.RunnersUp[i])
	}
	if d.Speed != nil {
		n += speedSize(d.Speed)
	}
	for i := range d.Reasons {
		n += numberSize + headSize + len(d.Reasons[i].Reason)
	}
	return n
}

func speedSize(v *api.MachineSpeed) int { return 4*headSize + len(v.Machine) + len(v.Than) }

func candidateSize(c *api.Candidate) int {
	if c == nil {
		return 0
	}
	n := 2*headSize + numberSize/2 + len(c.Node)
	for i := range c.Terms {
		n += headSize + numberSize/2 + len(c.Terms[i].Name)
	}
	return n
}

// idSize bounds a hand-over's name.
const idSize = 3*numberSize + headSize + 63

func cellSize(c *api.Cell) int {
	n := smallSize + len(c.Name) + len(c.Version) + textsSize(c.Sites)
	for _, l := range c.Layers {
		n += headSize + len(l)
	}
	return n
}

func elementsSize(list []api.HandoverElement) int {
	n := headSize
	for i := range list {
		n += elementSize(&list[i])
	}
	return n
}

func resultSize(r *api.Result) int {
	if r == nil {
		return 0
	}
	n := 10*numberSize + 6*headSize + len(r.Signal) + len(r.Reason) + len(r.Detail)
	for i := range r.Outputs {
		v := &r.Outputs[i]
		n += numberSize + 5*headSize + len(v.Name) + len(v.File) + len(v.Digest) + len(v.Inline)
	}
	return n
}
